"""Bodies nobody would send by accident: no 5xx, no answer that was not asked for.

Every file under ``corpus/`` is a body for the same model, in a folder named after the status that
it must be answered with. One that is found to be answered otherwise is added there.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_deploy.serving.engines.rows import NativeRows
from jupyter_deploy.serving.inputs.decode import Decoder
from jupyter_deploy.serving.problems import InvalidInput
from tests.serving.asgi import Served
from tests.serving.packs import column, forest_onnx, mixed_native, mixed_onnx, signature
from tests.serving.test_decode import matrix, separate

CORPUS = Path(__file__).parent / "corpus"
BODIES = sorted(CORPUS.glob("*/*"))
INFER = "/v2/models/churn/infer"
GOOD = (CORPUS / "200" / "good").read_bytes()
#: Larger than files should be.
LARGE = {
    "a million open arrays": b"[" * 1_000_000,
    "a million nulls": b"[" + b"null," * 999_999 + b"null]",
    "an integer of 100 000 digits": GOOD.replace(b"30", b"9" * 100_000),
    "a key of a million letters": b'[{"' + b"k" * 1_000_000 + b'": 1}]',
}


@pytest.fixture(scope="module", params=["onnxruntime", "native"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    packed = mixed_onnx() if request.param == "onnxruntime" else mixed_native()
    return Served(tmp_path_factory.mktemp("hostile"), packed, request.param)


def test_the_corpus_has_every_kind() -> None:
    counts = {name: len(list((CORPUS / name).iterdir())) for name in ("200", "400", "422")}
    assert min(counts.values()) >= 10
    assert sum(counts.values()) == len(BODIES)


@pytest.mark.parametrize("file", BODIES, ids=lambda file: f"{file.parent.name}-{file.name}")
def test_predict(served: Served, file: Path) -> None:
    answer = served.predict(file.read_bytes())
    assert answer.status_code == int(file.parent.name), answer.text
    if answer.status_code == 200:
        assert len(answer.json()["predictions"]) == 1
        return
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 5000
    document = answer.json()
    assert document["request_id"] == answer.headers["x-request-id"]
    assert bool(document["errors"]) == (answer.status_code == 422)
    for error in document["errors"]:
        assert list(error) == ["row", "column", "got", "expected"]
        assert error["got"]
        assert error["expected"]


@pytest.mark.parametrize("body", LARGE.values(), ids=LARGE)
def test_large(served: Served, body: bytes) -> None:
    answer = served.predict(body)
    assert answer.status_code in (400, 422), answer.text
    assert len(answer.content) < 5000


@pytest.mark.parametrize(
    "file", [f for f in BODIES if f.parent.name != "200"], ids=lambda file: file.name
)
def test_infer(served: Served, file: Path) -> None:
    body = file.read_bytes()
    for wrapped in (body, b'{"inputs": ' + body + b"}"):
        answer = served.call("POST", INFER, wrapped)
        assert answer.status_code == 400, answer.text
        assert list(answer.json()) == ["error"]


def test_every_cut_and_many_flips_of_a_good_body(tmp_path: Path) -> None:
    served = Served(tmp_path, forest_onnx())
    body = json.dumps(served.rows[:1]).encode()
    for end in range(0, len(body), 7):
        assert served.predict(body[:end]).status_code == 400
    rng = random.Random(20)  # noqa: S311
    for _ in range(300):
        mutated = bytearray(body)
        for _ in range(rng.randint(1, 4)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        answer = served.predict(bytes(mutated))
        # a flipped digit is another valid number; then the answer must be for those numbers
        if answer.status_code == 200:
            [row] = json.loads(mutated)
            assert list(row) == list(served.rows[0])
            assert {type(v) for v in row.values()} <= {int, float}
        else:
            assert answer.status_code in (400, 422), bytes(mutated)


HUGE: dict[str, Any] = {
    "10**400": 10**400,
    "-10**400": -(10**400),
    "10**5000": 10**5000,
    "2**1024": 2**1024,
    "NaN": float("nan"),
    "infinity": float("inf"),
}


@pytest.mark.parametrize("value", HUGE.values(), ids=HUGE)
@pytest.mark.parametrize("kind", ["float64", "float32", "int64"])
def test_documents_of_another_parser_than_ours(value: Any, kind: str) -> None:
    """BentoML's own route reads JSON with Python's parser, which knows no bounds."""
    sig = signature(column("a", kind), column("b"))
    for target in (matrix(*sig.inputs), separate(*sig.inputs), NativeRows(sig)):
        decoder = Decoder(target, sig)
        for document in ([[value, 1]], [[1, 1], [value, 1]], {"a": [value], "b": [1]}):
            with pytest.raises(InvalidInput) as caught:
                decoder.convert(document)
            [cell] = caught.value.cells
            assert cell.column == "a"
            assert len(cell.got) < 400


@pytest.mark.parametrize(
    "array",
    [
        np.array([1 + 1j]),
        np.array([b"\xff"]),
        np.array([b"\xff", "x"], dtype=object)[:1],
        np.array([{}], dtype=object),
        np.array(["1"]),
        np.array([True]),
        np.array([np.nan]),
        np.array([[1.0, 2.0, 3.0]]),
        np.zeros((1, 1, 1)),
        np.zeros((1, 0)),
        np.array(1.0),
        np.array([1], "M8[s]"),
        np.array([1], "m8[s]"),
        np.zeros(1, dtype=[("x", "f4")]),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_of_the_wrong_kind(array: Any) -> None:
    sig = signature(column("a"), column("b"))
    for target in (matrix(*sig.inputs), separate(*sig.inputs), NativeRows(sig)):
        decoder = Decoder(target, sig)
        with pytest.raises(InvalidInput):
            decoder.accept({"a": array, "b": np.array([1.5])})
        if array.ndim:
            with pytest.raises(InvalidInput):
                decoder.accept_matrix(array.reshape(len(array), -1))


@pytest.mark.parametrize(
    "head",
    [
        {"content_length": "abc"},
        {"content_length": "-1"},
        {"content_length": "9" * 400},
        {"content_length": "9" * 5000},
        {"content_length": "0" * 5000 + "5"},
        {"x_request_id": "a" * 10_000},
        {"content_type": "application/json" + ";" * 5000},
    ],
)
def test_heads(served: Served, head: dict[str, Any]) -> None:
    headers = {"content_type": "application/json", **head}
    assert served.call("POST", "/predict", GOOD, **headers).status_code in (200, 400, 413)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/" + "x" * 5000,
        "/v2/models/../../etc/passwd",
        "/v2/models/%00",
        "/v2//",
        "/v2/😀",
    ],
)
def test_paths(served: Served, path: str) -> None:
    assert served.call("GET", path).status_code in (404, 207)
