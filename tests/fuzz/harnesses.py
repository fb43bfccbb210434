"""The harnesses: each takes any bytes, and raises when the runtime is wrong about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from jupyter_deploy.serving.exchange import Head
from jupyter_deploy.serving.problems import InvalidInput, MalformedBody, Problem
from tests.fuzz import reading, subjects
from tests.fuzz.reading import Refused
from tests.fuzz.subjects import Subject, subject

Harness = Callable[[bytes], None]
#: Below this every float type holds a number; at its edge rounding decides, and either is right.
_SURELY_HELD = 1e38


class Finding(AssertionError):  # noqa: N818  what fuzzers call it
    """The runtime took what it must refuse, refused what it must take, or read it wrongly."""


def _decoding(make: Callable[[], Subject]) -> Harness:
    def check(body: bytes) -> None:
        tested = subject(make)
        try:
            batch, rows = tested.decoder.decode(body)
        except (InvalidInput, MalformedBody) as problem:
            _must_be_refused(tested, body, problem)
            return
        try:
            expected = _expected(tested, body)
        except Refused as refused:
            raise Finding(f"answered, though {refused}") from None
        _same(tested, batch, rows, expected)

    return check


def _expected(tested: Subject, body: bytes) -> list[list[Any]]:
    inputs = tested.signature.inputs
    values = reading.columns(reading.parsed(body), inputs)
    return [
        [reading.cell(v, c, d, c.name in tested.nullable) for v in column]
        for c, d, column in zip(inputs, tested.dtypes, values, strict=True)
    ]


def _must_be_refused(tested: Subject, body: bytes, problem: Problem) -> None:
    try:
        expected = _expected(tested, body)
    except Refused:
        return
    held = (v for column in expected for v in column if isinstance(v, np.floating))
    if all(abs(v) < _SURELY_HELD for v in held):
        raise Finding(f"refused: {problem.detail}")


def _same(tested: Subject, batch: Any, rows: int, expected: list[list[Any]]) -> None:
    if rows != len(expected[0]):
        raise Finding(f"{rows} rows instead of {len(expected[0])}")
    for k, column in enumerate(tested.signature.inputs):
        got = _column(batch, k, len(expected))
        if len(got) != rows:
            raise Finding(f"{len(got)} values in {column.name} instead of {rows}")
        for value, wanted in zip(got, expected[k], strict=True):
            if not _equal(value, wanted):
                raise Finding(f"{value!r} in {column.name} instead of {wanted!r}")


def _column(batch: Any, k: int, width: int) -> Any:
    """Column `k` of an engine's input, whatever form that has."""
    if isinstance(batch, pd.DataFrame):
        return batch.iloc[:, k].tolist()
    if isinstance(batch, np.ndarray):
        if batch.shape[1:] != (width,):
            raise Finding(f"a matrix of shape {batch.shape}")
        return batch[:, k]
    return batch[k].reshape(-1)


def _equal(value: Any, wanted: Any) -> bool:
    if wanted is None:
        return bool(pd.isna(value))
    if isinstance(wanted, str | bool):
        return type(value) in (type(wanted), np.bool_) and bool(value == wanted)
    return bool(value == wanted)


def _head(data: bytes) -> None:
    """Headers, one a line as ``name: value``."""
    pairs = [line.partition(b": ")[::2] for line in data.split(b"\n")]
    head = Head.of({"headers": pairs})
    request_id = head.request_id.decode("ascii")
    if not 0 < len(request_id) <= 128 or not request_id.isprintable() or " " in request_id:
        raise Finding(f"the request id is {request_id!r}")
    try:
        head.require_json()
    except Problem:
        return
    kind = dict(reversed(pairs)).get(b"content-type", b"")
    types = [value for name, value in pairs if name == b"content-type"]
    if not types or types[-1].split(b";")[0].strip().lower() != b"application/json":
        raise Finding(f"taken for JSON: {kind!r}")


#: By name, which is also the folder of the corpus.
HARNESSES: dict[str, Harness] = {
    "floats": _decoding(subjects.floats),
    "numbers": _decoding(subjects.numbers),
    "tensors": _decoding(subjects.tensors),
    "frame": _decoding(subjects.frame),
    "array": _decoding(subjects.array),
    "head": _head,
}
