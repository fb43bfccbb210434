"""The Open Inference Protocol: metadata, inference, errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import orjson
import pytest
from sklearn.tree import DecisionTreeClassifier

from jupyter_deploy.serving.signature import Output
from tests.serving.asgi import Served
from tests.serving.oip_client import INFER, conforms, infer
from tests.serving.oip_client import json_tensor as tensor
from tests.serving.packs import (
    PACKAGE_VERSION,
    VERSION,
    column,
    forest_onnx,
    mixed_native,
    native,
    ridge_onnx,
    signature,
)


@pytest.fixture
def forest(tmp_path: Path) -> Served:
    return Served(tmp_path, forest_onnx())


@pytest.fixture
def ridge(tmp_path: Path) -> Served:
    return Served(tmp_path, ridge_onnx())


@pytest.fixture
def mixed(tmp_path: Path) -> Served:
    return Served(tmp_path, mixed_native(), "native")


def columns(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [tensor(name, "FP64", [row[name] for row in rows]) for name in rows[0]]


MIXED = [
    tensor("income", "FP32", [50.5, 40], 2, 1),
    tensor("age", "INT64", [30, 70]),
    tensor("city", "BYTES", ["Oslo", "Rome"]),
    tensor("member", "BOOL", [True, False]),
]


def test_metadata(forest: Served, mixed: Served) -> None:
    assert conforms(forest.call("GET", "/v2").json(), "metadata_server_response") == {
        "name": "jupyter-model-deploy",
        "version": PACKAGE_VERSION,
        "extensions": ["binary_tensor_data"],
    }
    for path in ("/v2/models/churn", f"/v2/models/churn/versions/{VERSION}"):
        document = mixed.call("GET", path).json()
        assert conforms(document, "metadata_model_response") == {
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
        ({"outputs": [{}]}, "every output must be an object with a name"),
        ({"outputs": ["predictions"]}, "every output must be an object with a name"),
        ({"outputs": [{"name": "predictions"}] * 2}, "'predictions' is asked for twice"),
        (
            {"outputs": [{"name": "predictions", "parameters": {"classification": 2}}]},
            "doesn't make; ask for predictions and probabilities",
        ),
        (
            {"outputs": [{"name": "predictions", "parameters": {"shared_memory_region": "r"}}]},
            "in shared memory",
        ),
        (
            {"outputs": [{"name": "predictions", "parameters": {"binary_data": 1}}]},
            "binary_data of output 'predictions' must be true or false",
        ),
        (
            {"outputs": [{"name": "predictions", "parameters": 1}]},
            "parameters of output 'predictions' must be an object",
        ),
        (
            {"parameters": {"binary_data_output": "yes"}},
            "binary_data_output of the request must be true or false",
        ),
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
        ({"age": {"datatype": "BF16"}}, "has no form in JSON"),
        ({"age": {"parameters": {"shared_memory_region": "r"}}}, "in shared memory"),
        ({"age": {"parameters": "x"}}, "parameters of input 'age' must be an object"),
        ({"income": {"datatype": "FP32", "data": [1e39, 2]}}, "no FP32 can hold"),
        ({"income": {"datatype": "FP16", "data": [None, -7e4]}}, "no FP16 can hold"),
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
    # the specification knows no null; /predict does, and so do its tensors
    inputs = [tensor("income", "FP64", [None, 40]), *MIXED[1:]]
    assert mixed.call("POST", INFER, {"inputs": inputs}).status_code == 200


def test_outputs_in_the_order_asked_for(mixed: Served) -> None:
    names = ["probabilities", "predictions"]
    document = infer(mixed, *MIXED, outputs=[{"name": name} for name in names]).json()
    assert [output["name"] for output in document["outputs"]] == names
    document = infer(mixed, *MIXED, outputs=[]).json()
    assert [output["name"] for output in document["outputs"]] == names[::-1]


def test_unknown_parameters_are_ignored_at_every_level(mixed: Served) -> None:
    unknown: dict[str, Any] = {"priority": 3, "mine": "a:b", "deep": {"x": [1, {"y": None}]}}
    inputs = [{**MIXED[0], "parameters": unknown}, *MIXED[1:]]
    wanted = [{"name": "predictions", "parameters": unknown}]
    answer = infer(mixed, *inputs, outputs=wanted, parameters=unknown, model_name="other")
    expected = infer(mixed, *MIXED, outputs=[{"name": "predictions"}])
    assert answer.status_code == 200
    assert answer.content == expected.content


def test_unknown_parameters_may_be_nested_as_deep_as_json(mixed: Served) -> None:
    deep = b"[" * 1000 + b"]" * 1000
    body = orjson.dumps({"inputs": MIXED, "parameters": {"a\\b": 1}})
    answer = mixed.call("POST", INFER, body.replace(b":1}", b":" + deep + b"}"))
    assert answer.status_code in (200, 400)


def test_policies_hold_for_missing_and_extra_inputs(tmp_path: Path) -> None:
    sig, model, rows = mixed_native()
    lenient = replace(sig, policies={"missing": "coerce", "extra": "pass"})
    served = Served(tmp_path, (lenient, model, rows), "native")
    answer = infer(served, *MIXED[1:], tensor("x", "BOOL", [True, False]))
    assert answer.status_code == 200
    expected = served.call(
        "POST", INFER, {"inputs": [tensor("income", "FP64", [None, None]), *MIXED[1:]]}
    )
    assert answer.json() == expected.json()
    # an integer column has no null to put in its place
    assert infer(served, MIXED[0], *MIXED[2:]).status_code == 400


def test_no_rows(mixed: Served, tmp_path: Path) -> None:
    none = [{**t, "shape": [0], "data": []} for t in MIXED]
    assert "at least one row" in infer(mixed, *none).json()["error"]
    sig, model, rows = mixed_native()
    served = Served(
        tmp_path / "passes", (replace(sig, policies={"empty": "pass"}), model, rows), "native"
    )
    document = infer(served, *none).json()
    assert [(o["shape"], o["data"]) for o in document["outputs"]] == [([0], []), ([0, 2], [])]


def test_too_many_rows(tmp_path: Path) -> None:
    sig, model, rows = forest_onnx()
    served = Served(tmp_path, (replace(sig, max_rows=2), model, rows))
    values = [[row[name] for name in row] for row in rows[:3]]
    assert infer(served, tensor("input", "FP64", values[:2], 2, 30)).status_code == 200
    for inputs in ([tensor("input", "FP64", values, 3, 30)], columns(rows[:3])):
        answer = infer(served, *inputs)
        assert answer.status_code == 400
        assert "at most 2 rows" in answer.json()["error"]


def test_what_is_not_finite_is_null(tmp_path: Path) -> None:
    sig = signature(column("x"), layout="array")
    values = np.array([1.5, np.nan, np.inf, -np.inf])
    served = Served(tmp_path, (sig, native(lambda x: values[: len(x)]), [[1.0]]), "native")
    inputs = [tensor("input", "FP64", [1, 2, 3, 4], 4, 1)]
    document = served.call("POST", INFER, {"inputs": inputs}).json()
    assert document["outputs"][0]["data"] == [1.5, None, None, None]


def test_a_key_given_twice_is_refused(mixed: Served) -> None:
    body = orjson.dumps({"inputs": MIXED, "id": "a:b"})
    assert mixed.call("POST", INFER, body).status_code == 200
    for twice in (
        body.replace(b'"id":', b'"id":"a","id":'),
        body.replace(b'"shape":[2]', b'"shape":[3],"shape":[2]', 1),
    ):
        answer = mixed.call("POST", INFER, twice)
        assert answer.status_code == 400
        assert "twice" in answer.json()["error"]


def test_several_targets(tmp_path: Path) -> None:
    x = np.arange(12.0).reshape(6, 2)
    model = DecisionTreeClassifier(random_state=0).fit(x, np.array([[0, 1], [1, 2], [0, 3]] * 2))
    sig = replace(
        signature(column("x0"), column("x1"), layout="array"),
        task="classification",
        outputs=(
            Output("predictions", "int64", (-1, 2)),
            Output("probabilities_0", "float64", (-1, 2), classes=(0, 1)),
            Output("probabilities_1", "float64", (-1, 3), classes=(1, 2, 3)),
        ),
    )
    served = Served(tmp_path, (sig, cloudpickle.dumps(model), x[:1].tolist()), "native")
    document = conforms(served.call("GET", "/v2/models/churn").json(), "metadata_model_response")
    assert document["outputs"] == [
        {"name": "predictions", "datatype": "INT64", "shape": [-1, 2]},
        {"name": "probabilities_0", "datatype": "FP64", "shape": [-1, 2]},
        {"name": "probabilities_1", "datatype": "FP64", "shape": [-1, 3]},
    ]
    assert document["properties"] == {
        "task": "classification",
        "classes of probabilities_0": "[0,1]",
        "classes of probabilities_1": "[1,2,3]",
    }
    sent = tensor("input", "FP64", x.tolist(), 6, 2)
    wanted = [{"name": "probabilities_1"}, {"name": "predictions"}]
    answer = infer(served, sent, outputs=wanted).json()
    found = {o["name"]: np.reshape(o["data"], o["shape"]) for o in answer["outputs"]}
    assert list(found) == ["probabilities_1", "predictions"]
    np.testing.assert_array_equal(found["predictions"], model.predict(x))
    np.testing.assert_array_equal(found["probabilities_1"], model.predict_proba(x)[1])
