"""Binary requests that are not what they say: each is refused in a sentence, none is a fault."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving.asgi import Served
from tests.serving.oip_client import INFER, ask, json_tensor, request, tensor
from tests.serving.packs import column, native, signature

MEGA = 10**18


@cache
def served() -> Served:
    sig = signature(column("x"), column("text", "object"), column("flag", "bool"))
    model = native(lambda frame: frame["x"].to_numpy())
    warmup = [{"x": 1.0, "text": "a", "flag": True}]
    return Served(Path(mkdtemp()), (sig, model, warmup), "native")


def entry(name: str, datatype: str, size: Any, shape: Any = (2,), **more: Any) -> dict[str, Any]:
    parameters = {"binary_data_size": size}
    return {"name": name, "datatype": datatype, "shape": shape, "parameters": parameters, **more}


X = struct.pack("<2d", 1.5, 2.5)
TEXT = b"\x01\0\0\0a\x02\0\0\0bc"
FLAG = b"\x01\x00"
GOOD = [entry("x", "FP64", 16), entry("text", "BYTES", 11), entry("flag", "BOOL", 2)]
TAIL = X + TEXT + FLAG


def post(inputs: Any, tail: bytes = TAIL, length: Any = None, **more: Any) -> Any:
    text = orjson.dumps({"inputs": inputs, **more})
    length = str(len(text)) if length is None else length
    return served().call("POST", INFER, text + tail, inference_header_content_length=length)


def but(position: int, **change: Any) -> list[dict[str, Any]]:
    """Good inputs, one of them changed; None takes a key away."""
    made = [dict(e) for e in GOOD]
    made[position] |= change
    made[position] = {key: value for key, value in made[position].items() if value is not None}
    return made


def test_the_corpus_begins_with_a_good_one() -> None:
    answer = post(GOOD)
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == [1.5, 2.5]


@pytest.mark.parametrize(
    ("inputs", "tail", "said"),
    [
        # sizes
        (GOOD, TAIL[:-1], "'flag' says it has 2 bytes of binary data, 1 are left in the body"),
        (GOOD, X, "'text' says it has 11 bytes of binary data, 0 are left"),
        (GOOD, b"", "'x' says it has 16 bytes of binary data, 0 are left"),
        (GOOD, TAIL + b"\0", "1 bytes of the body belong to no input"),
        (but(0, shape=[3]), TAIL, "16 bytes of binary data, its shape [3] of FP64 takes 24"),
        (but(0, shape=[1]), TAIL, "its shape [1] of FP64 takes 8"),
        (but(0, datatype="FP32"), TAIL, "its shape [2] of FP32 takes 8"),
        (but(0, shape=[MEGA]), TAIL, f"of FP64 takes {8 * MEGA}"),
        (but(0, shape=[MEGA] * 32), TAIL, "'x' has 16 bytes"),
        (but(0, shape=[2] * 33), TAIL, "33 dimensions"),
        (but(0, shape=[0]), TAIL, "of FP64 takes 0"),
        (but(0, shape=[-2]), TAIL, "needs a shape"),
        (but(0, shape=[2.0]), TAIL, "needs a shape"),
        (but(0, shape=[]), TAIL, "needs a shape"),
        (but(0, shape=None), TAIL, "needs a shape"),
        (but(0, parameters={"binary_data_size": -16}), TAIL, "an integer from 0 on"),
        (but(0, parameters={"binary_data_size": 16.0}), TAIL, "an integer from 0 on"),
        (but(0, parameters={"binary_data_size": True}), TAIL, "an integer from 0 on"),
        (but(0, parameters={"binary_data_size": "16"}), TAIL, "an integer from 0 on"),
        (but(0, parameters={"binary_data_size": None}), TAIL, "an integer from 0 on"),
        (but(0, parameters={"binary_data_size": MEGA}), TAIL, f"says it has {MEGA} bytes"),
        # an input takes what is the next one's
        (but(0, parameters={"binary_data_size": 17}), TAIL, "'x' has 17 bytes of binary data"),
        (but(0, parameters={"binary_data_size": 8}), TAIL, "'x' has 8 bytes of binary data"),
        (GOOD[::-1], TAIL, "'text' ends within its element 1"),
        # kinds
        (but(0, datatype="FP128"), TAIL, "needs a datatype, one of BOOL, UINT8"),
        (but(0, datatype=None), TAIL, "needs a datatype"),
        (but(0, datatype=["FP64"]), TAIL, "needs a datatype"),
        (but(0, data=[1.5, 2.5]), TAIL, "has data and binary_data_size"),
        (but(0, data=[]), TAIL, "has data and binary_data_size"),
        (but(0, parameters={}), TAIL, "needs data: an array of values"),
        (but(0, parameters=[16]), TAIL, "must be an object"),
        (but(2, datatype="UINT8"), TAIL, "expected true or false"),
        (but(0, shape=[1, 2]), TAIL, "has shape [1, 2], expected [rows] or [rows, 1]"),
        ([*GOOD, GOOD[0]], TAIL + X, "is given twice"),
        ([*GOOD, entry("y", "FP64", 16)], TAIL + X, "there is no input 'y'"),
        (GOOD[:2], X + TEXT, "missing inputs: flag"),
        # rows
        ([entry("x", "FP64", 8, [1]), *GOOD[1:]], TAIL[8:], "values"),
        # values that the columns don't take
        (GOOD, struct.pack("<2d", 1, float("nan")) + TEXT + FLAG, "row 1, column 'x': got NaN"),
        (GOOD, struct.pack("<2d", float("-inf"), 1) + TEXT + FLAG, "row 0, column 'x': got minus"),
        (GOOD, X + TEXT + b"\x01\x02", "'flag' says BOOL and has bytes other than 0 and 1"),
        # texts
        (GOOD, X + b"\x01\0\0\0a\x02\0\0\0\xff\xfe" + FLAG, "has an element 1 that is not UTF-8"),
        (GOOD, X + b"\x01\0\0\0a\x03\0\0\0bc" + FLAG, "'text' ends within its element 1"),
        (GOOD, X + b"\xff\xff\xff\xffa\x02\0\0\0bc" + FLAG, "'text' ends within its element 0"),
        (GOOD, X + b"\x06\0\0\0a\x02\0\0\0bc" + FLAG, "'text' ends within its element 1"),
        (GOOD, X + b"\x07\0\0\0a\x02\0\0\0bc" + FLAG, "'text' ends within its element 1"),
        (GOOD, X + b"\x01\0\0\0a\x01\0\0\0bc" + FLAG, "1 bytes of binary data after its 2 texts"),
        (but(1, shape=[3]), TAIL, "too few for 3 texts"),
        (but(1, shape=[MEGA]), TAIL, f"too few for {MEGA} texts"),
        (but(1, shape=[1]), TAIL, "6 bytes of binary data after its 1 texts"),
        (but(1, shape=[0]), TAIL, "11 bytes of binary data after its 0 texts"),
    ],
)
def test_binary_inputs(inputs: Any, tail: bytes, said: str) -> None:
    answer = post(inputs, tail)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()) == ["error"]
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("-1", "must be one whole number"),
        ("+5", "must be one whole number"),
        ("1e2", "must be one whole number"),
        ("0x10", "must be one whole number"),
        ("", "must be one whole number"),
        ("٣", "must be one whole number"),
        ("9" * 30, "must be one whole number"),
        ("9" * 5000, "must be one whole number"),
        ("9" * 18, "the body has"),
        ("10, 10", "must be one whole number"),
        ("1", "not valid JSON: "),
        ("3", "not valid JSON: "),
    ],
)
def test_header_length(length: str, said: str) -> None:
    answer = served().call(
        "POST",
        INFER,
        orjson.dumps({"inputs": GOOD}) + TAIL,
        inference_header_content_length=length.encode(),  # type: ignore[arg-type]
    )
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


def test_a_header_length_beside_the_jsons_end() -> None:
    text = orjson.dumps({"inputs": GOOD})
    for length in (len(text) - 1, len(text) + 1, len(text) + len(TAIL)):
        assert ask(served(), text + TAIL, length).status_code == 400
    refused = ask(served(), text + TAIL, len(text) + len(TAIL) + 1)
    assert f"the body has {len(text) + len(TAIL)} bytes" in refused.json()["error"]


def test_a_header_that_is_missing() -> None:
    text = orjson.dumps({"inputs": GOOD})
    assert ask(served(), text + TAIL, None).status_code == 400
    refused = ask(served(), text, None)
    assert "has no header inference-header-content-length" in refused.json()["error"]


def test_a_header_without_binary_inputs_is_all_right() -> None:
    inputs = [
        json_tensor("x", "FP64", [1.5]),
        json_tensor("text", "BYTES", ["a"]),
        json_tensor("flag", "BOOL", [True]),
    ]
    assert post(inputs, b"").status_code == 200
    assert "belong to no input" in post(inputs, b"\0").json()["error"]


def test_a_key_given_twice() -> None:
    text = orjson.dumps({"inputs": GOOD}).replace(b'"shape":[2]', b'"shape":[1],"shape":[2]', 1)
    refused = ask(served(), text + TAIL, len(text))
    assert refused.status_code == 400
    assert "twice" in refused.json()["error"]


@cache
def whole() -> tuple[bytes, int]:
    """A good request, as tritonclient makes it."""
    body, length = request(
        [
            tensor("x", [1.5, 2.5], "FP64"),
            tensor("text", ["a", "bc"], "BYTES"),
            tensor("flag", [True, False], "BOOL"),
        ]
    )
    assert length is not None
    return body, length


@st.composite
def damaged(draw: st.DrawFn) -> tuple[bytes, int]:
    """The good request with bytes changed, left out or put in, and perhaps another length."""
    body, length = whole()
    made = bytearray(body)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(made) - 1)) if made else 0
        match draw(st.sampled_from(["change", "cut", "insert", "truncate"])):
            case "change" if made:
                made[at] = draw(st.integers(0, 255))
            case "cut":
                del made[at : at + draw(st.integers(1, 20))]
            case "insert":
                made[at:at] = draw(st.binary(min_size=1, max_size=9))
            case _:
                del made[at:]
    return bytes(made), length + draw(st.sampled_from([0, 0, 0, len(made) - len(body), 1, -1]))


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ([2**40, 0], "rows without values"),
        ([2**62, 0], "rows without values"),
        ([1, 0], "rows without values"),
        ([0, 2**63], "at least one row"),
        ([0, 3], "at least one row"),
        ([0, 2**62], "at least one row"),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_a_shape_alone_makes_no_rows(
    tmp_path: Path, binary: bool, shape: list[int], said: str
) -> None:
    sig = signature(column("x", shape=(-1,)), layout="tensors")
    packed = (sig, native(lambda tensors: tensors["x"].sum(axis=1)), [{"x": [1.0]}])
    tensor = entry("x", "FP64", 0, shape) if binary else json_tensor("x", "FP64", [], *shape)
    text = orjson.dumps({"inputs": [tensor]})
    answer = ask(Served(tmp_path, packed, "native"), text, len(text) if binary else None)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["error"]


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_damaged_requests_are_answered_or_refused(sent: tuple[bytes, int]) -> None:
    answer = ask(served(), *sent)
    assert answer.status_code in (200, 400), answer.text
