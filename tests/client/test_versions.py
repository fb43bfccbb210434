"""Versions by the client, with a real controller: what is refused, when, and what is left of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression

import jupyter_deploy as jd
from jupyter_deploy.client.bentos import listed
from jupyter_deploy.client.deploy import DeployInterrupted
from jupyter_deploy.client.launch import ensure_controller
from jupyter_deploy.client.signature import VersionSignature
from jupyter_deploy.config import LOG_LINES_MAX, Paths
from jupyter_deploy.exceptions import (
    ConflictError,
    PredictionError,
    SignatureChangedError,
    UsageError,
)
from jupyter_deploy.types import ReservationRequest, Stage, StageReport, StageState


@cache
def model(*columns: str) -> tuple[Any, pd.DataFrame]:
    """A regressor on columns of these names, and a sample."""
    values = np.random.default_rng(0).normal(size=(50, len(columns)))
    sample = pd.DataFrame(values, columns=list(columns))
    return LinearRegression().fit(sample, sample.sum(axis=1)), sample


def deploy(name: str, *columns: str, **options: Any) -> jd.Deployment:
    fitted, sample = model(*columns)
    return jd.deploy(fitted, name=name, sample=sample, engine="native", **options)


@pytest.fixture(scope="module")
def live(shared_paths: Paths) -> jd.Deployment:
    return deploy("shown", "a", "b")


def test_numbers_follow_the_signature(shared_paths: Paths) -> None:
    assert deploy("numbers", "a", "b").version == "1.0.0"
    assert deploy("numbers", "a", "b").version == "1.1.0"
    seen: list[StageReport] = []
    with pytest.raises(SignatureChangedError) as refused:
        deploy("numbers", "b", "c", on_stage=seen.append)
    assert refused.value.message == (
        "The signature of 'numbers' has changed since 1.1.0: "
        "column 'a' is gone; column 'c' is new (number)."
    )
    assert [one["column"] for one in refused.value.detail["differences"]] == ["a", "c"]
    assert "--breaking" in refused.value.hint
    # before the conversion, and with nothing left
    assert [report.stage for report in seen] == [Stage.INSPECT, Stage.INSPECT]
    assert (seen[-1].state, seen[-1].detail) == (StageState.FAILED, refused.value.message)
    assert sorted(listed("numbers")) == ["1.0.0", "1.1.0"]
    live = jd.connect("numbers")
    np.testing.assert_allclose(live.predict([{"a": 1.0, "b": 2.0}]), [3.0])
    broken = deploy("numbers", "b", "c", breaking=True)
    assert broken.version == "2.0.0"
    assert "breaking: 2 differences from 1.1.0" in broken.stages[0].detail
    np.testing.assert_allclose(broken.predict([{"b": 1.0, "c": 2.0}]), [3.0])
    assert deploy("numbers", "b", "c", version="2.3.1").version == "2.3.1"
    with pytest.raises(ConflictError, match=r"2\.1\.0: it is not above 2\.3\.1"):
        deploy("numbers", "b", "c", version="2.1.0")
    with pytest.raises(SignatureChangedError):
        deploy("numbers", "a", "b", version="2.9.0")
    live.remove()
    # a new life of the name, with the numbers of the old one used up
    assert deploy("numbers", "x").version == "2.4.0"


def test_the_slower_of_two_notebooks_is_refused(shared_paths: Paths) -> None:
    def overtake(report: StageReport) -> None:
        if (report.stage, report.state) == (Stage.CONVERT, StageState.RUNNING):
            deploy("raced", "a", "b")

    with pytest.raises(SignatureChangedError, match=r"since 1\.0\.0: column 'b' is gone"):
        deploy("raced", "a", on_stage=overtake)
    assert listed("raced") == ["1.0.0"]
    assert jd.connect("raced").version == "1.0.0"


def test_the_slower_of_two_notebooks_is_refused_when_it_is_packed_already(
    shared_paths: Paths,
) -> None:
    def overtake(report: StageReport) -> None:
        if (report.stage, report.state) == (Stage.PACKAGE, StageState.DONE):
            deploy("packed", "a", "b", version="1.9.0")

    with pytest.raises(SignatureChangedError, match=r"since 1\.9\.0: column 'b' is gone"):
        deploy("packed", "a", on_stage=overtake)
    assert listed("packed") == ["1.9.0"]


def test_an_interrupt_uses_no_number_up(live: jd.Deployment) -> None:
    for stage in (Stage.INSPECT, Stage.CONVERT):
        for state in (StageState.RUNNING, StageState.DONE):
            at = stage, state

            def interrupt(report: StageReport, at: Any = at) -> None:
                if (report.stage, report.state) == at:
                    raise KeyboardInterrupt

            with pytest.raises(DeployInterrupted, match="nothing of it is left"):
                deploy(live.name, "a", breaking=True, on_stage=interrupt)
    assert listed(live.name) == ["1.0.0"]
    with ensure_controller(live._paths) as controller:
        assert controller.compare(live.name, ReservationRequest()).version == "1.1.0"


def test_an_interrupt_in_a_function_of_the_users_leaves_nothing(shared_paths: Paths) -> None:
    def clean(rows: pd.DataFrame) -> pd.DataFrame:
        raise KeyboardInterrupt

    with pytest.raises(DeployInterrupted, match="nothing of it is left"):
        deploy("stopped", "a", preprocess=clean)
    assert listed("stopped") == []


def test_functions_policies_and_limits_reach_the_service(shared_paths: Paths) -> None:
    def double(rows: pd.DataFrame) -> pd.DataFrame:
        return rows * 2

    def words(predictions: Any) -> list[str]:
        return ["high" if value > 10 else "low" for value in predictions]

    live = deploy(
        "hooked",
        "a",
        "b",
        preprocess=double,
        postprocess=words,
        validate={"range": "coerce", "a": {"range": "reject"}},
        max_rows=3,
    )
    # b is brought into the range of the sample
    assert live.predict([{"a": 1.0, "b": 1e9}, {"a": -1.0, "b": 0.0}]) == ["low", "low"]
    origin = live.status().versions[0].spec.provenance
    assert [*origin.hooks] == ["preprocess", "postprocess"]
    assert "words" in origin.hooks["postprocess"]
    assert {"inspect", "convert"} <= origin.seconds.keys()
    signature = live.signature
    assert (signature.policies, signature.max_rows) == ({"range": "coerce"}, 3)
    assert signature.inputs[0].policies == {"range": "reject"}
    with pytest.raises(PredictionError, match="row 0, column 'a'"):
        live.predict([{"a": 1e9, "b": 0.0}])


def test_the_signature_of_a_deployment(live: jd.Deployment) -> None:
    signature = live.signature
    assert isinstance(signature, VersionSignature)
    assert (signature.name, signature.version) == ("shown", "1.0.0")
    assert [column.name for column in signature.inputs] == ["a", "b"]
    stored = live.status().versions[0].spec.signature
    assert json.loads(json.dumps(signature.to_json())) == stored
    first, *_, last = repr(signature).splitlines()
    assert first == "shown 1.0.0"
    assert last.split() == ["predictions", "float64", "(rows)"]


def test_an_onnx_file_is_called_by_its_name(shared_paths: Paths, tmp_path: Path) -> None:
    fitted, sample = model("a", "b")
    rows = sample.to_numpy("float32")
    file = tmp_path / "sums.onnx"
    file.write_bytes(to_onnx(fitted, rows[:1]).SerializeToString())
    live = jd.deploy(file, name="onnx", sample=rows)
    assert live.stages[0].detail == "sums.onnx, 2 columns"
    np.testing.assert_allclose(np.ravel(live.predict([[1.0, 2.0]])), [3.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"version": "2.0"}, "'2.0' is not a version"),
        ({"version": "v2.0.0"}, "'v2.0.0' is not a version"),
        ({"version": 2}, "2 is not a version"),
    ],
)
def test_what_can_not_be_asked_for(shared_paths: Paths, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        deploy("wrong", "a", **options)


@pytest.mark.parametrize("tail", [-1, LOG_LINES_MAX + 1])
def test_too_many_log_lines_are_told_by_their_maximum(live: jd.Deployment, tail: int) -> None:
    with pytest.raises(UsageError, match=f"{tail} log lines") as told:
        live.logs(tail=tail)
    assert f"0 to {LOG_LINES_MAX}" in told.value.hint
    assert "version" not in told.value.hint
