"""When the model raises: is it the fault of a value of the request, or the model's own?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from tests.serving.asgi import Served
from tests.serving.packs import column, native, signature

ROW = {"age": 30.5, "city": "Oslo", "zone": 2}


def strict() -> tuple[Any, list[dict[str, Any]]]:
    """A model that knows four cities and three zones; its sample holds three of the cities."""
    random = np.random.default_rng(3)
    x = pd.DataFrame(
        {
            "age": random.normal(40, 10, 200),
            "city": random.choice(["Bern", "Oslo", "Rome", "Turin"], 200),
            "zone": random.integers(1, 4, 200),
        }
    )
    encoder = OneHotEncoder(handle_unknown="error")
    model = make_pipeline(
        make_column_transformer(("passthrough", ["age"]), (encoder, ["city", "zone"])),
        LogisticRegression(max_iter=2000),
    )
    return model.fit(x, np.where(x["age"] > 40, "yes", "no")), [ROW]


def served(folder: Path, engine: str) -> Served:
    model, rows = strict()
    sig = signature(
        column("age", minimum=20.0, maximum=60.0),
        column("city", "object", categories=("Bern", "Oslo", "Rome")),
        column("zone", "int64", minimum=1.0, maximum=3.0),
        classes=("no", "yes"),
    )
    if engine == "native":
        return Served(folder, (sig, native(model), rows), engine)
    types = [
        ("age", FloatTensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
        ("zone", Int64TensorType([None, 1])),
    ]
    onnx = to_onnx(model, initial_types=types, options={"zipmap": False}).SerializeToString()
    return Served(folder, (sig, onnx, rows), engine)


@pytest.fixture(params=["onnxruntime", "native"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    return served(tmp_path, request.param)


def test_a_category_the_model_does_not_know_is_the_callers(model: Served) -> None:
    answer = model.predict([ROW, {**ROW, "city": "Lima"}])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-input")
    expected = {
        "row": 1,
        "column": "city",
        "got": "the string 'Lima'",
        "expected": "one of 'Bern', 'Oslo', 'Rome'",
    }
    assert answer.json()["errors"] == [expected]
    columns = {name: [value, value] for name, value in ROW.items()}
    answer = model.predict({**columns, "city": ["Lima", "Oslo"]})
    assert answer.json()["errors"] == [{**expected, "row": 0}]


def test_a_value_the_sample_lacks_and_the_model_knows_is_not_blamed(model: Served) -> None:
    turin = {**ROW, "city": "Turin", "age": 99}
    assert model.predict([turin]).status_code == 200
    errors = model.predict([turin, {**turin, "zone": 9}]).json()["errors"]
    assert [(e["row"], e["column"], e["expected"]) for e in errors] == [
        (1, "zone", "an integer from 1 to 3, as in the sample")
    ]


def test_every_value_at_fault_is_named_up_to_twenty(model: Served) -> None:
    document = model.predict([{**ROW, "city": "Lima", "zone": 7}, {**ROW, "city": "Lima"}]).json()
    found = [(e["row"], e["column"]) for e in document["errors"]]
    assert found == [(0, "city"), (0, "zone"), (1, "city")]
    document = model.predict([{**ROW, "city": "Lima"}] * 30).json()
    assert len(document["errors"]) == 20
    assert document["detail"].startswith("More than 20 values")


def test_the_inference_protocol_says_it_in_its_sentence(model: Served) -> None:
    def tensor(name: str, datatype: str, value: Any) -> Any:
        return {"name": name, "datatype": datatype, "shape": [1], "data": [value]}

    inputs = [tensor("age", "FP64", 1), tensor("city", "BYTES", "Lima"), tensor("zone", "INT64", 1)]
    answer = model.call("POST", "/v2/models/churn/infer", {"inputs": inputs})
    assert answer.status_code == 400
    said = "row 0, column 'city': got the string 'Lima', expected one of 'Bern', 'Oslo', 'Rome'"
    assert answer.json() == {"error": said}


def test_a_null_the_model_raises_on(tmp_path: Path) -> None:
    def length(frame: Any) -> Any:
        return [len(text) for text in frame["text"]]

    sig = signature(column("text", "object", nullable=True, categories=("a",)))
    model = Served(tmp_path, (sig, native(length), [{"text": "a"}]), "native")
    assert model.predict([{"text": "long"}]).json() == {"predictions": [4]}
    answer = model.predict([{"text": "a"}, {"text": None}])
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"row": 1, "column": "text", "got": "null", "expected": "a value: the model raises on null"}
    ]


def test_a_defect_of_the_model_stays_its_own(tmp_path: Path) -> None:
    def single(frame: Any) -> Any:
        """Raises on two rows, whatever is in them."""
        if len(frame) > 1:
            raise RuntimeError("one at a time")
        return [len(frame["city"][0])]

    sig = signature(column("city", "object", categories=("Bern",)))
    model = Served(tmp_path, (sig, native(single), [{"city": "Bern"}]), "native")
    answer = model.predict([{"city": "Bern"}, {"city": "Lima"}])
    assert (answer.status_code, answer.json()["code"]) == (500, "model-failed")


def test_a_tensor_of_text_takes_no_null(tmp_path: Path) -> None:
    """Whatever the sample held: ONNX has no form for it, and would raise."""
    model = served(tmp_path, "onnxruntime")
    folder = model.runtime.packed.model.parent
    document = json.loads((folder / "signature.json").read_text())
    for described in document["inputs"]:
        described["nullable"] = True
    (folder / "signature.json").write_text(json.dumps(document))
    runtime = type(model.runtime)(folder)
    runtime.load()
    assert [field.nullable for field in runtime.decoder._target.fields] == [True, False, False]
