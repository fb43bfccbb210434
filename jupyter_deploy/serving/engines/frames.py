"""Arrays, one a column, to a DataFrame with exactly the dtypes of the sample.

pandas pays for every column that it is handed by itself, ten times what a value costs; so where
there are many, columns of one dtype are handed over as one block, which is also how it keeps them.
For a few, putting the blocks together again costs more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..inputs.cells import Field
from ..problems import Cell, InvalidInput
from ..signature import Column
from .base import Array

Maker = Callable[[Sequence[Array]], Any]
#: Columns up to which each is handed over by itself.
FEW = 16


def pandas_maker(fields: Sequence[Field]) -> Maker:
    """Return what makes a pandas DataFrame of one array a column, in the fields' dtypes."""
    import pandas as pd

    if len(fields) <= FEW:
        return _apart(fields)
    groups: dict[str, list[int]] = {}
    for i, field in enumerate(fields):
        groups.setdefault("" if _single(field) else field.column.dtype, []).append(i)
    parts: list[tuple[list[int], Maker]] = []
    for dtype, places in groups.items():
        of_group = [fields[i] for i in places]
        if dtype:
            index = pd.Index([field.column.name for field in of_group])
            parts.append((places, _block(index, dtype, of_group[0])))
        else:
            parts.append((places, _apart(of_group)))
    if len(parts) == 1:
        return parts[0][1]
    order = [i for places, _ in parts for i in places]
    back = None if order == sorted(order) else np.argsort(order)

    def make(columns: Sequence[Array]) -> Any:
        frames = [part([columns[i] for i in places]) for places, part in parts]
        frame = pd.concat(frames, axis=1)
        return frame if back is None else frame.take(back, axis=1)

    return make


def _single(field: Field) -> bool:
    """Whether pandas keeps every such column for itself."""
    column = field.column
    dates = column.kind == "datetime"
    return column.dtype == "category" or (dates and not _plain_dates(field))


def _plain_dates(field: Field) -> bool:
    return field.moments.zone is None and field.column.dtype.startswith("datetime64")


def _block(names: Any, dtype: str, field: Field) -> Maker:
    """Return what makes the columns of one dtype."""
    import pandas as pd

    # numpy's own are taken as they are
    cast: Any = None if _as_it_is(field) else dtype

    def make(columns: Sequence[Array]) -> Any:
        return pd.DataFrame(np.array(columns).T, columns=names, dtype=cast, copy=False)

    return make


def _as_it_is(field: Field) -> bool:
    dtype = field.dtype
    return dtype is not None and dtype.kind != "O" and str(dtype) == field.column.dtype


def _apart(fields: Sequence[Field]) -> Maker:
    """Return what makes columns each for itself."""
    import pandas as pd

    named = [(field.column.name, _pandas_column(field)) for field in fields]

    def make(columns: Sequence[Array]) -> Any:
        made = {name: one(values) for (name, one), values in zip(named, columns, strict=True)}
        # copied, since what a request was packed into can't be written to
        return pd.DataFrame(made)

    return make


def _pandas_column(field: Field) -> Callable[[Array], Any]:
    import pandas as pd

    dtype: Any = field.column.dtype
    if dtype == "category":
        return _categorical(field)
    if field.column.kind != "datetime":
        if _as_it_is(field):
            return lambda values: values
        if dtype == "object":
            # an array of texts would be taken for pandas' own
            return lambda values: pd.Series(values, dtype=object)
        kept: Any = pd.api.types.pandas_dtype(dtype)
        return lambda values: pd.array(values, dtype=kept)
    zone = field.moments.zone
    stored: Any = field.moments.dtype

    def dates(values: Array) -> Any:
        found = pd.Series(values, dtype=stored)
        return (found if zone is None else found.dt.tz_localize("UTC")).astype(dtype)

    return dates


def _categorical(field: Field) -> Callable[[Array], Any]:
    import pandas as pd

    known = list(field.column.categories or ())
    ordered = field.column.ordered
    dtype = pd.CategoricalDtype(known, ordered)
    codes = {value: code for code, value in enumerate(known)} | {None: -1}
    width = np.min_scalar_type(-max(len(known), 1))

    def make(values: Array) -> Any:
        found = [codes.get(value, -2) for value in values]
        if -2 not in found:
            return pd.Categorical.from_codes(np.array(found, width), dtype=dtype, validate=False)
        # a value that the sample didn't hold is a category too, not a missing value
        extra = sorted({v for v, code in zip(values, found, strict=True) if code == -2})
        return pd.Categorical(values.tolist(), categories=[*known, *extra], ordered=ordered)

    return make


def polars_maker(fields: Sequence[Field]) -> Maker:
    """Return what makes a polars DataFrame of one array a column, in the fields' dtypes."""
    import polars as pl

    series = [_polars_series(field) for field in fields]

    def make(columns: Sequence[Array]) -> Any:
        return pl.DataFrame([one(values) for one, values in zip(series, columns, strict=True)])

    return make


def _polars_series(field: Field) -> Callable[[Array], Any]:
    import polars as pl

    column = field.column
    name = column.name
    base = column.dtype.partition("(")[0]
    if column.kind == "datetime":
        moments = field.moments
        dtype = pl.Date if moments.unit == "D" else pl.Datetime(moments.unit, moments.zone)

        def dates(values: Array) -> Any:
            found = pl.Series(name, values.astype(moments.dtype, copy=False))
            if moments.zone is not None:
                found = found.dt.replace_time_zone("UTC").dt.convert_time_zone(moments.zone)
            return found.cast(dtype)

        return dates
    if column.kind == "number":
        kind = getattr(pl, base, pl.Float64)
        return lambda values: pl.Series(name, values, nan_to_null=True).cast(kind)
    if base == "Enum":
        return _enum(column)
    dtype = getattr(pl, base, None)

    def plain(values: Array) -> Any:
        listed = values.tolist()
        if dtype == pl.Null and any(value is not None for value in listed):
            return pl.Series(name, listed, dtype=pl.String)
        return pl.Series(name, listed, dtype=dtype)

    return plain


def _enum(column: Column) -> Callable[[Array], Any]:
    import polars as pl

    known = column.categories or ()
    dtype = pl.Enum(list(known))

    def make(values: Array) -> Any:
        listed = values.tolist()
        for row, value in enumerate(listed):
            if value is not None and value not in known:
                # its dtype has no place for another one, whatever the policy says
                got = f"the string {value[:40]!r}"
                wanted = (
                    f"one of the {len(known)} values of the Enum: {', '.join(map(str, known[:5]))}"
                )
                raise InvalidInput.of([Cell(row, column.name, got, wanted)])
        return pl.Series(column.name, listed, dtype=dtype)

    return make
