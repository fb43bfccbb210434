"""A pandas DataFrame, with nullable, categorical, datetime and pyarrow dtypes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples.base import Described, Subject, jsonable
from jupyter_deploy.packaging.samples.describe import (
    array_column,
    object_column,
    odd_values,
)
from jupyter_deploy.serving.signature import Column, Kind, Layout

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_deploy.packaging.samples.base import Rows


class PandasSample(Described):
    """See :class:`.base.Sample`."""

    layout: Layout = "dataframe"

    def __init__(self, data: pd.DataFrame, subject: Subject) -> None:
        self.data = data
        self._subject = subject

    def __len__(self) -> int:
        return len(self.data)

    def _describe(self) -> tuple[Column, ...]:
        names = self._names()
        return tuple(_column(name, self.data[name]) for name in names)

    def take(self, rows: Rows) -> Any:
        return self.data.iloc[rows]

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        part = self.data.iloc[rows]
        names = list(part.columns)
        cells = [[jsonable(v) for v in part[name].tolist()] for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*cells, strict=True)]

    def sha256(self) -> str:
        import pandas as pd

        head = [(str(name), str(dtype)) for name, dtype in self.data.dtypes.items()]
        digest = hashlib.sha256(repr(head).encode())
        hashes = pd.util.hash_pandas_object(self.data, index=False)
        digest.update(hashes.to_numpy().tobytes())
        return digest.hexdigest()

    def _names(self) -> list[str]:
        words = self._subject.words
        if self.data.columns.nlevels > 1:
            raise SampleError(
                f"{words} has columns of several levels.",
                "Name them by one string each: df.columns = ['_'.join(c) for c in df.columns]",
            )
        names = list(self.data.columns)
        odd = next((n for n in names if not isinstance(n, str)), None)
        if odd is not None:
            raise SampleError(
                f"{words} has a column named {odd!r}, which is no string.",
                "A request names its columns in JSON. Rename them and train on the same names "
                "(df.columns = df.columns.astype(str)), or train and deploy on df.to_numpy().",
            )
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise SampleError(
                f"{words} has more than one column named {twice!r}.",
                "Give every column a name of its own.",
            )
        return names


#: Beginnings of dtypes that a request has no form for: what they hold, and what to train on.
_REFUSED = {
    ("timedelta64", "duration"): (
        "durations ({dtype}), which JSON has no form for",
        "on a number of seconds: df[{name!r}].dt.total_seconds()",
    ),
    ("period",): (
        "periods ({dtype}), which JSON has no form for",
        "on their first day: df[{name!r}].dt.to_timestamp()",
    ),
    ("interval",): (
        "intervals, which JSON has no form for",
        "on their names: df[{name!r}].astype(str)",
    ),
    ("date32", "date64"): (
        "pyarrow's dates without a time ({dtype})",
        "on pandas' own: pd.to_datetime(df[{name!r}])",
    ),
    ("dictionary<",): (
        "pyarrow's dictionaries ({dtype})",
        "on pandas' own: df[{name!r}].astype(str).astype('category')",
    ),
}


def refuse(name: str, dtype: str) -> None:
    """Raise when a column of this dtype can't be served.

    Raises
    ------
    SampleError
        With the line that converts the column.
    """
    for beginnings, (what, instead) in _REFUSED.items():
        if dtype.startswith(beginnings):
            raise SampleError(
                f"Column {name!r} holds {what.format(dtype=dtype)}.",
                f"Train and deploy {instead.format(name=name)}",
            )


def _column(name: str, column: pd.Series[Any]) -> Column:
    import pandas as pd
    from pandas.api import types

    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _categorical(name, column)
    shown = str(dtype)
    refuse(name, shown)
    null = column.isna()
    nulls = int(null.sum())
    share = nulls / len(column)
    if types.is_bool_dtype(dtype):
        return Column(name, shown, "boolean", nulls > 0, null_share=share)
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        if str(getattr(dtype, "numpy_dtype", "")) == "object":  # pyarrow's decimals
            raise odd_values(name, shown, {type(v) for v in column.dropna().head(1)})
        return _numbers(name, column, nulls)
    if types.is_datetime64_any_dtype(dtype):
        known = column[~null]
        low, high = (jsonable(v) for v in (known.min(), known.max()))
        return Column(name, shown, "datetime", nulls > 0, low, high, None, share)
    return object_column(name, column.tolist(), shown)


def _numbers(name: str, column: pd.Series[Any], nulls: int) -> Column:
    import numpy as np
    from pandas.api import types

    kind: Kind = "integer" if types.is_integer_dtype(column.dtype) else "number"
    known = column.dropna() if nulls else column
    plain = np.dtype(getattr(column.dtype, "numpy_dtype", None) or known.to_numpy().dtype)
    found = array_column(name, known.to_numpy(dtype=plain))
    return Column(
        name,
        str(column.dtype),
        kind,
        nulls > 0,
        found.minimum,
        found.maximum,
        null_share=nulls / len(column),
        infinite=found.infinite,
    )


def _categorical(name: str, column: pd.Series[Any]) -> Column:
    """Describe a categorical column with all the categories its dtype knows, in their order.

    Boosted trees split on the codes, so the order is a part of the input.
    """
    import pandas as pd

    categories = column.cat.categories
    if isinstance(categories, pd.DatetimeIndex | pd.TimedeltaIndex | pd.PeriodIndex):
        raise SampleError(
            f"Column {name!r} is categorical over dates or times ({categories.dtype}).",
            f"Train and deploy on their text: df[{name!r}].astype(str).astype('category')",
        )
    if isinstance(categories, pd.IntervalIndex):
        raise SampleError(
            f"Column {name!r} is categorical over intervals (as pd.cut makes them).",
            "Train and deploy on their names: pd.cut(…, labels=[…]), or "
            f"df[{name!r}].astype(str).astype('category')",
        )
    found = object_column(name, categories.tolist(), "category")
    nulls = int(column.isna().sum())
    low = high = None
    if found.kind in ("number", "integer") and nulls < len(column):
        used = categories[column[column.notna()].cat.codes.unique()]
        low, high = jsonable(used.min()), jsonable(used.max())
    return Column(
        name,
        "category",
        found.kind,
        nulls > 0,
        low,
        high,
        tuple(jsonable(c) for c in categories.tolist()),
        nulls / len(column),
        ordered=bool(column.cat.ordered),
    )
