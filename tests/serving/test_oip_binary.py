"""Binary tensors, as tritonclient sends and reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from jupyter_deploy.serving.oip.protocol import Protocol
from tests.serving.asgi import Served
from tests.serving.oip_client import (
    INFER,
    ask,
    json_tensor,
    outputs,
    parsed,
    request,
    tensor,
    triton_infer,
)
from tests.serving.packs import column, forest_onnx, mixed_native, native, ridge_onnx, signature


@pytest.fixture
def forest(tmp_path: Path) -> Served:
    return Served(tmp_path, forest_onnx())


@pytest.fixture
def mixed(tmp_path: Path) -> Served:
    return Served(tmp_path, mixed_native(), "native")


def mixed_inputs(**binary: bool) -> list[Any]:
    return [
        tensor("income", [50.5, 40], "FP32", shape=(2, 1), binary=binary.get("income", True)),
        tensor("age", [30, 70], "INT64", binary=binary.get("age", True)),
        tensor("city", ["Oslo", "Rome"], "BYTES", binary=binary.get("city", True)),
        tensor("member", [True, False], "BOOL", binary=binary.get("member", True)),
    ]


def same(found: Any, expected: Any) -> None:
    for name in ("predictions", "probabilities"):
        np.testing.assert_array_equal(found.as_numpy(name), expected.as_numpy(name))


def test_bytes_say_what_json_says(mixed: Served) -> None:
    names = [t.name() for t in mixed_inputs()]
    expected = triton_infer(mixed, mixed_inputs(**dict.fromkeys(names, False)))
    # all as bytes, then each of them alone among JSON
    for binary in ({}, *({n: n == name for n in names} for name in names)):
        same(triton_infer(mixed, mixed_inputs(**binary)), expected)


def test_json_in_and_bytes_out(mixed: Served) -> None:
    # a body without bytes has no header; it may still ask for bytes
    inputs = mixed_inputs(income=False, age=False, city=False, member=False)
    body, length = request(inputs)
    assert length is None
    answer = ask(mixed, body, None)
    assert "inference-header-content-length" in answer.headers
    assert parsed(answer).as_numpy("predictions").dtype == np.bool_


def test_each_output_as_it_was_asked_for(mixed: Served) -> None:
    inputs = mixed_inputs()
    for p, q in ((True, True), (True, False), (False, True), (False, False)):
        wanted = outputs(probabilities=p, predictions=q)
        result = triton_infer(mixed, inputs, outputs=wanted)
        assert [o["name"] for o in result.get_response()["outputs"]] == [w.name() for w in wanted]
        assert ("data" in result.get_output("predictions")) is not q
        assert result.as_numpy("probabilities").shape == (2, 2)


@pytest.mark.parametrize(
    ("everything", "one", "binary"),
    [
        (None, None, False),
        (True, None, True),
        (False, None, False),
        (False, True, True),
        (True, False, False),
    ],
)
def test_an_output_overrides_the_request(
    forest: Served, everything: bool | None, one: bool | None, binary: bool
) -> None:
    values = [list(row.values()) for row in forest.rows[:2]]
    wanted: dict[str, Any] = {"name": "predictions"}
    if one is not None:
        wanted["parameters"] = {"binary_data": one}
    body: dict[str, Any] = {
        "inputs": [json_tensor("input", "FP64", values, 2, 30)],
        "outputs": [wanted],
    }
    if everything is not None:
        body["parameters"] = {"binary_data_output": everything}
    answer = forest.call("POST", INFER, body)
    assert ("inference-header-content-length" in answer.headers) is binary
    assert len(parsed(answer).as_numpy("predictions")) == 2


def test_id_and_request_headers(forest: Served) -> None:
    values = [list(row.values()) for row in forest.rows[:2]]
    body, length = request([tensor("input", values, "FP64")], request_id="42")
    headers = {"inference_header_content_length": str(length)}
    for kind in ("application/octet-stream", "application/json", "application/json; charset=x"):
        answer = forest.call("POST", INFER, body, content_type=kind, x_request_id="r", **headers)
        assert parsed(answer).get_response()["id"] == "42"
        assert answer.headers["x-request-id"] == "r"
        assert answer.headers["content-length"] == str(len(answer.content))
    answer = forest.call("POST", INFER, body, content_type="text/plain", **headers)
    assert answer.status_code == 415
    assert "application/octet-stream" in answer.json()["error"]
    for encoding in ("gzip", "deflate"):
        answer = forest.call("POST", INFER, body, content_encoding=encoding, **headers)
        assert answer.status_code == 415
        assert "Compressed bodies are not supported" in answer.json()["error"]


@pytest.mark.parametrize("pad", range(8))
def test_any_alignment(forest: Served, pad: int) -> None:
    values = [list(row.values()) for row in forest.rows]
    expected = triton_infer(forest, [tensor("input", values, "FP64", binary=False)])
    for datatype in ("FP32", "FP64"):
        inputs = [tensor("input", values, datatype)]
        same(triton_infer(forest, inputs, request_id="x" * pad), expected)


def test_a_matrix_of_the_engines_dtype_is_not_copied(
    forest: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the JSON is as long as it takes for the bytes to be aligned
    values = [list(row.values()) for row in forest.rows]
    seen: list[np.ndarray[Any, Any]] = []
    engine = forest.runtime.engine
    assert engine is not None
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda batch: seen.append(batch) or run(batch))
    for pad in range(16):
        body, length = request([tensor("input", values, "FP32")], request_id="x" * (pad + 1))
        Protocol(forest.runtime).infer(body, length)
        whole = np.frombuffer(body, np.uint8)
        if np.shares_memory(seen[-1], whole):
            break
    assert np.shares_memory(seen[-1], whole)


def test_tensors_of_any_rank(tmp_path: Path) -> None:
    def model(given: Mapping[str, Any]) -> Any:
        return given["image"].sum(axis=(1, 2)) + given["bias"]

    sig = signature(
        column("image", "float32", shape=(2, 3)), column("bias", "float32"), layout="tensors"
    )
    warmup = {"image": [[[0.0] * 3] * 2], "bias": [0.0]}
    served = Served(tmp_path, (sig, native(model), Slices(warmup)), "native")
    document = served.call("GET", "/v2/models/churn").json()
    assert document["inputs"] == [
        {"name": "image", "datatype": "FP32", "shape": [-1, 2, 3]},
        {"name": "bias", "datatype": "FP32", "shape": [-1]},
    ]
    images = np.arange(12).reshape(2, 2, 3)
    expected = [15 + 0.5, 51 + 1.5]
    for binary in (True, False):
        for shape in ((2,), (2, 1)):
            inputs = [
                tensor("image", images, "FP32", binary=binary),
                tensor("bias", [0.5, 1.5], "FP32", shape=shape),
            ]
            result = triton_infer(served, inputs)
            assert result.as_numpy("predictions").tolist() == expected
    nested = [
        {"name": "image", "datatype": "FP32", "shape": [2, 2, 3], "data": images.tolist()},
        json_tensor("bias", "FP32", [0.5, 1.5]),
    ]
    answer = served.call("POST", INFER, {"inputs": nested})
    assert answer.json()["outputs"][0]["data"] == expected
    for shape in ((2, 6), (2, 3, 2), (4, 3), (2, 2, 3, 1)):
        inputs = [tensor("image", images, "FP32", shape=shape), tensor("bias", [0, 1], "FP32")]
        refused = ask(served, *request(inputs))
        assert refused.status_code == 400
        assert "expected [rows, 2, 3]" in refused.json()["error"]
    inputs = [tensor("image", images, "FP32"), tensor("bias", [0, 1, 2], "FP32")]
    refused = ask(served, *request(inputs))
    assert refused.status_code == 400
    assert "2 rows" in refused.json()["error"] or "2 values" in refused.json()["error"]


def test_tensors_of_a_length_that_varies(tmp_path: Path) -> None:
    sig = signature(column("input", "int64", shape=(-1,)), layout="tensors")
    model = native(lambda ids: ids.sum(axis=1))
    served = Served(tmp_path, (sig, model, Slices({"input": [[1, 2]]})), "native")
    document = served.call("GET", "/v2/models/churn").json()
    assert document["inputs"] == [{"name": "input", "datatype": "INT64", "shape": [-1, -1]}]
    for ids in ([[1, 2, 3]], [[1], [2]], [[1] * 200] * 2):
        for binary in (True, False):
            result = triton_infer(served, [tensor("input", ids, "INT32", binary=binary)])
            assert result.as_numpy("predictions").tolist() == [sum(row) for row in ids]
    refused = ask(served, *request([tensor("input", [1, 2], "INT64")]))
    assert "expected [rows, any]" in refused.json()["error"]


def test_a_matrix_of_text(tmp_path: Path) -> None:
    sig = signature(column("x0", "object"), column("x1", "object"), layout="array")
    model = native(lambda x: np.array([a + b for a, b in x]))
    served = Served(tmp_path, (sig, model, [["a", "b"]]), "native")
    document = served.call("GET", "/v2/models/churn").json()
    assert document["inputs"] == [{"name": "input", "datatype": "BYTES", "shape": [-1, 2]}]
    for binary in (True, False):
        values = [["a", "b"], ["ü", ""]]
        result = triton_infer(served, [tensor("input", values, "BYTES", binary=binary)])
        assert [v.decode() for v in result.as_numpy("predictions")] == ["ab", "ü"]


def raw(served: Served, body: bytes) -> httpx.Response:
    return ask(served, body, 0)


def test_a_body_that_is_the_data_alone(tmp_path: Path) -> None:
    served = Served(tmp_path, ridge_onnx())
    values = np.array(served.rows[:3])
    answer = raw(served, values.tobytes())
    expected = served.predict(served.rows[:3]).json()["predictions"]
    np.testing.assert_allclose(parsed(answer).as_numpy("predictions"), expected, rtol=1e-6)
    refused = raw(served, values.tobytes()[:-1])
    assert refused.status_code == 400
    assert "has 239 bytes, its rows of FP64 have 80 each" in refused.json()["error"]
    assert "at least one row" in raw(served, b"").json()["error"]


def test_a_text_that_is_the_body(tmp_path: Path) -> None:
    sig = signature(column("text", "object"))
    model = native(lambda frame: frame["text"].str.len().to_numpy())
    served = Served(tmp_path, (sig, model, [{"text": "a"}]), "native")
    assert parsed(raw(served, "{ü}".encode())).as_numpy("predictions").tolist() == [3]
    assert raw(served, b"\xff").json()["error"] == "input 'text' is not UTF-8"


def test_the_data_alone_is_for_one_input(mixed: Served) -> None:
    answer = raw(mixed, b"1234")
    assert answer.status_code == 400
    assert "for models of one input, this one has 4" in answer.json()["error"]


class Slices:
    """Warm-up of a model of tensors: a dict of columns, however it is cut."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body

    def __getitem__(self, rows: slice) -> dict[str, Any]:
        return self.body
