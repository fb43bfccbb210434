"""What is counted, and what Prometheus reads of it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.samples import Sample

from jupyter_deploy.serving.http import metrics
from jupyter_deploy.serving.http.metrics import Metrics
from tests.serving.packs import NAME, VERSION

#: BentoML's own default, which has bounds that ours lack.
THEIRS = (0.005, 0.01, 0.075, 0.75, 7.5, math.inf)

FILL = f"""
import sys
from jupyter_deploy.serving.http.metrics import Metrics
m = Metrics({NAME!r}, {VERSION!r}, {THEIRS[:-1]!r})
gauge = m.in_flight("/predict")
for _ in range(int(sys.argv[1])):
    gauge.inc()
    m.observe("/predict", 200, 0.06, 5)
gauge.dec()
m.observe("/predict", 503, 0.0001, 0)
m.observe("/healthz", 200, 20, 0)
print(m.render().decode())
"""


def filled(folder: Path | None, requests: int = 3) -> str:
    """Exposition of a worker that has answered."""
    environment = dict(os.environ)
    environment.pop("PROMETHEUS_MULTIPROC_DIR", None)
    if folder is not None:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    found = subprocess.run(
        [sys.executable, "-c", FILL, str(requests)],
        env=environment,
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    return found.stdout


def samples(text: str, name: str) -> list[Sample]:
    return [s for family in parse(text) for s in family.samples if s.name == name]


def value(text: str, name: str, **labels: str) -> float:
    [found] = [s for s in samples(text, name) if labels.items() <= s.labels.items()]
    return float(found.value)


@pytest.mark.parametrize("shared", [True, False], ids=["over-processes", "in-process"])
def test_what_was_counted(tmp_path: Path, shared: bool) -> None:
    text = filled(tmp_path if shared else None)
    ours = {"deployment": NAME, "model_version": VERSION}
    requests = {
        (s.labels["route"], s.labels["code"]): s.value for s in samples(text, metrics.REQUESTS)
    }
    assert requests == {("/predict", "200"): 3, ("/predict", "503"): 1, ("/healthz", "200"): 1}
    predict = {**ours, "route": "/predict", "code": "200"}
    assert value(text, f"{metrics.SECONDS}_count", **predict) == 3
    assert value(text, f"{metrics.SECONDS}_sum", **predict) == pytest.approx(0.18)
    assert value(text, f"{metrics.SECONDS}_bucket", **predict, le="0.05") == 0
    assert value(text, f"{metrics.SECONDS}_bucket", **predict, le="0.1") == 3
    assert value(text, metrics.ROWS, **ours) == 15
    # a process that has ended without its goodbye is forgotten with what it had in flight
    in_flight = samples(text, metrics.IN_FLIGHT)
    assert [s.value for s in in_flight if s.labels["route"] == "/predict"] == [2]


@pytest.mark.parametrize("shared", [True, False], ids=["over-processes", "in-process"])
def test_bentomls_own_names(tmp_path: Path, shared: bool) -> None:
    text = filled(tmp_path if shared else None)
    theirs = {
        "endpoint": "/predict",
        "service_name": NAME,
        "service_version": VERSION,
        "runner_name": NAME,
    }
    ok = {**theirs, "http_response_code": "200"}
    assert value(text, metrics.BENTOML_REQUESTS, **ok) == 3
    assert value(text, f"{metrics.BENTOML_SECONDS}_count", **ok) == 3
    assert value(text, f"{metrics.BENTOML_SECONDS}_sum", **ok) == pytest.approx(0.18)
    assert value(text, metrics.BENTOML_IN_PROGRESS, **theirs) == 2
    bounds = [
        (float(s.labels["le"]), s.value)
        for s in samples(text, f"{metrics.BENTOML_SECONDS}_bucket")
        if ok.items() <= s.labels.items()
    ]
    # the bounds are BentoML's, so that its series and ours add up
    assert bounds == [(le, 0 if le < 0.06 else 3) for le in THEIRS]


def test_every_family_has_a_type_and_every_series_is_there_once(tmp_path: Path) -> None:
    text = filled(tmp_path)
    families = {family.name: family for family in parse(text)}
    assert {family.type for family in families.values()} == {"counter", "gauge", "histogram"}
    series = [(s.name, *sorted(s.labels.items())) for f in families.values() for s in f.samples]
    assert len(series) == len(set(series))
    assert "unknown" not in text


def test_workers_of_one_folder_add_up(tmp_path: Path) -> None:
    filled(tmp_path, requests=3)
    text = filled(tmp_path, requests=4)
    assert value(text, metrics.REQUESTS, route="/predict", code="200") == 7
    assert value(text, metrics.BENTOML_REQUESTS, endpoint="/predict", http_response_code="200") == 7


def test_what_bentoml_has_begun_is_added_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It announces its methods with 0, under the labels that ours have too."""
    announce = (
        "from prometheus_client import Counter\n"
        f"Counter('{metrics.BENTOML_REQUESTS}', 'Total number of runner RPC', ['endpoint',"
        " 'service_name', 'service_version', 'http_response_code', 'runner_name'])"
        f".labels('/predict', '{NAME}', '{VERSION}', '200', '{NAME}').inc(2)\n"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", announce], env=environment, check=True, timeout=60)
    filled(tmp_path, requests=3)
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    text = Metrics(NAME, VERSION).render().decode()
    assert value(text, metrics.BENTOML_REQUESTS, endpoint="/predict", http_response_code="200") == 5
    assert text.count(f"# TYPE {metrics.BENTOML_REQUESTS} ") == 1
