"""The main job, with every part real: model, Bento, controller, workers, Envoy, clients."""

from __future__ import annotations

import subprocess
import sys

import httpx
import numpy as np
import pytest
import tritonclient.http as triton

import jupyter_deploy as jd
from tests import models
from tests.e2e.conftest import NAME, WORKERS, Live
from tests.load import Load
from tests.waiting import wait_for


def test_the_endpoint_answers_as_the_model_does(live: Live) -> None:
    model, sample = models.logistic()
    assert (np.asarray(live.deployment.predict(sample)) == model.predict(sample)).all()


def test_every_answer_names_request_and_version(live: Live) -> None:
    answer = httpx.post(live.url, json=live.body, headers=live.headers | {"x-request-id": "mine"})
    assert answer.status_code == 200
    assert answer.headers["x-request-id"] == "mine"
    assert answer.headers["x-model-version"] == live.deployment.version


def test_bad_input_says_where(live: Live) -> None:
    rows = live.body * 2
    rows[1] = rows[1] | {"mean radius": "wide"}
    answer = httpx.post(live.url, json=rows, headers=live.headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")
    (error,) = answer.json()["errors"]
    assert (error["row"], error["column"]) == (1, "mean radius")
    assert "number" in error["expected"]
    assert "wide" in error["got"]
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}])
def test_a_key_is_asked_for(live: Live, headers: dict[str, str]) -> None:
    assert httpx.post(live.url, json=live.body, headers=headers).status_code == 401


def test_metrics_are_summed_over_workers(live: Live) -> None:
    def count() -> float:
        text = httpx.get(f"{live.deployment.endpoint}/metrics", headers=live.headers).text
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith("jupyter_deploy_requests_total{") and 'route="/predict"' in line
        )

    before = count()
    with httpx.Client(headers=live.headers) as client:
        for _ in range(40):  # new connections, so that both workers get some
            assert client.post(live.url, json=live.body, headers={"connection": "close"}).is_success
    assert count() - before == 40


def test_one_server_with_many_models_for_an_oip_client(live: Live) -> None:
    model, sample = models.ridge()
    other = jd.deploy(model, name="diabetes", sample=sample)
    origin = live.deployment.endpoint.removeprefix("http://").removesuffix(f"/{NAME}")
    client = triton.InferenceServerClient(origin)
    try:
        key = live.headers
        assert client.is_server_live(headers=key)
        wait_for(lambda: client.is_server_ready(headers=key), 10, "all live versions ready")
        for name in (NAME, "diabetes"):
            assert client.is_model_ready(name, headers=key)
        metadata = client.get_model_metadata("diabetes", headers=key)
        assert metadata["name"] == "diabetes"
        (tensor,) = metadata["inputs"]
        data = triton.InferInput(tensor["name"], [5, 10], tensor["datatype"])
        dtype = {"FP32": np.float32, "FP64": np.float64}[tensor["datatype"]]
        data.set_data_from_numpy(sample[:5].astype(dtype), binary_data=False)
        asked = triton.InferRequestedOutput("predictions", binary_data=False)
        answer = client.infer("diabetes", [data], outputs=[asked], headers=key)
        predictions = answer.as_numpy("predictions").ravel()
        np.testing.assert_allclose(predictions, model.predict(sample[:5]), rtol=1e-4)
    finally:
        client.close()
        other.remove()


def test_versions_are_listed_by_bentoml(live: Live) -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "bentoml", "list", "-o", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{NAME}:{live.deployment.version}" in listed.stdout


def test_a_second_deploy_replaces_the_first_without_a_failed_request(live: Live) -> None:
    first = live.deployment.version
    better, sample = models.forest()
    with Load(live.url, live.body, live.headers) as load:
        wait_for(lambda: load.answered_more_than(50), 10, "load to flow")
        second = jd.deploy(better, name=NAME, sample=sample, workers=WORKERS)
        seen = load.outcome.answered
        wait_for(lambda: load.answered_more_than(seen + 50), 10, "load to flow after the switch")
    print(f"replacing a version under load: {load.outcome}")
    assert load.outcome.failed == 0
    assert set(load.outcome.versions) == {first, second.version}
    assert second.version != first
