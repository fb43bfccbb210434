"""Triton's HTTP client against a live deployment, through Envoy: its examples, and binary data."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
import tritonclient.http as triton
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tritonclient.http import aio

import jupyter_deploy as jd
from jupyter_deploy.config import Paths
from tests.waiting import wait_for

NAME = "churn"
KEY = '"$HOME/.local/share/jupyter/deploy/key.header"'
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "inference-protocol.md"


def sample() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, 200),
            "income": rng.normal(50, 10, 200).astype("float32"),
            "plan": rng.choice(["basic", "pro", "größer"], 200),
        }
    )


class Live:
    """The deployment, a client, and what the model itself says."""

    def __init__(self, deployment: jd.Deployment, model: Any) -> None:
        self.deployment = deployment
        self.model = model
        self.address = urlsplit(deployment.endpoint).netloc
        self.client = triton.InferenceServerClient(self.address, concurrency=4)

    @property
    def key(self) -> dict[str, str]:
        """A new one each time: tritonclient writes its own headers into what it is given."""
        return dict(self.deployment.headers)

    def expected(self, x: pd.DataFrame) -> list[str]:
        labels: list[str] = self.model.predict(x).tolist()
        return labels


@pytest.fixture(scope="module")
def live(shared_paths: Paths) -> Iterator[Live]:
    x = sample()
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["age", "income"]),
            (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        ),
        LogisticRegression(),
    ).fit(x, np.where(x["age"] > 50, "yes", "no"))
    made = Live(jd.deploy(model, name=NAME, sample=x), model)
    yield made
    made.client.close()


def inputs(x: pd.DataFrame, *binary: str, api: Any = triton) -> list[Any]:
    """The rows as tensors; the columns named go as bytes."""
    made = []
    for name, datatype in (("age", "INT64"), ("income", "FP32"), ("plan", "BYTES")):
        values = x[name].to_numpy(dtype=object if datatype == "BYTES" else None)
        tensor = api.InferInput(name, list(values.shape), datatype)
        made.append(tensor.set_data_from_numpy(values, binary_data=name in binary))
    return made


def outputs(*, binary: bool, api: Any = triton) -> list[Any]:
    return [
        api.InferRequestedOutput(name, binary_data=binary)
        for name in ("probabilities", "predictions")
    ]


def labels(result: Any) -> list[str]:
    return [v.decode() if isinstance(v, bytes) else v for v in result.as_numpy("predictions")]


def test_health_and_metadata(live: Live) -> None:
    client = live.client
    assert client.is_server_live(headers=live.key)
    wait_for(lambda: client.is_server_ready(headers=live.key), 10, "the server to be ready")
    version = live.deployment.version
    assert client.is_model_ready(NAME, headers=live.key)
    assert client.is_model_ready(NAME, version, headers=live.key)
    assert not client.is_model_ready(NAME, "9.9.9", headers=live.key)
    assert not client.is_model_ready("nothing", headers=live.key)
    server = client.get_server_metadata(headers=live.key)
    assert server["extensions"] == ["binary_tensor_data"]
    for asked in ("", version):
        model = client.get_model_metadata(NAME, asked, headers=live.key)
        assert (model["name"], model["versions"]) == (NAME, [version])
        assert [(t["name"], t["datatype"], t["shape"]) for t in model["inputs"]] == [
            ("age", "INT64", [-1]),
            ("income", "FP32", [-1]),
            ("plan", "BYTES", [-1]),
        ]
    assert client.get_model_repository_index(headers=live.key) == [
        {"name": NAME, "version": version}
    ]
    with pytest.raises(triton.InferenceServerException, match="There is no deployment") as gone:
        client.get_model_metadata("nothing", headers=live.key)
    assert gone.value.status() == "404"


@pytest.mark.parametrize(
    "sent", [(), ("age", "income", "plan"), ("income",), ("plan",), ("age", "plan")]
)
def test_infer(live: Live, sent: tuple[str, ...]) -> None:
    x = sample().head(20)
    for binary in (True, False):
        result = live.client.infer(
            NAME,
            inputs(x, *sent),
            model_version=live.deployment.version if binary else "",
            outputs=outputs(binary=binary),
            request_id="7",
            headers=live.key,
            parameters={"mine": 1},
        )
        assert labels(result) == live.expected(x)
        assert result.as_numpy("probabilities").shape == (20, 2)
        assert result.get_response()["id"] == "7"
        # without outputs, all of them as bytes
        whole = live.client.infer(NAME, inputs(x, *sent), headers=live.key)
        assert labels(whole) == live.expected(x)
        np.testing.assert_allclose(
            whole.as_numpy("probabilities"), live.model.predict_proba(x), atol=1e-4
        )


def test_a_body_of_many_parts(live: Live) -> None:
    # longer than what a server reads at once
    x = sample().sample(20_000, replace=True, random_state=0)
    result = live.client.infer(NAME, inputs(x, "age", "income", "plan"), headers=live.key)
    assert labels(result) == live.expected(x)


def test_several_at_once(live: Live) -> None:
    x = sample()
    parts = [x.iloc[i : i + 10] for i in range(0, 200, 10)]
    waiting = [
        live.client.async_infer(NAME, inputs(part, "age", "income", "plan"), headers=live.key)
        for part in parts
    ]
    answers = [labels(one.get_result()) for one in waiting]
    assert answers == [live.expected(part) for part in parts]


def test_the_client_of_asyncio(live: Live) -> None:
    x = sample().head(5)

    async def ask() -> None:
        async with aio.InferenceServerClient(live.address) as client:
            for sent in ((), ("age", "income", "plan")):
                result = await client.infer(NAME, inputs(x, *sent, api=aio), headers=live.key)
                assert labels(result) == live.expected(x)

    asyncio.run(ask())


def test_compression(live: Live) -> None:
    x = sample().head(5)
    for algorithm in ("gzip", "deflate"):
        result = live.client.infer(
            NAME, inputs(x), headers=live.key, response_compression_algorithm=algorithm
        )
        assert labels(result) == live.expected(x)
        with pytest.raises(triton.InferenceServerException, match="Compressed bodies") as refused:
            live.client.infer(
                NAME, inputs(x, "age"), headers=live.key, request_compression_algorithm=algorithm
            )
        assert refused.value.status() == "415"


def test_refusals_can_be_read(live: Live) -> None:
    x = sample().head(2)
    with pytest.raises(triton.InferenceServerException, match="missing inputs: plan") as refused:
        live.client.infer(NAME, inputs(x, "age")[:2], headers=live.key)
    assert refused.value.status() == "400"
    tensor = triton.InferInput("plan", [2], "BYTES")
    tensor.set_data_from_numpy(np.array([b"\xff\xfe", b"pro"], dtype=object))
    with pytest.raises(triton.InferenceServerException, match="element 0 that is not UTF-8"):
        live.client.infer(NAME, [*inputs(x, "age")[:2], tensor], headers=live.key)
    wanted = [triton.InferRequestedOutput("predictions", class_count=2)]
    with pytest.raises(triton.InferenceServerException, match="classification"):
        live.client.infer(NAME, inputs(x), outputs=wanted, headers=live.key)
    with pytest.raises(triton.InferenceServerException, match="key is missing or wrong") as denied:
        live.client.infer(NAME, inputs(x, "age"))
    assert denied.value.status() == "401"


def test_the_examples_of_the_page(live: Live, capfd: pytest.CaptureFixture[str]) -> None:
    """Every block of Python and shell there is run; what it prints stands in them as comments."""
    blocks = re.findall(r"^```(python|bash)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert {language for language, _ in blocks} == {"python", "bash"}
    names: dict[str, Any] = {}
    for language, code in blocks:
        if language == "python":
            exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102
        else:
            key = str(live.deployment.key_header)
            script = code.replace(KEY, shlex.quote(key))
            script = script.replace("127.0.0.1:PORT", live.address)
            subprocess.run(["bash", "-euc", script], check=True)
        printed = capfd.readouterr().out
        for said in re.findall(r"^print\(.*\)  # (.*)", code, re.MULTILINE):
            assert said in printed
        if language == "bash":
            assert json.loads(printed)["model_name"] == NAME
