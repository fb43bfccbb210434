"""The Open Inference Protocol: metadata, inference, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serving.asgi import Served
from tests.serving.packs import PACKAGE_VERSION, VERSION, forest_onnx, mixed_native, ridge_onnx

INFER = "/v2/models/churn/infer"


@pytest.fixture
def forest(tmp_path: Path) -> Served:
    return Served(tmp_path, forest_onnx())


@pytest.fixture
def ridge(tmp_path: Path) -> Served:
    return Served(tmp_path, ridge_onnx())


@pytest.fixture
def mixed(tmp_path: Path) -> Served:
    return Served(tmp_path, mixed_native(), "native")


def tensor(name: str, datatype: str, data: list[Any], *shape: int) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": list(shape or (len(data),)), "data": data}


def infer(served: Served, *inputs: Any, **more: Any) -> Any:
    return served.call("POST", INFER, {"inputs": list(inputs), **more})


def columns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [tensor(name, "FP64", [row[name] for row in rows]) for name in rows[0]]


MIXED = [
    tensor("income", "FP32", [50.5, 40], 2, 1),
    tensor("age", "INT64", [30, 70]),
    tensor("city", "BYTES", ["Oslo", "Rome"]),
    tensor("member", "BOOL", [True, False]),
]


def test_metadata(forest: Served, mixed: Served) -> None:
    assert forest.call("GET", "/v2").json() == {
        "name": "jupyter-model-deploy",
        "version": PACKAGE_VERSION,
        "extensions": ["binary_tensor_data"],
    }
    for path in ("/v2/models/churn", f"/v2/models/churn/versions/{VERSION}"):
        document = mixed.call("GET", path).json()
        assert document == {
            "name": "churn",
            "versions": [VERSION],
            "platform": "native",
            "inputs": [
                {"name": "income", "datatype": "FP64", "shape": [-1]},
                {"name": "age", "datatype": "INT64", "shape": [-1]},
                {"name": "city", "datatype": "BYTES", "shape": [-1]},
                {"name": "member", "datatype": "BOOL", "shape": [-1]},
            ],
            "outputs": [
                {"name": "predictions", "datatype": "BOOL", "shape": [-1]},
                {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
            ],
            "properties": {"task": "classification", "classes": "[false,true]"},
        }


def test_metadata_of_an_array_has_one_input(ridge: Served) -> None:
    document = ridge.call("GET", "/v2/models/churn").json()
    assert document["inputs"] == [{"name": "input", "datatype": "FP64", "shape": [-1, 10]}]
    assert document["outputs"] == [{"name": "predictions", "datatype": "FP32", "shape": [-1]}]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/", 200),
        ("/v2/health/live", 200),
        ("/v2/health/ready", 200),
        ("/v2/models/churn/ready", 200),
        (f"/v2/models/churn/versions/{VERSION}/ready", 200),
        ("/v2/models/churn/versions/9.9.9/ready", 404),
        ("/v2/models/other", 404),
        ("/v2/models", 404),
    ],
)
def test_paths(ridge: Served, path: str, status: int) -> None:
    answer = ridge.call("GET", path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    assert ("error" in answer.json()) is (status == 404)


def test_infer_by_column_and_by_matrix_is_predict(forest: Served) -> None:
    rows = forest.rows[:3]
    expected = forest.predict(rows).json()
    values = [[row[name] for name in row] for row in rows]
    flat = [value for row in values for value in row]
    for inputs in (
        columns(rows),
        [tensor("input", "FP32", values, 3, 30)],
        [tensor("input", "FP64", flat, 3, 30)],
    ):
        document = infer(forest, *inputs).json()
        assert document == {
            "model_name": "churn",
            "model_version": VERSION,
            "outputs": [
                tensor("predictions", "BYTES", expected["predictions"], 3),
                tensor(
                    "probabilities",
                    "FP32",
                    [p for row in expected["probabilities"] for p in row],
                    3,
                    2,
                ),
            ],
        }


def test_infer_with_id_parameters_and_outputs(mixed: Served) -> None:
    wanted = [{"name": "probabilities", "parameters": {"binary_data": False}}]
    answer = infer(mixed, *MIXED, id="42", parameters={"x": 1}, outputs=wanted)
    document = answer.json()
    assert document["id"] == "42"
    assert [o["name"] for o in document["outputs"]] == ["probabilities"]
    assert document["outputs"][0]["shape"] == [2, 2]
    document = infer(mixed, *MIXED).json()
    assert "id" not in document
    assert document["outputs"][0]["datatype"] == "BOOL"
    assert {type(v) for v in document["outputs"][0]["data"]} == {bool}


def test_a_body_without_content_type_is_json(mixed: Served) -> None:
    import orjson

    body = orjson.dumps({"inputs": MIXED})
    assert mixed.call("POST", INFER, body).status_code == 200
    assert mixed.call("POST", INFER, body, content_type="text/plain").status_code == 415


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ([], "must be an object"),
        ({"inputs": []}, "inputs must be an array"),
        ({"inputs": {}}, "inputs must be an array"),
        ({"inputs": [3]}, "object with a name"),
        ({"inputs": MIXED[:3]}, "missing inputs: member"),
        ({"inputs": [*MIXED, MIXED[0]]}, "'income' is given twice"),
        ({"inputs": [*MIXED, tensor("x", "BOOL", [True])]}, "there is no input 'x'"),
        ({"inputs": [tensor("input", "FP32", [1, 2], 1, 2)]}, "not all numbers"),
        ({"id": 42}, "id must be a string"),
        ({"parameters": []}, "parameters of the request must be an object"),
        ({"outputs": {}}, "outputs must be"),
        ({"outputs": [{"name": "nothing"}]}, "outputs are predictions, probabilities"),
        ({"age": {"shape": "2"}}, "needs a shape"),
        ({"age": {"shape": [-1]}}, "needs a shape"),
        ({"age": {"shape": [True, 2]}}, "needs a shape"),
        ({"age": {"shape": [2, 2]}}, "has 2 values, its shape says 4"),
        ({"age": {"shape": [1, 2]}}, "expected [rows] or [rows, 1]"),
        ({"age": {"shape": [3], "data": [1, 2, 3]}}, "3 values"),
        ({"age": {"shape": [10**18]}}, "its shape says"),
        ({"age": {"shape": [1] * 900 + [2]}}, "901 dimensions"),
        ({"age": {"data": "12"}}, "needs data"),
        ({"age": {"data": [[1], [2]]}}, "another type"),
        ({"age": {"datatype": "INT128"}}, "needs a datatype"),
        ({"age": {"datatype": "FP64", "data": [1.5, 2]}}, "expected an integer"),
        ({"age": {"datatype": "UINT8", "data": [300, 2]}}, "no UINT8 can hold"),
        ({"age": {"datatype": "BYTES", "data": ["1", "2"]}}, "expected an integer"),
        ({"age": {"datatype": "BOOL", "data": [True, False]}}, "expected an integer"),
        ({"age": {"data": [None, 2]}}, "row 0, column 'age': got null"),
        ({"income": {"data": [1, 2, 3, 4], "shape": [4]}}, "2 values"),
        ({"income": {"data": [[1, 2]]}}, "not nested as its shape"),
        ({"income": {"data": [[1], 2]}}, "not nested as its shape"),
        ({"income": {"parameters": {"binary_data_size": 8}}}, "binary"),
    ],
)
def test_errors(mixed: Served, change: Any, said: str) -> None:
    request: Any = {"inputs": MIXED}
    if isinstance(change, list):
        request = change
    elif change.keys() <= {"inputs", "id", "parameters", "outputs"}:
        request |= change
    else:
        changed = [{**t, **change.get(t["name"], {})} for t in MIXED]
        request = {"inputs": changed}
    answer = mixed.call("POST", INFER, request)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]


def test_null_for_a_column_that_had_nulls(mixed: Served) -> None:
    answer = infer(mixed, tensor("income", "FP64", [None, 40]), *MIXED[1:])
    assert answer.status_code == 200


def test_a_key_given_twice_is_refused(mixed: Served) -> None:
    import orjson

    body = orjson.dumps({"inputs": MIXED, "id": "a:b"})
    assert mixed.call("POST", INFER, body).status_code == 200
    for twice in (
        body.replace(b'"id":', b'"id":"a","id":'),
        body.replace(b'"shape":[2]', b'"shape":[3],"shape":[2]', 1),
    ):
        answer = mixed.call("POST", INFER, twice)
        assert answer.status_code == 400
        assert "twice" in answer.json()["error"]
