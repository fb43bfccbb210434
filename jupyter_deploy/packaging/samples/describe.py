"""What is learnt from the values of one column: kind, range, categories, nulls, infinities."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples.base import jsonable
from jupyter_deploy.serving.signature import Column, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np

#: A string column with more values than this is free text: no categories are kept.
MAX_CATEGORIES = 100

_ARRAY_KINDS: dict[str, Kind] = {
    "f": "number",
    "i": "integer",
    "u": "integer",
    "b": "boolean",
    "M": "datetime",
    "U": "string",
    "T": "string",
}
#: Types with a value that is null; numpy's floats by any name.
_NULLABLE = ("NAType", "NaTType", "float", "float16", "float32", "float64", "longdouble")
#: What Python values of a column make of it; a column without any value counts as strings.
_OBJECT_KINDS: tuple[tuple[set[type], Kind], ...] = (
    ({str}, "string"),
    ({bool}, "boolean"),
    ({int}, "integer"),
    ({int, float}, "number"),
)
_DATES: tuple[set[type], ...] = ({dt.date}, {dt.datetime})
#: How a column of such values becomes one that is taken.
_CONVERSIONS: dict[type, str] = {
    bytes: "Decode it to text: df[{name!r}].str.decode('utf-8')",
    complex: "Split it into two columns of numbers, its real and its imaginary part.",
    list: "A column holds one value a row: make a column of each entry, or give a dict of arrays "
    "({{{name!r}: np.stack(df[{name!r}]), …}}), which the model is then called with.",
    dict: "A column holds one value a row: pd.json_normalize makes columns of nested ones.",
}
_HINT = "A column holds numbers, booleans, text or dates, of one kind: convert it with astype."


def array_column(name: str, values: np.ndarray[Any, Any], *, shape: tuple[int, ...] = ()) -> Column:
    """Describe a numpy array with one value a row, each of `shape`.

    Raises
    ------
    SampleError
        When it holds what a request can't carry.
    """
    import numpy as np

    if values.dtype.kind == "O":
        return object_column(name, values.ravel().tolist(), "object", shape=shape)
    kind = _ARRAY_KINDS.get(values.dtype.kind)
    if kind is None:
        raise odd_values(name, values.dtype.name, {complex} if values.dtype.kind == "c" else set())
    dtype = "str" if kind == "string" else str(values.dtype)
    if kind == "string":
        return object_column(name, values.ravel().tolist(), dtype, shape=shape)
    if kind == "boolean":
        return Column(name, dtype, kind, shape=shape)
    null = np.zeros(0, dtype=bool)
    if kind == "number":
        null = np.isnan(values)
    elif kind == "datetime":
        null = np.isnat(values)
    nulls = int(null.sum())
    known = values[~null] if nulls else values
    infinite = False
    if kind == "number":
        finite = np.isfinite(known)
        infinite = not bool(finite.all())
        known = known[finite] if infinite else known
    low = high = None
    if known.size:
        low, high = jsonable(known.min()), jsonable(known.max())
    share = nulls / values.size if values.size else 0.0
    return Column(
        name, dtype, kind, nulls > 0, low, high, None, share, infinite=infinite, shape=shape
    )


def object_column(
    name: str,
    values: list[Any],
    dtype: str,
    *,
    shape: tuple[int, ...] = (),
    dates: bool = False,
) -> Column:
    """Describe Python values.

    Parameters
    ----------
    dtype
        Name for the column; ``""`` for the name of the values' own type.
    dates
        Whether ``date`` and ``datetime`` objects are taken.

    Raises
    ------
    SampleError
        When it holds what a request can't carry, or values of several kinds.
    """
    types = set(map(type, values))
    if any(t is type(None) or t.__name__ in _NULLABLE for t in types):
        known = [v for v in values if not is_null(v)]
        types = set(map(type, known))
    else:
        known = values
    if any(t.__module__ == "numpy" for t in types):
        known = [v.item() if type(v).__module__ == "numpy" else v for v in known]
        types = set(map(type, known))
    # a class derived from str, an enum for example, is sent as text
    types = {str if issubclass(t, str) else t for t in types}
    kind: Kind | None = next((k for allowed, k in _OBJECT_KINDS if types <= allowed), None)
    if kind is None and dates and types in _DATES:
        kind = "datetime"
    if kind is None:
        raise odd_values(name, dtype, types)
    nulls = len(values) - len(known)
    low: Any = None
    high: Any = None
    infinite = False
    if kind in ("number", "integer"):
        finite = [v for v in known if abs(v) != math.inf]
        infinite = len(finite) < len(known)
        low, high = (min(finite), max(finite)) if finite else (None, None)
    elif kind == "datetime":
        low, high = (jsonable(v) for v in extremes(name, known))
    return Column(
        name,
        dtype or (float if kind == "number" else next(iter(types), str)).__name__,
        kind,
        nulls > 0,
        low,
        high,
        few(known) if kind == "string" else None,
        nulls / len(values) if values else 0.0,
        infinite=infinite,
        shape=shape,
    )


def few(values: Iterable[Any]) -> tuple[str, ...] | None:
    """Distinct strings in order; None when there are too many to be categories."""
    seen = set(values)
    return None if len(seen) > MAX_CATEGORIES else tuple(sorted(map(str, seen)))


def extremes(name: str, dates: list[Any]) -> tuple[Any, Any]:
    """Return the first and the last date.

    Raises
    ------
    SampleError
        When some have a time zone and others don't.
    """
    try:
        return (min(dates), max(dates)) if dates else (None, None)
    except TypeError:
        raise SampleError(
            f"Column {name!r} holds times with a time zone and times without.",
            "Give all of them a time zone, or none.",
        ) from None


def is_null(value: Any) -> bool:
    """Whether `value` is None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return type(value).__name__.startswith("float") and math.isnan(value)


def odd_values(name: str, dtype: str, found: set[type]) -> SampleError:
    """Return the error for values that a request can't carry."""
    names = sorted({t.__name__ for t in found})
    if found and all(issubclass(t, dt.date) for t in found):
        return SampleError(
            f"Column {name!r} holds Python's {' and '.join(names)} objects ({dtype}).",
            f"Make it a column of dates: df[{name!r}] = pd.to_datetime(df[{name!r}])",
        )
    if found <= {int, float, bool, str} and len(found) > 1:
        words = {"int": "integers", "float": "numbers", "bool": "booleans", "str": "text"}
        mixed = " and ".join(words[n] for n in names)
        return SampleError(
            f"Column {name!r} holds {mixed} in one column.",
            f"Make them one kind: df[{name!r}] = df[{name!r}].astype(str), "
            f"or pd.to_numeric(df[{name!r}]).",
        )
    if {t.__name__ for t in found} == {"Decimal"}:
        return SampleError(
            f"Column {name!r} holds Decimal values ({dtype}), and JSON has floats only.",
            f"Make them floats: df[{name!r}] = df[{name!r}].astype('float64')",
        )
    hint = next((h for t, h in _CONVERSIONS.items() if t in found), _HINT)
    what = f"{', '.join(names)} values" if names else f"values of {dtype}"
    suffix = f" ({dtype})" if names and dtype else ""
    return SampleError(f"Column {name!r} holds {what}{suffix}.", hint.format(name=name))
