"""The whole way from a model to an answer, by the client alone; and what is left when it fails."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import psutil
import pytest

import jupyter_deploy as jd
from jupyter_deploy.client.deploy import DeployInterrupted
from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.client.launch import ensure_controller
from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import (
    ControllerError,
    DeployError,
    NotFoundError,
    PackagingError,
    PredictionError,
    UsageError,
)
from jupyter_deploy.packaging.store import bento_home
from jupyter_deploy.types import DeploymentState, Stage, StageReport, StageState
from tests import models
from tests.waiting import wait_for


def _bentos() -> list[str]:
    """What the store holds: Bentos, and what is being written."""
    found = (path for at in ("bentos/*/*", "tmp/*") for path in bento_home().glob(at))
    return sorted(str(path) for path in found if path.is_dir())


@pytest.fixture(scope="module")
def live(shared_paths: Paths) -> jd.Deployment:
    model, sample = models.logistic()
    return jd.deploy(model, name="live", sample=sample)


def test_stages_come_in_order_with_times(shared_paths: Paths) -> None:
    model, sample = models.ridge()
    seen: list[StageReport] = []
    deployment = jd.deploy(model, name="ridge", sample=sample, on_stage=seen.append)
    assert [r.stage for r in seen if r.state is StageState.DONE] == list(Stage)
    assert [r.stage for r in deployment.stages] == list(Stage)
    assert all(r.seconds >= 0 for r in deployment.stages)
    np.testing.assert_allclose(deployment.predict(sample), model.predict(sample), rtol=1e-4)
    assert isinstance(deployment.predict(sample[:2].tolist()), list)
    with pytest.raises(PredictionError, match="no probabilities"):
        deployment.predict_proba(sample)
    deployment.remove()
    with pytest.raises(NotFoundError):
        deployment.info()


def test_labels_and_probabilities(live: jd.Deployment) -> None:
    model, sample = models.logistic()
    assert (live.predict(sample) == model.predict(sample)).all()
    np.testing.assert_allclose(live.predict_proba(sample), model.predict_proba(sample), atol=1e-5)
    assert live.predict(sample.iloc[0]).tolist() == [model.predict(sample[:1])[0]]
    assert live.predict(sample.head(2).to_dict("records")) == list(model.predict(sample[:2]))


def test_refused_input_says_where(live: jd.Deployment) -> None:
    rows = models.logistic()[1].head(2).to_dict("records")
    rows[1]["mean area"] = "wide"
    with pytest.raises(PredictionError, match=r"row 1, column 'mean area': got .*wide") as told:
        live.predict(rows)
    assert "expected" in told.value.message
    assert told.value.detail["errors"][0]["row"] == 1


def test_stop_start_and_what_is_said_meanwhile(live: jd.Deployment) -> None:
    sample = models.logistic()[1]
    live.stop()
    wait_for(lambda: live.state is DeploymentState.STOPPED, 20, "it stopped")
    with pytest.raises(DeployError, match="live") as told:
        live.predict(sample[:1])
    assert "jupyter model-deploy start live" in told.value.hint
    assert live.start().state is DeploymentState.RUNNING
    assert len(live.predict(sample[:1])) == 1


def test_it_shows_itself_without_its_key(live: jd.Deployment, shared_paths: Paths) -> None:
    live.info()
    key = next(iter(live.headers.values()))
    for shown in (repr(live), live._repr_html_(), repr(jd.Deployment("live"))):
        assert "live" in shown
        assert key not in shown
    assert live.endpoint in repr(live)
    assert live.logs()
    assert jd.connect("live").version == live.version
    with pytest.raises(NotFoundError):
        jd.connect("nobody")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "Bad Name"}, UsageError),
        ({"name": "bad", "engine": "onx"}, UsageError),
        ({"name": "bad", "workers": 0}, UsageError),
        ({"name": "bad", "sample": [1, 2]}, PackagingError),
        ({"name": "bad", "model": object()}, PackagingError),
    ],
)
def test_what_cannot_be_packed_leaves_nothing(
    shared_paths: Paths, options: dict[str, Any], error: type[Exception]
) -> None:
    model, sample = models.logistic()
    before = _bentos()
    with pytest.raises(error):
        jd.deploy(**{"model": model, "sample": sample, **options})
    assert _bentos() == before
    with ensure_controller(shared_paths) as controller:
        assert "bad" not in {info.name for info in controller.deployments()}


@pytest.mark.parametrize("stage", [Stage.INSPECT, Stage.CONVERT, Stage.PACKAGE])
@pytest.mark.parametrize("state", [StageState.RUNNING, StageState.DONE])
def test_an_interrupt_before_the_handover_leaves_nothing(
    shared_paths: Paths, stage: Stage, state: StageState
) -> None:
    def interrupt(report: StageReport) -> None:
        if (report.stage, report.state) == (stage, state):
            raise KeyboardInterrupt

    model, sample = models.logistic()
    before = _bentos()
    with pytest.raises(DeployInterrupted, match="nothing of it is left"):
        jd.deploy(model, name="cut", sample=sample, on_stage=interrupt)
    assert _bentos() == before
    with ensure_controller(shared_paths) as controller:
        assert "cut" not in {info.name for info in controller.deployments()}


def test_an_interrupt_after_the_handover_harms_nothing(shared_paths: Paths) -> None:
    def interrupt(report: StageReport) -> None:
        if report.stage is Stage.START:
            raise KeyboardInterrupt

    model, sample = models.logistic()
    with pytest.raises(DeployInterrupted, match="goes on in the controller") as told:
        jd.deploy(model, name="goes-on", sample=sample, on_stage=interrupt)
    assert "jupyter model-deploy status goes-on" in told.value.hint
    assert "%deploy remove goes-on" in told.value.told("%deploy")
    deployment = jd.Deployment("goes-on")
    wait_for(lambda: deployment.state is DeploymentState.RUNNING, 30, "it goes on")
    assert len(deployment.predict(sample[:1])) == 1
    deployment.remove()


class BreaksInTheService:
    """Predicts where it was made, and nowhere else."""

    def __reduce__(self) -> Any:
        return (_only_here, (psutil.Process().pid,))

    def predict(self, rows: Any) -> Any:
        return np.zeros(len(rows))


def _only_here(pid: int) -> BreaksInTheService:
    if psutil.Process().pid != pid:
        raise RuntimeError("made elsewhere")
    return BreaksInTheService()


def test_a_version_that_never_comes_up_leaves_no_bento(
    live: jd.Deployment, shared_paths: Paths
) -> None:
    before, version = _bentos(), live.version
    with pytest.raises(DeployError) as told:
        jd.deploy(BreaksInTheService(), name="live", sample=models.logistic()[1], breaking=True)
    assert told.value.message.endswith("ended with exit code 3: RuntimeError: made elsewhere")
    assert told.value.hint.startswith("Read all of it: jupyter model-deploy logs live --version ")
    assert live.info().error.endswith(f"{version} still serves: {told.value.message}")
    assert _bentos() == before
    assert live.version == version
    assert len(live.predict(models.logistic()[1][:1])) == 1


def test_a_controller_killed_on_the_way_is_brought_back(shared_paths: Paths) -> None:
    killed: list[int] = []

    def kill(report: StageReport) -> None:
        if report.stage is Stage.START and not killed:
            with ControllerClient(shared_paths) as client:
                killed.append(client.info().pid)
            psutil.Process(killed[0]).send_signal(signal.SIGKILL)

    model, sample = models.logistic()
    deployment = jd.deploy(model, name="revived", sample=sample, on_stage=kill)
    assert killed
    assert deployment.state is DeploymentState.RUNNING
    deployment.remove()


def test_no_controller_no_bento(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.database.write_text("this is no database, and long enough not to be taken for one")
    model, sample = models.logistic()
    before = _bentos()
    with pytest.raises(ControllerError):
        jd.deploy(model, name="churn", sample=sample)
    assert _bentos() == before
