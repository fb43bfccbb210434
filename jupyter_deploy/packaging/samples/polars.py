"""A polars DataFrame, with polars' own dtypes."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples.base import Described, jsonable
from jupyter_deploy.packaging.samples.describe import few
from jupyter_deploy.serving.signature import Column, Kind, Layout

if TYPE_CHECKING:
    import polars as pl

    from jupyter_deploy.packaging.samples.base import Rows, Subject

#: What a column of such a dtype becomes instead.
_CONVERSIONS = {
    "Decimal": "Make it floats: df.with_columns(pl.col({name!r}).cast(pl.Float64))",
    "Duration": "Train and deploy on seconds: "
    "df.with_columns(pl.col({name!r}).dt.total_microseconds() / 1e6)",
    "Time": "Train and deploy on text or on seconds: "
    "df.with_columns(pl.col({name!r}).cast(pl.String))",
    "Binary": "Decode it to text: df.with_columns(pl.col({name!r}).cast(pl.String))",
    "Struct": "Make columns of its fields: df.unnest({name!r})",
    "List": "Make columns of its entries: "
    "df.with_columns(pl.col({name!r}).list.to_struct()).unnest({name!r})",
    "Array": "Make columns of its entries: "
    "df.with_columns(pl.col({name!r}).arr.to_struct()).unnest({name!r})",
}
_HINT = "A column holds numbers, booleans, text or dates."


class PolarsSample(Described):
    """See :class:`.base.Sample`."""

    layout: Layout = "polars"

    def __init__(self, data: pl.DataFrame, subject: Subject) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def _describe(self) -> tuple[Column, ...]:
        return tuple(_column(column) for column in self.data.get_columns())

    def take(self, rows: Rows) -> Any:
        return self.data[[int(r) for r in rows]]

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        part = self.data[[int(r) for r in rows]]
        return [{k: jsonable(v) for k, v in row.items()} for row in part.to_dicts()]

    def sha256(self) -> str:
        # polars' own hashes differ between its versions
        digest = hashlib.sha256(repr(list(self.data.schema.items())).encode())
        for column in self.data.get_columns():
            digest.update(column.is_null().to_numpy().tobytes())
            digest.update(_content(column))
        return digest.hexdigest()


def _content(column: pl.Series) -> bytes | memoryview:
    """The values, whatever stands for nulls."""
    import polars as pl

    if not (column.dtype.is_numeric() or column.dtype.is_temporal()):
        # codes of categories differ between processes
        text = io.BytesIO()
        pl.DataFrame({"": column.cast(pl.String)}).write_csv(text, include_header=False)
        return text.getbuffer()
    content: bytes = column.to_physical().fill_null(0).to_numpy().tobytes()
    return content


def _column(column: pl.Series) -> Column:
    dtype = column.dtype
    nulls = column.null_count()
    if dtype.is_float():
        nulls += int(column.is_nan().sum())
    kind = _kind(column)
    low: Any = None
    high: Any = None
    if kind in ("number", "integer", "datetime"):
        known = column.filter(column.is_finite()) if dtype.is_float() else column
        low, high = jsonable(known.min()), jsonable(known.max())
    return Column(
        column.name,
        # an Enum's categories stand in their own field
        "Enum" if str(dtype).startswith("Enum") else str(dtype),
        kind,
        nulls > 0,
        low,
        high,
        _categories(column) if kind == "string" else None,
        nulls / len(column),
        infinite=bool(dtype.is_float() and column.is_infinite().any()),
    )


def _kind(column: pl.Series) -> Kind:
    import polars as pl

    dtype = column.dtype
    kinds: tuple[tuple[bool, Kind], ...] = (
        (dtype.is_float(), "number"),
        (dtype.is_integer(), "integer"),
        (dtype == pl.Boolean, "boolean"),
        (dtype in (pl.Date, pl.Datetime), "datetime"),
        (dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null), "string"),
    )
    found = next((kind for fits, kind in kinds if fits), None)
    if found is None:
        base = str(dtype.base_type())
        raise SampleError(
            f"Column {column.name!r} holds {base} values ({dtype}), which a request has no form "
            "for.",
            _CONVERSIONS.get(base, _HINT).format(name=column.name),
        )
    return found


def _categories(column: pl.Series) -> tuple[str, ...] | None:
    """All that an Enum knows, in its order; else those seen."""
    import polars as pl

    if isinstance(column.dtype, pl.Enum):
        return tuple(column.dtype.categories.to_list())
    seen = column.drop_nulls().unique().cast(pl.String)
    if column.dtype == pl.Categorical:
        return tuple(sorted(seen))
    return few(seen)
