"""One gateway with real workers behind it, for a test or for all tests of a module."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.gateway.envoy import Gateway, free_port
from tests.gateway.parts import Workers

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]


@dataclass
class Bench:
    """A gateway that isn't running yet, its port, its workers, and an event loop."""

    paths: Paths
    gateway: Gateway
    port: int
    workers: Workers
    run: Run[Any]

    def another(self, **options: Any) -> Gateway:
        """Return a second object for the same gateway, as a new controller has."""
        return Gateway(self.paths.gateway, self.paths.logs, **options)


def _bench(paths: Paths) -> Iterator[Bench]:
    workers = Workers(paths)
    with asyncio.Runner() as runner:
        gateway = Gateway(paths.gateway, paths.logs)
        try:
            yield Bench(paths, gateway, free_port(), workers, runner.run)
        finally:
            runner.run(gateway.stop(timeout=0))
            workers.stop()


@pytest.fixture
def bench(paths: Paths) -> Iterator[Bench]:
    yield from _bench(paths)


@pytest.fixture(scope="module")
def shared(shared_paths: Paths) -> Iterator[Bench]:
    yield from _bench(shared_paths)
