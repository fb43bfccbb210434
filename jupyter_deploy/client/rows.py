"""Rows as users have them, as the JSON body of ``/predict``; and its answer back as numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from jupyter_deploy.exceptions import PredictionError, UsageError

_TAKEN = (
    "a pandas or polars DataFrame, a numpy array, a list of records or rows, or a dict of columns"
)
#: Kinds of numpy arrays that the codec writes by itself.
_NUMBERS = "fiub"


def body(data: Any) -> tuple[bytes, bool]:
    """Encode `data` for ``/predict``.

    Parameters
    ----------
    data
        pandas or polars DataFrame, Series (one row), numpy array of two or more dimensions,
        list of dicts or lists, dict of scalars (one row), of columns or of arrays. NaN, NaT and
        NA become null, dates and times text in ISO 8601.

    Returns
    -------
    bytes, bool
        The JSON body, and whether the answer should come back as numpy.

    Raises
    ------
    UsageError
        When `data` is none of these.
    PredictionError
        When a number is infinite, which JSON can't say; it names row and column.
    """
    if _is(data, "DataFrame", "polars"):
        return _encode({c.name: _polars_column(c) for c in data.get_columns()}), True
    if _is(data, "DataFrame", "pandas"):
        return _encode({str(n): _pandas_column(c, str(n)) for n, c in data.items()}), True
    if _is(data, "Series", "pandas"):
        return _encode([{str(k): _cell(v, 0, str(k)) for k, v in data.items()}]), True
    if _is(data, "ndarray", "numpy"):
        return _encode(_rows(data)), True
    if (
        isinstance(data, Mapping)
        and data
        and all(_is(v, "ndarray", "numpy") for v in data.values())
    ):
        return _encode({str(k): _values(v, str(k)) for k, v in data.items()}), True
    if isinstance(data, Mapping | Sequence) and not isinstance(data, str | bytes):
        return _encode(_plain(data)), False
    raise _not_taken(data)


def labels(found: list[Any], as_numpy: bool) -> Any:
    """Return predictions or probabilities: an array, or the list as it came.

    A null among numbers is NaN in the array, as the model answered it.
    """
    if not as_numpy:
        return found
    import numpy as np

    array = np.asarray(found)
    if array.dtype == object and {type(v) for v in array.flat} <= {int, float, type(None)}:
        return array.astype(np.float64)
    return array


def probabilities(answer: Mapping[str, Any], as_numpy: bool) -> Any:
    """Return the probabilities of an answer; None when it has none.

    One array of shape (rows, classes), or for a classifier of several targets a list of one
    such array a target, as scikit-learn returns them.
    """
    found = answer.get("probabilities")
    if found is not None:
        return labels(found, as_numpy)
    targets: list[Any] = []
    while (key := f"probabilities_{len(targets)}") in answer:
        targets.append(labels(answer[key], as_numpy))
    return targets or None


def _is(value: Any, name: str, package: str) -> bool:
    # by name, so that a dict never costs the import of pandas
    return any(
        kind.__name__ == name and kind.__module__.split(".")[0] == package
        for kind in type(value).__mro__
    )


def _is_array(value: Any) -> bool:
    return _is(value, "ndarray", "numpy")


def _pandas_column(column: Any, name: str) -> Any:
    if getattr(column.dtype, "kind", "O") in _NUMBERS and _is(column.dtype, "dtype", "numpy"):
        return _numbers(column.to_numpy(), name)
    return [_cell(value, row, name) for row, value in enumerate(column.tolist())]


def _polars_column(column: Any) -> Any:
    return [_cell(value, row, column.name) for row, value in enumerate(column.to_list())]


def _rows(array: Any) -> Any:
    """Rows of an array: lists of values, or nested ones where a row is a tensor."""
    if array.ndim < 2:
        raise UsageError(
            f"Can't predict on an array of {array.ndim} dimension{'s' * (array.ndim != 1)}.",
            "Rows and columns are needed: X.reshape(1, -1) makes one row of X.",
        )
    if array.dtype.kind in _NUMBERS:
        return _numbers(array, None)
    rows = _listed(array)
    if array.ndim > 2:
        return _plain(rows)
    return [[_cell(v, i, f"x{j}") for j, v in enumerate(r)] for i, r in enumerate(rows)]


def _values(array: Any, name: str) -> Any:
    """One column or tensor of a dict of arrays."""
    if array.ndim == 0:
        return _cell(array.item(), 0, name)
    if array.dtype.kind in _NUMBERS:
        return _numbers(array, name)
    return _plain(_listed(array), column=name)


def _listed(array: Any) -> list[Any]:
    # tolist makes numbers of dates in nanoseconds
    if array.dtype.kind == "M":
        array = array.astype(str)
    listed: list[Any] = array.tolist()
    return _without_nat(listed) if array.dtype.kind == "U" else listed


def _without_nat(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nat(v) for v in value]
    return None if value == "NaT" else value


def _numbers(array: Any, name: str | None) -> Any:
    """As the codec writes it: contiguous, of a type it knows, NaN as null.

    Parameters
    ----------
    name
        Of the column; None for a matrix, whose columns are ``x0``, ``x1``, …
    """
    import numpy as np

    if array.dtype.kind == "f":
        infinite = np.argwhere(np.isinf(array))
        if len(infinite):
            place = tuple(map(int, infinite[0]))
            column = name if name is not None else f"x{place[1]}" if array.ndim == 2 else ""
            raise _infinite(place[0], column, float(array[place]))
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)  # the codec knows no float16 nor longdouble
    return np.ascontiguousarray(array)


def _cell(value: Any, row: int, column: str) -> Any:
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if type(value).__name__ == "datetime64":
        return None if str(value) == "NaT" else str(value)
    if hasattr(value, "item"):  # a numpy scalar, some of which are floats and strings too
        return _cell(value.item(), row, column)
    if isinstance(value, float):
        if math.isinf(value):
            raise _infinite(row, column, value)
        return None if math.isnan(value) else value
    return value.isoformat() if hasattr(value, "isoformat") else value


def _plain(data: Any, row: int = 0, column: str = "") -> Any:
    if isinstance(data, Mapping):
        return {str(k): _plain(v, row, str(k)) for k, v in data.items()}
    if isinstance(data, list | tuple):
        if column:
            return [_plain(v, i, column) for i, v in enumerate(data)]
        return [_plain(v, i) for i, v in enumerate(data)]
    if _is(data, "ndarray", "numpy"):
        data = _listed(data)
    elif _is(data, "Series", "pandas") or _is(data, "Series", "polars"):
        data = data.to_list()
    else:
        return _cell(data, row, column)
    return _plain(data, row, column)


def _encode(value: Any) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The rows can't be written as JSON: {error}.", f"Give {_TAKEN}."
        ) from None


def _not_taken(data: Any) -> UsageError:
    """Say in the words of packaging how this becomes rows."""
    from jupyter_deploy.packaging.samples.base import Subject
    from jupyter_deploy.packaging.samples.refused import refusal

    found = refusal(data, Subject("What to predict on", "X", "Give"))
    if data is None:
        return UsageError("There is nothing to predict on.", f"Give {_TAKEN}.")
    return UsageError(found.message, found.hint)


def _infinite(row: int, column: str, value: float) -> PredictionError:
    where = f"row {row}" + (f", column {column!r}" if column else "")
    return PredictionError(
        f"{where}: got {value}, which JSON can't carry.",
        "Replace infinite values, for example by NaN where the model takes nulls.",
        errors=[{"row": row, "column": column, "got": str(value), "expected": "a finite number"}],
    )
