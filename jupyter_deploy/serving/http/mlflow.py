"""MLflow's scoring protocol: ``POST /invocations`` as ``mlflow models serve`` has it.

JSON is an object with one of ``dataframe_split``, ``dataframe_records``, ``instances`` and
``inputs``; CSV has a header row. Answers are ``{"predictions": [...]}`` and nothing else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import orjson

from ..engines import Outputs
from ..inputs.cells import describe
from ..inputs.decode import refuse_repeated_keys
from ..problems import MAX_CELLS, Cell, InvalidInput, MalformedBody, Problem
from ..runtime import Runtime

FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_SPLIT = frozenset(("columns", "data", "index"))
#: MLflow's names of errors, by status.
_ERROR_CODES = {
    404: "ENDPOINT_NOT_FOUND",
    413: "BAD_REQUEST",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


class InvocationError(Problem):
    """A body that is JSON or CSV, and no request of this protocol."""

    status = 400
    code = "invalid-invocation"
    title = "The request is not one of MLflow's scoring protocol"


def error(problem: Problem) -> dict[str, str]:
    """Return what MLflow's own errors consist of."""
    code = _ERROR_CODES.get(problem.status, "BAD_REQUEST")
    return {"error_code": code, "message": problem.detail}


class Scoring:
    """Answers for one model."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        signature = runtime.packed.signature
        self._names = [column.name for column in signature.inputs]
        self._positions = list(range(len(self._names))) if signature.layout == "array" else None

    def json(self, body: bytes) -> tuple[bytes, int]:
        """Answer a JSON body.

        Returns
        -------
        tuple
            The answer's body and the number of rows.

        Raises
        ------
        Problem
            Whatever is wrong with the body or the model.
        """
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as fault:
            raise MalformedBody(str(fault)) from None
        document, keys = self._read(request)
        batch, rows = self._runtime.decoder.convert(document)
        refuse_repeated_keys(body, keys)
        return self._answer(batch, lambda: document), rows

    def csv(self, body: bytes) -> tuple[bytes, int]:
        """Answer a CSV body; see :meth:`json`."""
        document = _columns(body, self._names)
        batch, rows = self._runtime.decoder.convert(document, lenient=True)
        return self._answer(batch, lambda: document), rows

    def _answer(self, batch: Any, document: Callable[[], Any]) -> bytes:
        outputs = self._runtime.run(batch, document)
        return self._runtime.encode(Outputs(outputs.predictions))

    def _read(self, request: Any) -> tuple[Any, int]:
        """The rows as a ``/predict`` body has them, and how many keys the request has."""
        if type(request) is not dict:
            raise InvocationError(f"The body is {describe(request)}; {_FORM}.")
        forms = [name for name in FORMS if name in request]
        if len(forms) != 1:
            found = " and ".join(forms) or "none of them"
            raise InvocationError(f"The body has {found}; {_FORM}.")
        others = sorted(request.keys() - {forms[0], "params"})
        if others:
            raise InvocationError(f"{others[0][:40]!r} is unknown; {_FORM}, and params.")
        params = request.get("params")
        if params is not None and type(params) is not dict:
            raise InvocationError(f"params is {describe(params)}; it must be an object.")
        if params:
            raise InvocationError("This model takes no params; leave them out.")
        form, held = forms[0], request[forms[0]]
        if form == "dataframe_split":
            return self._split(held), len(request) + len(held)
        if form != "inputs" and type(held) is not list:
            raise InvocationError(f"{form} is {describe(held)}; it must be an array of rows.")
        if form == "dataframe_records" and not all(type(row) is dict for row in held):
            raise InvocationError("dataframe_records must hold objects, one a row.")
        rows = [held] if type(held) is dict else held
        nested = sum(len(row) for row in rows if type(row) is dict) if type(rows) is list else 0
        return held, len(request) + nested

    def _split(self, held: Any) -> Any:
        if type(held) is not dict or type(held.get("data")) is not list:
            raise InvocationError("dataframe_split must be an object with columns and data.")
        others = sorted(held.keys() - _SPLIT)
        if others:
            raise InvocationError(f"dataframe_split has the unknown key {others[0][:40]!r}.")
        data, index = held["data"], held.get("index", [])
        # the index of a DataFrame says nothing to a model
        if type(index) is not list or any(type(label) in (list, dict) for label in index):
            raise InvocationError("dataframe_split's index must be an array of labels.")
        columns = held.get("columns", self._positions)
        if columns is not None and columns in (self._names, self._positions):
            if not all(type(row) is list for row in data):
                raise InvocationError("dataframe_split's data must be an array of arrays.")
            return data
        if type(columns) is not list or not all(type(name) is str for name in columns):
            raise InvocationError("dataframe_split's columns must be an array of names.")
        _refuse_repeated(columns)
        cells = [
            Cell(row, None, describe(values), f"an array of {len(columns)} values, as columns has")
            for row, values in enumerate(data)
            if type(values) is not list or len(values) != len(columns)
        ]
        _raise_if_any(cells)
        return [dict(zip(columns, values, strict=True)) for values in data]


_FORM = "send an object with exactly one of " + ", ".join(FORMS)


def _columns(body: bytes, names: list[str]) -> dict[str, list[str]]:
    """The columns of a CSV document, as text."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise MalformedBody(f"it is not UTF-8, at byte {fault.start}") from None
    # blank lines are no rows, except where an empty line is a row of one empty cell
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        table = [row or [""] * (len(names) == 1) for row in reader if row or len(names) == 1]
    except csv.Error as fault:
        raise MalformedBody(f"line {reader.line_num} is not CSV: {fault}") from None
    if not header:
        raise MalformedBody("it has no header row")
    if header[0] == "" and "" not in names:
        # pandas writes the index as a first column without a name
        header, table = header[1:], [row[1:] for row in table]
    _refuse_repeated(header)
    expected = f"{len(header)} values, as the header row has"
    _raise_if_any(
        [
            Cell(place, None, f"{len(row)} values", expected)
            for place, row in enumerate(table)
            if len(row) != len(header)
        ]
    )
    if not table:
        return {name: [] for name in header}
    return dict(zip(header, map(list, zip(*table, strict=True)), strict=True))


def _refuse_repeated(names: list[str]) -> None:
    if len(set(names)) != len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise InvocationError(f"The column {name[:40]!r} is given twice.")


def _raise_if_any(cells: list[Cell]) -> None:
    if cells:
        raise InvalidInput.of(cells[:MAX_CELLS], more=len(cells) > MAX_CELLS)
