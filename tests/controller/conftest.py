"""A controller process and versions for it; nothing of them outlives the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jupyter_deploy.config import Paths
from tests.controller.parts import Controller, Versions


@pytest.fixture
def versions(paths: Paths) -> Versions:
    return Versions(paths.home.parent / "versions")


@pytest.fixture
def controller(paths: Paths) -> Iterator[Controller]:
    controller = Controller(paths)
    try:
        yield controller.start()
    finally:
        controller.close()


@pytest.fixture
def stopped_controller(paths: Paths) -> Iterator[Controller]:
    """One that the test starts itself."""
    controller = Controller(paths)
    try:
        yield controller
    finally:
        controller.close()
