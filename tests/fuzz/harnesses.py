"""The harnesses: each takes any bytes, and raises when the runtime is wrong about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from jupyter_deploy.serving.http.mlflow import InvocationError
from jupyter_deploy.serving.oip import TensorError
from jupyter_deploy.serving.problems import InvalidInput, MalformedBody, Problem
from tests.fuzz import heads, nested, reading, subjects, tables, tensors
from tests.fuzz.comparing import Finding, same
from tests.fuzz.reading import Refused
from tests.fuzz.subjects import Subject, subject

Harness = Callable[[bytes], None]
Columns = list[list[Any]]
#: The slow reading of what was sent; raises Refused.
Expected = Callable[[], Columns]
#: Below this every float type holds a number; at its edge rounding decides, and either is right.
_SURELY_HELD = 1e38


def _predict(make: Callable[[], Subject]) -> Harness:
    """Bodies of ``/predict``; refusals are checked too."""

    def check(body: bytes) -> None:
        tested = subject(make)

        def expected() -> Columns:
            return reading.columns(reading.parsed(body), tested.signature.inputs)

        try:
            answer, rows = tested.runtime.predict(body)
        except (InvalidInput, MalformedBody) as problem:
            _must_be_refused(tested, expected, problem)
        else:
            _must_be_right(tested, expected, answer, rows)

    return check


def _infer(make: Callable[[], Subject]) -> Harness:
    """Requests of the inference protocol, see :func:`tensors.split`."""

    def check(data: bytes) -> None:
        tested = subject(make)
        body, length = tensors.split(data)
        try:
            reply = tested.protocol.infer(body, length)
        except (InvalidInput, MalformedBody, TensorError):
            return
        answer = reply.body[: reply.header_length]
        _must_be_right(
            tested,
            lambda: tensors.columns(body, length, tested.signature.inputs),
            answer,
            reply.rows,
        )

    return check


def _invocations(make: Callable[[], Subject]) -> Harness:
    """MLflow's requests: JSON when they begin with a brace, else CSV."""

    def check(body: bytes) -> None:
        tested = subject(make)
        is_json = body.lstrip()[:1] == b"{"
        ask, read = (
            (tested.scoring.json, tables.columns)
            if is_json
            else (tested.scoring.csv, tables.text_columns)
        )
        try:
            answer, rows = ask(body)
        except (InvalidInput, MalformedBody, InvocationError):
            return
        inputs = tested.signature.inputs
        _must_be_right(tested, lambda: read(body, inputs), answer, rows, text=not is_json)

    return check


def _nested(make: Callable[[], Subject]) -> Harness:
    """Bodies of ``/predict`` for a model of one tensor, of which some can be read in two ways."""

    def check(body: bytes) -> None:
        tested = subject(make)
        [held] = tested.held
        readings = nested.readings(body, held)
        try:
            answer, rows = tested.runtime.predict(body)
        except (InvalidInput, MalformedBody) as problem:
            if any(np.abs(array).max() < _SURELY_HELD for array in readings):
                raise Finding(f"refused: {problem.detail}") from None
            return
        json.loads(answer)
        batch = tested.recorder.batch
        if rows != len(batch) or not any(np.array_equal(batch, array) for array in readings):
            raise Finding(f"{batch!r} is none of {readings!r}")

    return check


def _held(tested: Subject, values: Columns, text: bool = False) -> Columns:
    """The values as the engine must hold them."""
    ways = [replace(held, text=text) for held in tested.held]
    return [
        [reading.cell(v, way) for v in column] for way, column in zip(ways, values, strict=True)
    ]


def _must_be_right(
    tested: Subject, expected: Expected, answer: bytes, rows: int, text: bool = False
) -> None:
    json.loads(answer)
    try:
        held = _held(tested, expected(), text)
    except Refused as refused:
        raise Finding(f"answered, though {refused}") from None
    same(tested.signature, tested.recorder.batch, rows, held)


def _must_be_refused(tested: Subject, expected: Expected, problem: Problem) -> None:
    try:
        held = _held(tested, expected())
    except Refused:
        return
    floats = (v for column in held for v in column if isinstance(v, np.floating))
    if all(abs(v) < _SURELY_HELD for v in floats):
        raise Finding(f"refused: {problem.detail}")


#: By name, which is also the folder of the corpus.
HARNESSES: dict[str, Harness] = {
    "predict-floats": _predict(subjects.floats),
    "predict-numbers": _predict(subjects.numbers),
    "predict-tensors": _predict(subjects.tensors),
    "predict-frame": _predict(subjects.frame),
    "predict-array": _predict(subjects.array),
    "predict-moments": _predict(subjects.moments),
    "predict-policies": _predict(subjects.policies),
    "predict-records": _predict(subjects.records),
    "predict-polars": _predict(subjects.polars),
    "predict-nested": _nested(subjects.nested),
    "infer-floats": _infer(subjects.floats),
    "infer-tensors": _infer(subjects.tensors),
    "infer-array": _infer(subjects.array),
    "infer-policies": _infer(subjects.policies),
    "invocations-tensors": _invocations(subjects.tensors),
    "invocations-policies": _invocations(subjects.policies),
    "invocations-frame": _invocations(subjects.frame),
    "head": heads.check,
}
