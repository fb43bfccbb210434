"""A real Bento, packed here and served by BentoML's own worker."""

from __future__ import annotations

import os
import signal

import httpx
import pytest

from jupyter_deploy.types import VersionSpec
from tests import models
from tests.controller.parts import Controller
from tests.load import Load
from tests.waiting import wait_for

# BentoML's own imports
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")


def pack(name: str, version: str) -> VersionSpec:
    from jupyter_deploy.packaging import build, convert, inspect_model

    return build(convert(inspect_model(*models.logistic())), name=name, version=version)


def test_a_packed_model_is_served_verified_and_replaced_under_load(controller: Controller) -> None:
    first = pack("churn-eu", "1.0.0").model_copy(update={"workers": 2})
    operation = controller.finished(controller.submit(first).id, 60)
    assert operation.state == "done", operation.error
    header, _, key = controller.paths.key_header.read_text().strip().partition(": ")
    url = controller.info("churn-eu")["endpoint"]
    body = first.golden[0].request
    answer = httpx.post(f"{url}/predict", json=body, headers={header: key})
    assert answer.json()["predictions"] == first.golden[0].response["predictions"]
    assert answer.headers["x-model-version"] == "1.0.0"
    assert any("churn-eu" in line for line in controller.get("/deployments/churn-eu/logs")["lines"])

    with Load(f"{url}/predict", body, {header: key}, clients=2) as load:
        wait_for(lambda: load.answered_more_than(50), 10, "load to flow")
        second = controller.submit(pack("churn-eu", "1.1.0"))
        assert controller.finished(second.id, 60).state == "done"
        wait_for(lambda: controller.pids("churn-eu", "1.0.0") == [], 40, "the old one to end")
        seen = load.outcome.answered
        wait_for(lambda: load.answered_more_than(seen + 50), 10, "load to flow on")
    assert load.outcome.failed == 0, str(load.outcome)
    assert set(load.outcome.versions) == {"1.0.0", "1.1.0"}

    (pid,) = controller.pids("churn-eu", "1.1.0")
    assert pid
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: controller.info("churn-eu")["restarts"] == 1, 10, "the death to be seen")
    controller.until_state("churn-eu", "running", 30)


def test_a_broken_bento_fails_with_its_own_words(controller: Controller) -> None:
    spec = pack("broken", "1.0.0")
    missing = spec.model_copy(update={"bento": "broken:9.9.9"})
    operation = controller.finished(controller.submit(missing).id, 60)
    assert operation.state == "failed"
    assert operation.error
    assert "9.9.9" in str(operation.error["facts"]["log"])
