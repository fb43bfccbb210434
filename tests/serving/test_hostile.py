"""Bodies nobody would send by accident: no 5xx, no answer that was not asked for."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.serving.asgi import Served
from tests.serving.packs import forest_onnx, mixed_native, mixed_onnx

INFER = "/v2/models/churn/infer"
GOOD = b'[{"income": 50.5, "age": 30, "city": "Oslo", "member": true}]'

HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "nul": b"\x00",
    "deep arrays": b"[" * 1_000_000,
    "deep and closed": b"[" * 1000 + b"]" * 1000,
    "deep objects": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "deep in a cell": b'[{"income":' + b"[" * 900 + b"]" * 900 + b"}]",
    "repeated key": GOOD.replace(b"{", b'{"age": 1, '),
    "repeated escaped key": GOOD.replace(b"{", b'{"\\u0061ge": 1, '),
    "huge integer": GOOD.replace(b"30", b"9" * 300),
    "huger integer": GOOD.replace(b"30", b"9" * 100_000),
    "huge exponent": GOOD.replace(b"50.5", b"1e99999"),
    "huge negative exponent and a name": GOOD.replace(b"50.5", b"-1e99999"),
    "NaN": GOOD.replace(b"50.5", b"NaN"),
    "Infinity": GOOD.replace(b"50.5", b"-Infinity"),
    "invalid UTF-8": GOOD.replace(b"Oslo", b"\xc3\x28"),
    "overlong UTF-8": GOOD.replace(b"Oslo", b"\xc0\xaf"),
    "lone surrogate": GOOD.replace(b"Oslo", b"\\ud800"),
    "UTF-16": GOOD.decode().encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + GOOD,
    "gzip": b"\x1f\x8b\x08\x00\x00",
    "comment": GOOD + b"// yes",
    "two documents": GOOD + GOOD,
    "true for a number": GOOD.replace(b"50.5", b"true"),
    "number for true": GOOD.replace(b"true", b"1"),
    "string for a number": GOOD.replace(b"50.5", b'"50.5"'),
    "fraction for an integer": GOOD.replace(b"30", b"30.5"),
    "array for a string": GOOD.replace(b'"Oslo"', b'["Oslo"]'),
    "object for a string": GOOD.replace(b'"Oslo"', b"{}"),
    "null for a string": GOOD.replace(b'"Oslo"', b"null"),
    "__proto__": GOOD.replace(b"{", b'{"__proto__": {}, '),
    "empty key": GOOD.replace(b"{", b'{"": 1, '),
    "null": b"null",
    "empty": b"[]",
    "empty rows": b"[[], []]",
    "empty record": b"[{}]",
    "empty object": b"{}",
    "a million nulls": b"[" + b"null," * 999_999 + b"null]",
    "long key": b'[{"' + b"k" * 1_000_000 + b'": 1}]',
}


@pytest.fixture(scope="module", params=["onnxruntime", "native"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Served:
    packed = mixed_onnx() if request.param == "onnxruntime" else mixed_native()
    return Served(tmp_path_factory.mktemp("hostile"), packed, request.param)


def test_the_body_the_others_are_made_of_is_good(served: Served) -> None:
    assert served.predict(GOOD).status_code == 200


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_predict(served: Served, body: bytes) -> None:
    answer = served.predict(body)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 5000
    answer.json()


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_infer(served: Served, body: bytes) -> None:
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


@pytest.mark.parametrize(
    "head",
    [
        {"content_length": "abc"},
        {"content_length": "-1"},
        {"content_length": "9" * 400},
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
