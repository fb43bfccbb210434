"""MLflow's scoring protocol, as the clients of ``mlflow models serve`` speak it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.models import forest
from tests.serving.asgi import Served
from tests.serving.packs import (
    PACKAGE_VERSION,
    column,
    forest_onnx,
    mixed,
    mixed_onnx,
    native,
    ridge_onnx,
    signature,
)

CSV = "text/csv"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return Served(tmp_path_factory.mktemp("mixed"), mixed_onnx())


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return mixed()[1].head(20)


def invoke(served: Served, body: Any, kind: str = "application/json") -> Any:
    return served.call("POST", "/invocations", body, content_type=kind)


def expected(served: Served) -> dict[str, Any]:
    return {"predictions": served.predict(served.rows).json()["predictions"]}


def forms(frame: pd.DataFrame) -> dict[str, Any]:
    """A DataFrame as MLflow's documentation has it sent."""
    split = json.loads(frame.to_json(orient="split"))
    records = json.loads(frame.to_json(orient="records"))
    turned = {
        "columns": split["columns"][::-1],
        "data": [row[::-1] for row in split["data"]],
        "index": split["index"],
    }
    return {
        "split": {"dataframe_split": split},
        "turned": {"dataframe_split": turned},
        "records": {"dataframe_records": records},
        "instances": {"instances": records},
        "instances-rows": {"instances": split["data"]},
        "inputs-columns": {"inputs": {name: [r[name] for r in records] for name in frame}},
        "inputs-records": {"inputs": records},
        "inputs-rows": {"inputs": split["data"]},
        "no-params": {"dataframe_split": split, "params": {}},
        "null-params": {"dataframe_split": split, "params": None},
    }


@pytest.mark.parametrize("form", list(forms(mixed()[1].head(1))))
def test_every_form_of_json(served: Served, frame: pd.DataFrame, form: str) -> None:
    answer = invoke(served, forms(frame)[form])
    assert answer.status_code == 200, answer.text
    # predictions and nothing else: its answers have no probabilities
    assert answer.json() == expected(served)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("kind", [CSV, "text/csv; charset=utf-8", "Text/CSV;charset=UTF8"])
@pytest.mark.parametrize("index", [False, True], ids=["plain", "with-its-index"])
def test_csv_as_pandas_writes_it(
    served: Served, frame: pd.DataFrame, kind: str, index: bool
) -> None:
    answer = invoke(served, frame.to_csv(index=index).encode(), kind)
    assert answer.status_code == 200, answer.text
    assert answer.json() == expected(served)


@pytest.mark.parametrize(
    "text",
    [
        "age,income,city,member\r\n30,1.5,Bern,True\r\n",
        "\ufeffincome,age,city,member\n1.5,30,Bern,True",
        'income,age,city,member\n"1.5","30","Bern","true"\n\n\n',
        "income,age,city,member\n1.5,30.0,Bern,True\n",
    ],
)
def test_csv_as_others_write_it(served: Served, text: str) -> None:
    one = served.predict({"income": 1.5, "age": 30, "city": "Bern", "member": True}).json()
    answer = invoke(served, text.encode(), CSV)
    assert answer.json() == {"predictions": one["predictions"]}


def test_an_empty_field_is_null(served: Served) -> None:
    null = served.predict({"income": None, "age": 30, "city": "Bern", "member": True}).json()
    answer = invoke(served, b"income,age,city,member\n,30,Bern,True\n", CSV)
    assert answer.json() == {"predictions": null["predictions"]}
    answer = invoke(served, b"income,age,city,member\n1,,Bern,True\n", CSV)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["column"] == "age"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no header"),
        (b"\n\n", "no header"),
        (b"\xff\xfe", "UTF-8"),
        (b"income,age,city,member\n", "row"),
        (b"income,age,city,member\n1,2\n", "4 values"),
        (b"income,age,city,member\n1,2,a,True,5\n", "4 values"),
        (b"income,income,age,city,member\n1,1,2,a,True\n", "twice"),
        (b"income,age,city\n1,2,a\n", "member"),
        (b"income,age,city,member,more\n1,2,a,True,5\n", "more"),
        (b"income,age,city,member\nwide,2,a,True\n", "income"),
        (b"income,age,city,member\n1,2.5,a,True\n", "age"),
        (b"income,age,city,member\n1,2,a,perhaps\n", "member"),
        (b'income,age,city,member\n1,2,"a,True\n', "not CSV"),
        (b'income,age,city,member\n1,2,"a"b,True\n', "not CSV"),
        (b"income,age,city,member\n1,2," + b"a" * 200_000 + b",True\n", "not CSV"),
    ],
)
def test_csv_that_is_refused(served: Served, body: bytes, said: str) -> None:
    answer = invoke(served, body, CSV)
    assert answer.status_code == 400, answer.text
    assert said in answer.text


ROW = {"income": 1.5, "age": 30, "city": "Bern", "member": True}
VALUES = list(ROW.values())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([ROW], "exactly one of"),
        (3, "exactly one of"),
        ({}, "exactly one of"),
        (ROW, "exactly one of"),
        ({"instances": [ROW], "inputs": [ROW]}, "exactly one of"),
        ({"instances": [ROW], "params": {"temperature": 1}}, "takes no params"),
        ({"instances": [ROW], "params": [1]}, "must be an object"),
        ({"instances": [ROW], "more": 1}, "'more' is unknown"),
        ({"instances": ROW}, "must be an array"),
        ({"instances": []}, "row"),
        ({"dataframe_records": [VALUES]}, "objects"),
        ({"dataframe_records": {"a": [1]}}, "must be an array"),
        ({"dataframe_split": [1]}, "must be an object"),
        ({"dataframe_split": {"columns": list(ROW)}}, "must be an object"),
        ({"dataframe_split": {"data": [VALUES]}}, "columns must be"),
        ({"dataframe_split": {"columns": [1], "data": [[1]]}}, "array of names"),
        ({"dataframe_split": {"columns": list(ROW), "data": [VALUES], "more": 1}}, "unknown key"),
        ({"dataframe_split": {"columns": list(ROW), "data": [[1]]}}, "4 values"),
        ({"dataframe_split": {"columns": list(ROW), "data": [1]}}, "array of arrays"),
        ({"dataframe_split": {"columns": [*ROW, "age"], "data": [[*VALUES, 1]]}}, "twice"),
        ({"dataframe_split": {"columns": ["age", "x"], "data": [[1]]}}, "2 values"),
        ({"dataframe_split": {"columns": list(ROW), "data": [VALUES], "index": [[1]]}}, "labels"),
        ({"dataframe_split": {"columns": ["age"], "data": [[1]]}}, "income"),
        ({"inputs": None}, "null"),
        ({"inputs": "text"}, "text"),
        ({"inputs": [{**ROW, "age": "old"}]}, "age"),
        (b'{"instances": [', "line 1"),
        (b'{"instances": [], "instances": []}', ""),
        (b'{"inputs":{"income":1,"income":2,"age":3,"city":"a","member":true}}', "twice"),
        (b"[" * 5000, "depth limit"),
        (b"\xff", ""),
    ],
)
def test_json_that_is_refused(served: Served, body: Any, said: str) -> None:
    answer = invoke(served, body)
    assert answer.status_code == 400, answer.text
    document = answer.json()
    # what MLflow's clients look for, in the problem document that all routes have
    assert document["error_code"] == "BAD_REQUEST"
    assert document["message"] == document["detail"]
    assert document["status"] == 400
    assert said in answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/csvx", "text/csv; charset=latin-1", "text/csv; charset=utf-16"]
)
def test_other_content_types(served: Served, kind: str) -> None:
    answer = invoke(served, b"income\n1\n", kind)
    assert answer.status_code == 415
    assert answer.json()["error_code"] == "BAD_REQUEST"


def test_an_array_model(tmp_path: Path) -> None:
    served = Served(tmp_path, ridge_onnx())
    rows = served.rows
    predictions = served.predict(rows).json()
    names = [f"x{n}" for n in range(10)]
    text = io.StringIO()
    pd.DataFrame(rows, columns=names).to_csv(text, index=False)
    for body, kind in (
        ({"inputs": rows}, "application/json"),
        ({"instances": rows}, "application/json"),
        ({"dataframe_split": {"data": rows}}, "application/json"),
        ({"dataframe_split": {"columns": list(range(10)), "data": rows}}, "application/json"),
        ({"dataframe_split": {"columns": names, "data": rows}}, "application/json"),
        (text.getvalue().encode(), CSV),
    ):
        answer = invoke(served, body, kind)
        assert answer.status_code == 200, answer.text
        assert answer.json() == predictions


def test_a_column_of_one_and_blank_lines(tmp_path: Path) -> None:
    """A blank line is a row of one empty cell only where there is one column."""
    sig = signature(column("x0", nullable=True), layout="array")
    served = Served(tmp_path, (sig, native(lambda a: a[:, 0]), [[1.0]]), "native")
    answer = invoke(served, b"x0\n1\n\n3\n", CSV)
    assert answer.json() == {"predictions": [1.0, None, 3.0]}


def test_a_failing_model_and_one_that_is_not_loaded(tmp_path: Path) -> None:
    sig = signature(column("x0"), layout="array")

    def model(array: Any) -> Any:
        return [1 / value for value in array[:, 0].tolist()]

    packed = (sig, native(model), [[1.0]])
    served = Served(tmp_path, packed, "native", load=False)
    answer = invoke(served, {"inputs": [[1.0]]})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
    assert served.call("GET", "/ping").status_code == 503
    assert served.call("GET", "/health").status_code == 503
    served.runtime.load()
    assert served.call("GET", "/ping").status_code == 200
    answer = invoke(served, {"inputs": [[0.0]]})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    answer = invoke(served, b"x0\n0\n", CSV)
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")


def test_a_model_that_refuses_a_category_of_a_csv(tmp_path: Path) -> None:
    """What the model raised on is named for text as it is for JSON."""

    def model(table: Any) -> Any:
        if (table["city"] == "Paris").any():
            raise ValueError("unknown")
        return table["age"]

    sig = signature(column("age", "int64"), column("city", "object", categories=("Bern", "Oslo")))
    warmup = [{"age": 1, "city": "Bern"}]
    served = Served(tmp_path, (sig, native(model), warmup), "native")
    assert invoke(served, b"age,city\n5,Oslo\n", CSV).json() == {"predictions": [5]}
    answer = invoke(served, b"age,city\n5,Oslo\n6,Paris\n", CSV)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["row"] == 1
    assert answer.json()["errors"][0]["column"] == "city"


def test_health_and_version(served: Served) -> None:
    for path in ("/ping", "/health"):
        answer = served.call("GET", path)
        assert (answer.status_code, answer.text) == (200, "\n")
    assert served.call("GET", "/version").text == PACKAGE_VERSION
    assert served.call("GET", "/invocations").status_code == 405


def test_labels_are_the_users(tmp_path: Path) -> None:
    served = Served(tmp_path, forest_onnx())
    x = forest()[1].head(5)
    answer = invoke(served, x.to_csv(index=False).encode(), CSV)
    assert answer.json() == {"predictions": forest()[0].predict(x).tolist()}
