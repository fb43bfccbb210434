"""Rows as users have them, as the JSON body of ``/predict``; and its answer back as numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from jupyter_deploy.exceptions import PredictionError, UsageError

_TAKEN = "a DataFrame, a 2-D array, a list of records or rows, or a dict"


def body(data: Any) -> tuple[bytes, bool]:
    """Encode `data` for ``/predict``.

    Parameters
    ----------
    data
        DataFrame (or anything with ``to_pandas``), Series (one row), 2-D array, list of dicts
        or lists, dict of scalars (one row) or of columns. NaN, NaT and NA become null.

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
    if hasattr(data, "to_pandas") and not _is(data, "DataFrame", "pandas"):
        data = data.to_pandas()
    if _is(data, "DataFrame", "pandas"):
        columns = {str(name): _cells(column, str(name)) for name, column in data.items()}
        return _encode(columns), True
    if _is(data, "Series", "pandas"):
        return _encode([{str(k): _cell(v, 0, str(k)) for k, v in data.items()}]), True
    if _is(data, "ndarray", "numpy"):
        return _array(data), True
    if isinstance(data, Mapping | Sequence) and not isinstance(data, str | bytes):
        return _encode(_plain(data)), False
    raise UsageError(f"Can't predict on a {type(data).__name__}.", f"Give {_TAKEN}.")


def labels(found: list[Any], as_numpy: bool) -> Any:
    """Return predictions or probabilities: an array, or the list as it came."""
    if not as_numpy:
        return found
    import numpy as np

    return np.asarray(found)


def _is(value: Any, name: str, package: str) -> bool:
    # by name, so that a dict never costs the import of pandas
    return any(
        kind.__name__ == name and kind.__module__.split(".")[0] == package
        for kind in type(value).__mro__
    )


def _cells(column: Any, name: str) -> list[Any]:
    return [_cell(value, row, name) for row, value in enumerate(column.tolist())]


def _cell(value: Any, row: int, column: str) -> Any:
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "item"):  # a numpy scalar, some of which are floats and strings too
        return _cell(value.item(), row, column)
    if isinstance(value, float):
        if math.isinf(value):
            raise _infinite(row, column, value)
        return None if math.isnan(value) else value
    return value.isoformat() if hasattr(value, "isoformat") else value


def _array(data: Any) -> bytes:
    import numpy as np

    if data.ndim != 2:
        raise UsageError(
            f"Can't predict on an array of {data.ndim} dimension{'s' * (data.ndim != 1)}.",
            "Rows and columns are needed: X.reshape(1, -1) makes one row of X.",
        )
    if data.dtype.kind not in "fiub":
        rows = data.tolist()
        return _encode(
            [[_cell(v, i, f"x{j}") for j, v in enumerate(r)] for i, r in enumerate(rows)]
        )
    if data.dtype.kind == "f":
        infinite = np.argwhere(np.isinf(data))
        if len(infinite):
            row, column = map(int, infinite[0])
            raise _infinite(row, f"x{column}", float(data[row, column]))
        data = data.astype("float64", copy=False)  # orjson knows no float16 nor longdouble
    # NaN of an array is null already with orjson
    return orjson.dumps(np.ascontiguousarray(data), option=orjson.OPT_SERIALIZE_NUMPY)


def _plain(data: Any, row: int = 0, column: str = "") -> Any:
    if isinstance(data, Mapping):
        return {str(k): _plain(v, row, str(k)) for k, v in data.items()}
    if isinstance(data, list | tuple):
        if column:
            return [_plain(v, i, column) for i, v in enumerate(data)]
        return [_plain(v, i) for i, v in enumerate(data)]
    if _is(data, "ndarray", "numpy") or _is(data, "Series", "pandas"):
        return _plain(data.tolist(), row, column)
    return _cell(data, row, column)


def _encode(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"The rows can't be written as JSON: {error}.", f"Give {_TAKEN}."
        ) from None


def _infinite(row: int, column: str, value: float) -> PredictionError:
    where = f"row {row}" + (f", column {column!r}" if column else "")
    return PredictionError(
        f"{where}: got {value}, which JSON can't carry.",
        "Replace infinite values, for example by NaN where the model takes nulls.",
        errors=[{"row": row, "column": column, "got": str(value), "expected": "a finite number"}],
    )
