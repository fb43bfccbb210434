"""CPU a request, over all processes of the service, beside a hand-written BentoML service.

One row of 30 features, StandardScaler + RandomForest(100) as the same ONNX file in both; ours with
validation, request ids and metrics on, once as it is by default and once with every check that
looks at values. CPU time and not throughput, since it is steady on a shared machine.
"""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import psutil
import pytest

import jupyter_deploy as jd
from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.config import Paths
from tests import models
from tests.benchmarks.measure import bentoml_serve, cpu_seconds, tree
from tests.load import Load
from tests.waiting import wait_for

HAND_WRITTEN = """
import bentoml
import numpy as np
import onnxruntime


@bentoml.service(name="hand_written", workers=1)
class HandWritten:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession("MODEL", options)
        self.input = self.session.get_inputs()[0].name

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.input: rows.astype(np.float32)})[1]
"""

ROUNDS = 3
#: Every check that looks at values, at its strictest.
STRICT = {"range": "reject", "category": "reject", "type": "coerce", "infinite": "coerce"}
#: A caller's trace, as its header.
TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


def cost(
    processes: list[psutil.Process], url: str, body: object, headers: dict[str, str], requests: int
) -> float:
    """Return microseconds of CPU a request of `processes` under two steady clients."""
    with Load(url, body, headers, clients=2) as load:
        wait_for(lambda: load.answered_more_than(200), 30, "the warm-up")
        spent, answered = cpu_seconds(processes), load.outcome.answered
        wait_for(lambda: load.answered_more_than(answered + requests), 120, "the requests")
        spent, answered = cpu_seconds(processes) - spent, load.outcome.answered - answered
    assert load.outcome.failed == 0, str(load.outcome)
    return spent / answered * 1e6


@pytest.mark.long
def test_cpu_a_request(paths: Paths, tmp_path: Path) -> None:
    model, sample = models.forest()
    deployment = jd.deploy(model, name="forest", sample=sample, engine="onnx")
    strict = jd.deploy(model, name="strict", sample=sample, engine="onnx", validate=STRICT)
    record = sample.head(1).to_dict("records")
    rows = sample.head(1).to_numpy().tolist()
    header, _, key = paths.key_header.read_text().strip().partition(": ")
    with ControllerClient(paths) as client:
        workers, strict_workers = (
            [psutil.Process(p.pid) for p in client.deployment(name).versions[0].processes]
            for name in ("forest", "strict")
        )
        pid = client.info().gateway.pid
        assert pid is not None
        envoy = [psutil.Process(pid)]

    store = Path(os.environ["BENTOML_HOME"]) / "bentos" / "forest" / deployment.version
    (onnx,) = store.rglob("model.onnx")
    (tmp_path / "service.py").write_text(HAND_WRITTEN.replace("MODEL", str(onnx)))

    ours, checked, traced, plain, theirs, gateway = [], [], [], [], [], []
    hand_written = {"rows": rows}
    with (
        bentoml_serve(f"forest:{deployment.version}") as (own_url, own_pid, _),
        bentoml_serve(tmp_path) as (hand_url, hand_pid, _),
    ):
        for _ in range(ROUNDS):
            url = f"{deployment.endpoint}/predict"
            before = cpu_seconds(envoy)
            ours.append(cost(workers, url, record, {header: key}, 4000))
            gateway.append((cpu_seconds(envoy) - before) / 4200 * 1e6)
            url = f"{strict.endpoint}/predict"
            checked.append(cost(strict_workers, url, record, {header: key}, 4000))
            traced.append(cost(strict_workers, url, record, {header: key, **TRACE}, 4000))
            plain.append(cost(tree(own_pid), f"{own_url}/predict", rows, {}, 4000))
            theirs.append(cost(tree(hand_pid), f"{hand_url}/predict", hand_written, {}, 1500))

    print("\nµs of CPU a request, one row of 30 features, RandomForest(100), three rounds:")
    for name, values in {
        "worker behind the gateway, a record": ours,
        "… with all checks of values on": checked,
        "… and a trace passed on": traced,
        "the same Bento under `bentoml serve`, a row": plain,
        "hand-written @bentoml.api, same ONNX, a row": theirs,
        "Envoy, for comparison": gateway,
    }.items():
        print(f"  {name:45} " + "  ".join(f"{v:7.0f}" for v in values))
    print(f"  ratio of the medians {statistics.median(theirs) / statistics.median(plain):.1f}")
    assert statistics.median(ours) <= 200
    assert statistics.median(traced) <= 200
    assert statistics.median(theirs) / statistics.median(plain) >= 10
