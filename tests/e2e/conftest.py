"""One installation with one live deployment for all tests of a module."""

from __future__ import annotations

from collections.abc import Set

import psutil
import pytest

import jupyter_deploy as jd
from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.config import Paths
from jupyter_deploy.types import DeploymentDetail, DeploymentState
from tests import models
from tests.waiting import wait_for

NAME = "churn"
WORKERS = 2


class Live:
    """A live deployment, and the processes behind it."""

    def __init__(self, paths: Paths, deployment: jd.Deployment) -> None:
        self.paths = paths
        self.deployment = deployment

    @property
    def url(self) -> str:
        return f"{self.deployment.endpoint}/predict"

    @property
    def headers(self) -> dict[str, str]:
        name, _, value = self.paths.key_header.read_text().strip().partition(": ")
        return {name: value}

    @property
    def body(self) -> list[dict[str, float]]:
        return models.cancer()[0].head(1).to_dict("records")

    def worker_pids(self) -> set[int]:
        """Pids of the workers of the live version that are ready."""
        return self._ready(self._detail())

    def _detail(self) -> DeploymentDetail:
        with ControllerClient(self.paths) as client:
            return client.deployment(NAME)

    @staticmethod
    def _ready(detail: DeploymentDetail) -> set[int]:
        version = detail.deployment.version
        processes = next(v.processes for v in detail.versions if v.spec.version == version)
        return {p.pid for p in processes if p.pid is not None and p.ready}

    def controller(self) -> psutil.Process:
        with ControllerClient(self.paths) as client:
            return psutil.Process(client.info().pid)

    def envoy(self) -> psutil.Process | None:
        """None while none runs."""
        with ControllerClient(self.paths) as client:
            pid = client.info().gateway.pid
        return None if pid is None else psutil.Process(pid)

    def whole(self, gone: Set[int] = frozenset()) -> bool:
        """True when every worker wanted is ready, and none of them is one of `gone`.

        All by one answer of the controller: two would mix before and after.
        """
        detail = self._detail()
        info, ready = detail.deployment, self._ready(detail)
        running = info.state is DeploymentState.RUNNING and len(ready) == info.workers
        return running and not ready & gone

    def wait_until_whole(self, timeout: float = 30) -> None:
        wait_for(self.whole, timeout, f"all workers of {NAME} ready")


@pytest.fixture(scope="module")
def live(shared_paths: Paths) -> Live:
    model, sample = models.logistic()
    return Live(shared_paths, jd.deploy(model, name=NAME, sample=sample, workers=WORKERS))
