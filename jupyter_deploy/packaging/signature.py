"""Learn the signature from the sample and from what the model answered on it.

Taken: a pandas DataFrame with distinct string column names, or a two-dimensional numpy array of
numbers. Columns hold numbers, integers, booleans or strings, categorical and nullable dtypes
included; dates and anything else are refused, since JSON has no one form for them.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.serving.signature import Column, Kind, Layout, Output, Signature, Task

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from jupyter_deploy.packaging.outputs import Outputs

#: A string column with more values than this is free text: no categories are kept.
MAX_CATEGORIES = 100

_HINT = (
    "Give a pandas DataFrame (or a 2-D numpy array) with some rows the model can predict on, "
    "for example sample=X_test."
)


def layout_of(sample: Any) -> Layout:
    """Return how the sample is laid out.

    Raises
    ------
    SampleError
        When it is neither a DataFrame nor a 2-D array, or has no rows or columns.
    """
    import numpy as np

    if isinstance(sample, np.ndarray):
        if sample.ndim == 1:
            raise SampleError(
                f"The sample is a numpy array of one dimension ({len(sample)} values).",
                "Rows and columns are needed: sample.reshape(1, -1) for one row, "
                "sample.reshape(-1, 1) for one column.",
            )
        if sample.ndim != 2:
            raise SampleError(f"The sample is a numpy array of {sample.ndim} dimensions.", _HINT)
        layout: Layout = "array"
    elif _is_frame(sample):
        layout = "dataframe"
    elif type(sample).__name__ == "Series":
        raise SampleError(
            "The sample is a Series, one row or one column.",
            "Give a DataFrame: X_test.head(100) for rows, series.to_frame() for one column, "
            "series.to_frame().T for one row.",
        )
    elif sample is None:
        raise SampleError("There is no sample.", _HINT)
    else:
        kind = type(sample)
        where = "" if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]} "
        raise SampleError(f"The sample is a {where}{kind.__name__}.", _HINT)
    rows, columns = sample.shape
    if rows == 0 or columns == 0:
        raise SampleError(f"The sample has {rows} rows and {columns} columns.", _HINT)
    return layout


def check_columns(sample: Any, layout: Layout) -> tuple[Column, ...]:
    """Describe every column of the sample.

    Raises
    ------
    SampleError
        For names that are no strings or not distinct, and for values that JSON can't carry.
    """
    if layout == "array":
        return _array_columns(sample)
    names = list(sample.columns)
    if sample.columns.nlevels > 1:
        raise SampleError(
            "The sample's columns have several levels.",
            "Name them by one string each: df.columns = ['_'.join(c) for c in df.columns]",
        )
    odd = next((n for n in names if not isinstance(n, str)), None)
    if odd is not None:
        raise SampleError(
            f"The sample has a column named {odd!r}, which is no string.",
            "A request names its columns in JSON. Rename them and train on the same names "
            "(df.columns = df.columns.astype(str)), or train and deploy on df.to_numpy().",
        )
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise SampleError(
            f"The sample has more than one column named {twice!r}.",
            "Give every column a name of its own.",
        )
    return tuple(_frame_column(name, sample[name]) for name in names)


def learn(
    sample: Any,
    *,
    columns: tuple[Column, ...],
    layout: Layout,
    task: Task,
    outputs: Outputs,
    classes: tuple[str | int | float | bool, ...] | None,
) -> Signature:
    """Put the signature together."""
    described = [Output("predictions", _dtype(outputs.predictions), _shape(outputs.predictions))]
    if outputs.probabilities is not None:
        proba = outputs.probabilities
        described.append(Output("probabilities", _dtype(proba), _shape(proba)))
    return Signature(
        layout=layout,
        task=task,
        inputs=columns,
        outputs=tuple(described),
        classes=classes,
        example=_example(sample, columns),
    )


def _example(sample: Any, columns: tuple[Column, ...]) -> dict[str, Any]:
    """The first row; JSON has no infinity, so the column's least number stands for one."""
    (record,) = records(sample, [0], columns)
    for column in columns:
        value = record[column.name]
        if isinstance(value, float) and math.isinf(value):
            record[column.name] = column.minimum or 0.0
    return record


def take(sample: Any, rows: Any) -> Any:
    """Return rows of a sample by position."""
    return sample.iloc[rows] if _is_frame(sample) else sample[rows]


def records(sample: Any, rows: Any, columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """Rows of the sample by position, as strict JSON records: nulls for NaN, plain types."""
    part = take(sample, rows)
    values = [part[c.name].tolist() for c in columns] if _is_frame(part) else part.T.tolist()
    return [
        {c.name: jsonable(v) for c, v in zip(columns, row, strict=True)}
        for row in zip(*values, strict=True)
    ]


def jsonable(value: Any) -> Any:
    """One cell or label as JSON has it; None for NaN, NaT and NA."""
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if hasattr(value, "item"):
        return jsonable(value.item())
    return None


def sample_sha256(sample: Any) -> str:
    """Hash of the sample's values and column names, in order."""
    import numpy as np

    digest = hashlib.sha256()
    if _is_frame(sample):
        import pandas as pd

        digest.update(repr(list(sample.columns)).encode())
        digest.update(pd.util.hash_pandas_object(sample, index=False).to_numpy().tobytes())
    else:
        digest.update(f"{sample.dtype}{sample.shape}".encode())
        digest.update(np.ascontiguousarray(sample).tobytes())
    return digest.hexdigest()


def _is_frame(sample: Any) -> bool:
    # asked by name first: pandas is not imported for a numpy sample
    if not any(c.__name__ == "DataFrame" for c in type(sample).__mro__):
        return False
    import pandas as pd

    return isinstance(sample, pd.DataFrame)


def _array_columns(sample: np.ndarray[Any, Any]) -> tuple[Column, ...]:
    import numpy as np

    kinds: dict[str, Kind] = {"f": "number", "i": "integer", "u": "integer", "b": "boolean"}
    kind = kinds.get(sample.dtype.kind)
    if kind is None:
        raise SampleError(
            f"The sample is a numpy array of {sample.dtype}.",
            "An array must hold numbers; give a pandas DataFrame for columns of several types.",
        )
    found = []
    for i in range(sample.shape[1]):
        column = sample[:, i]
        low, high = _range(column) if kind != "boolean" else (None, None)
        nullable = kind == "number" and bool(np.isnan(column).any())
        found.append(Column(f"x{i}", sample.dtype.name, kind, nullable, low, high))
    return tuple(found)


def _frame_column(name: str, column: pd.Series[Any]) -> Column:
    import pandas as pd

    dtype = column.dtype
    nullable = bool(column.isna().any())
    values = column.dropna()
    stored = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    kind = _kind(name, stored, values)
    low = high = None
    categories: tuple[str, ...] | None = None
    if kind in ("number", "integer"):
        low, high = _range(values.to_numpy(dtype="float64"))
    elif kind == "string":
        seen = sorted({str(v) for v in values.unique()})
        categories = tuple(seen) if len(seen) <= MAX_CATEGORIES else None
    return Column(name, str(dtype), kind, nullable, low, high, categories)


def _kind(name: str, dtype: Any, values: pd.Series[Any]) -> Kind:
    from pandas.api import types

    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_float_dtype(dtype):
        return "number"
    if types.is_datetime64_any_dtype(dtype) or str(dtype).startswith(("timedelta", "period")):
        raise SampleError(
            f"Column {name!r} holds dates or times ({dtype}), which are not supported.",
            "Deploy a function that takes a string or a number and converts it itself: "
            "def score(df): return model.predict(df.assign(day=pd.to_datetime(df['day'])))",
        )
    # object columns and string dtypes: what is really in them?
    found = {type(v.item() if hasattr(v, "item") else v) for v in values.tolist()}
    for allowed, kind in _KINDS:
        if found <= allowed:
            return kind
    odd = sorted(t.__name__ for t in found)
    raise SampleError(
        f"Column {name!r} holds {', '.join(odd)} values ({dtype}).",
        "A column holds numbers, or booleans, or strings: convert it with astype.",
    )


#: An object column without any value counts as strings.
_KINDS: tuple[tuple[set[type], Kind], ...] = (
    ({str}, "string"),
    ({bool}, "boolean"),
    ({int}, "integer"),
    ({int, float}, "number"),
)


def _range(values: np.ndarray[Any, Any]) -> tuple[float | None, float | None]:
    import numpy as np

    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (None, None)


def _dtype(array: np.ndarray[Any, Any]) -> str:
    return "object" if array.dtype.kind in "OU" else array.dtype.name


def _shape(array: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return (-1, *array.shape[1:])
