"""The OpenAPI document, what it says of the model, and the page made of it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from jupyter_deploy.serving.http import dialect, schemas
from jupyter_deploy.serving.signature import Output
from tests.serving.asgi import Served
from tests.serving.packs import (
    VERSION,
    column,
    forest_onnx,
    mixed_native,
    mixed_onnx,
    native,
    ridge_onnx,
    signature,
)
from tests.serving.test_contract import lax, strict

MODELS = {
    "forest": (forest_onnx, "onnxruntime"),
    "array": (ridge_onnx, "onnxruntime"),
    "mixed": (mixed_onnx, "onnxruntime"),
    "frame": (mixed_native, "native"),
    "strict": (strict, "native"),
    "lax": (lax, "native"),
}


def tensors(*shapes: tuple[int, ...]) -> tuple[Any, bytes, Any]:
    """A model of named tensors, one a shape."""
    inputs = [column(f"t{n}", "float32", shape=shape) for n, shape in enumerate(shapes)]
    sig = signature(*inputs, layout="tensors")

    def model(given: Any) -> Any:
        import numpy as np

        first = next(iter(given.values())) if isinstance(given, dict) else given
        return np.asarray(first).reshape(len(first), -1).sum(axis=1)

    row = {f"t{n}": np.ones([abs(size) for size in shape]) for n, shape in enumerate(shapes)}
    return sig, native(model), [{name: value.tolist() for name, value in row.items()}]


@pytest.fixture(scope="module", params=list(MODELS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    packed, engine = MODELS[request.param]
    return Served(tmp_path_factory.mktemp(request.param), packed(), engine)


def document(served: Served) -> dict[str, Any]:
    answer = served.call("GET", "/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def resolved(found: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    for name in part.get("$ref", "#").split("/")[1:]:
        found = found[name]
    return found if "$ref" in part else part


def schema(found: dict[str, Any], name: str) -> dict[str, Any]:
    """A component with what it refers to."""
    return {"$ref": f"#/components/schemas/{name}", "components": found["components"]}


def valid(found: dict[str, Any], name: str, instance: Any) -> bool:
    validator = jsonschema.Draft202012Validator(schema(found, name))
    return bool(validator.is_valid(instance))


def test_it_is_a_valid_document(served: Served) -> None:
    found = document(served)
    jsonschema.validate(found, OPENAPI_31)
    for part in found["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(part)
    for reference in re.findall(r"'\$ref': '([^']+)'", str(found)):
        assert resolved(found, {"$ref": reference})
    assert served.call("GET", "/docs.json").json() == found


def test_every_route_of_the_lane_is_in_it_and_no_other(served: Served) -> None:
    paths = document(served)["paths"]
    routes = served.lane._routes
    # the same path with a slash behind it
    assert {path for path in routes if path != "/v2/"} == set(paths)
    for path, item in paths.items():
        methods = {method.upper() for method in item}
        assert methods == set(routes[path].methods) - {"HEAD"}


def test_every_example_is_answered(served: Served) -> None:
    found = document(served)
    answered = 0
    for path, item in found["paths"].items():
        content = item.get("post", {}).get("requestBody", {}).get("content", {})
        for kind, media in content.items():
            for example in media.get("examples", {}).values():
                value = example["value"]
                body = value.encode() if isinstance(value, str) else value
                answer = served.call("POST", path, body, content_type=kind)
                assert answer.status_code == 200, (path, value, answer.text)
                if not isinstance(value, str):
                    named = {"components": found["components"]}
                    jsonschema.validate(value, {**media["schema"], **named})
                answered += 1
    assert answered >= 11


def test_what_is_answered_is_as_it_says(served: Served) -> None:
    found = document(served)
    rows = served.rows
    assert valid(found, "Answer", served.predict(rows).json())
    answer = served.call("POST", "/invocations", {"inputs": rows}, content_type="application/json")
    assert valid(found, "InvocationAnswer", answer.json())
    refused = served.predict({"nothing": 1})
    assert valid(found, "Problem", refused.json()) or refused.status_code == 200
    for path, item in found["paths"].items():
        if "get" not in item:
            continue
        answer = served.call("GET", path)
        [kind] = item["get"]["responses"]["200"]["content"]
        assert answer.headers["content-type"].partition(";")[0] == kind
        if kind == "application/json":
            part = item["get"]["responses"]["200"]["content"][kind]["schema"]
            jsonschema.validate(answer.json(), part)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"amount": 100.5}, False),
        ({"amount": -0.5}, False),
        ({"amount": None}, False),
        ({"amount": "1"}, False),
        ({"count": 32767}, True),
        ({"count": 32768}, False),
        ({"count": 1.5}, False),
        ({"city": None}, True),
        ({"city": "Paris"}, False),
        ({"member": 1}, False),
        ({"more": 1}, False),
        ({"day": "2024-01-31"}, True),
        ({"day": "yesterday"}, False),
        ({"day": "2024-01-31T12:30:00Z"}, False),
    ],
)
def test_policies_and_types_are_in_the_schema(
    tmp_path: Path, change: dict[str, Any], fits: bool
) -> None:
    """And it says of a record what the endpoint does."""
    served = Served(tmp_path, strict(), "native")
    record = {**served.rows[0], **change}
    assert valid(document(served), "Record", record) is fits
    assert (served.predict([record]).status_code == 200) is fits


def test_how_many_rows_there_may_be(tmp_path: Path) -> None:
    found = document(Served(tmp_path, strict(), "native"))
    record = strict()[2][0]
    sizes = {n: valid(found, "Table", [record] * n) for n in range(5)}
    assert sizes == {0: False, 1: True, 2: True, 3: True, 4: False}
    found = document(Served(tmp_path, lax(), "native"))
    assert valid(found, "Table", [])
    # null is for the columns that hold it
    del record["amount"], record["city"], record["day"]
    assert valid(found, "Record", {**record, "anything": 1, "due": None})
    assert not valid(found, "Record", {"amount": 1})


@pytest.mark.parametrize("shapes", [((2, 3),), ((4,),), ((2, -1),), ((2,), (3, 2))])
def test_tensors(tmp_path: Path, shapes: tuple[tuple[int, ...], ...]) -> None:
    served = Served(tmp_path, tensors(*shapes), "native")
    found = document(served)
    [row] = served.rows
    columns = {name: [value, value] for name, value in row.items()}
    forms = [[row], columns, *([columns["t0"]] if len(row) == 1 else [])]
    for form in forms:
        assert valid(found, "Table", form)
        assert served.predict(form).status_code == 200
    wrong = {**columns, "t0": [[[[0.5]]]]}
    assert not valid(found, "Table", wrong)
    assert served.predict(wrong).status_code == 422


def test_classifiers_of_several_targets_and_functions_behind_a_model() -> None:
    sig, _, _ = forest_onnx()
    assert schemas.answer(sig)["properties"]["predictions"]["items"] == {"enum": list(sig.classes)}
    # what a function of the user's made of the labels is anybody's guess
    assert schemas.answer(sig, labels=False)["properties"]["predictions"]["items"] == {}
    several = replace(
        sig,
        classes=None,
        outputs=(
            Output("predictions", "object", (-1, 2)),
            Output("probabilities_0", "float64", (-1, 2), classes=("a", "b")),
            Output("probabilities_1", "float64", (-1, 3), classes=(1, 2, 3)),
        ),
    )
    answer = {
        "predictions": [["a", 1]],
        "probabilities_0": [[0.5, 0.5]],
        "probabilities_1": [[0.5, 0.5, None]],
        "classes": {"probabilities_0": ["a", "b"], "probabilities_1": [1, 2, 3]},
    }
    jsonschema.validate(answer, schemas.answer(several))
    assert set(schemas.answer(several)["properties"]) == set(answer)
    assert set(schemas.answer(several, predictions_only=True)["properties"]) == {"predictions"}


def test_categories_are_only_named_where_others_are_taken(tmp_path: Path) -> None:
    found = document(Served(tmp_path, mixed_onnx()))
    city = found["components"]["schemas"]["Record"]["properties"]["city"]
    assert city == {"type": "string", "description": "category; sample: Bern, Oslo, Rome"}
    income = found["components"]["schemas"]["Record"]["properties"]["income"]
    assert income["type"] == ["number", "null"]


def test_where_it_is_served_and_what_it_asks_for(tmp_path: Path) -> None:
    found = document(Served(tmp_path, ridge_onnx()))
    # relative to itself: behind the gateway it lies below the deployment's name
    assert found["servers"] == [{"url": "."}]
    key = found["components"]["securitySchemes"]["key"]
    assert key == {"type": "apiKey", "in": "header", "name": "x-api-key"}
    assert (found["info"]["title"], found["info"]["version"]) == ("churn", VERSION)


class Links(HTMLParser):
    """Everything that a browser would go for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [str(v) for name, v in attrs if name in ("src", "href", "action")]


def test_the_page_needs_nothing_from_elsewhere(served: Served) -> None:
    answer = served.call("GET", "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    links = Links()
    links.feed(answer.text)
    assert links.found
    for link in links.found:
        assert not link.startswith(("/", "http"))
        assert served.call("GET", f"/{link}").status_code == 200
    assert not links.tags & {"script", "img", "iframe", "link", "object", "form"}
    assert "@import" not in answer.text
    assert "url(" not in answer.text
    assert "color-scheme: light dark" in answer.text
    for path in document(served)["paths"]:
        assert f"<code>{path}</code>" in answer.text
    found = served.runtime.packed.signature
    for described in (*found.inputs, *found.outputs):
        assert f"<td>{described.name}</td>" in answer.text
    for label in found.classes or ():
        assert str(label) in answer.text


def test_a_name_is_text_on_the_page(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    sig = signature(column(hostile), column("b", "object", categories=(hostile, "&")))
    rows = [{hostile: 1.0, "b": hostile}]
    served = Served(tmp_path, (sig, native(lambda t: t["b"]), rows), "native")
    answer = served.call("GET", "/docs")
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_before_the_model_is_loaded(tmp_path: Path) -> None:
    served = Served(tmp_path, ridge_onnx(), load=False)
    assert served.call("GET", "/docs").status_code == 503
    assert served.call("GET", "/openapi.json").status_code == 503


def test_bentomls_dialect() -> None:
    sig = mixed_onnx()[0]
    assert dialect.table(sig)["items"]["properties"]["age"]["type"] == "integer"
    array = dialect.table(ridge_onnx()[0])
    assert (array["type"], array["dtype"], array["shape"]) == ("tensor", "float64", [-1, 10])
    assert array["columns"] == [f"x{n}" for n in range(10)]
    one = dialect.table(tensors((2, 3))[0])
    assert (one["type"], one["shape"]) == ("tensor", [-1, 2, 3])
    assert "shape" not in dialect.table(tensors((2, -1))[0])
    several = dialect.table(tensors((2,), (3, 2))[0])
    assert {n: t["shape"] for n, t in several["properties"].items()} == {
        "t0": [-1, 2],
        "t1": [-1, 3, 2],
    }
    words = replace(sig, layout="array", inputs=(column("x0", "object"),))
    assert "dtype" not in dialect.table(words)
