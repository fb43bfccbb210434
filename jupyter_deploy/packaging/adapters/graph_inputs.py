"""Whether a sample is what an ONNX graph takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jupyter_deploy.serving.signature import Column

_HOOK = "or do it in a function of yours: --preprocess FUNCTION"


def match(inputs: Sequence[Any], columns: Sequence[Column], *, named: bool) -> None:
    """Check the columns of a sample against a graph's inputs.

    Parameters
    ----------
    inputs
        ONNX Runtime's descriptions.
    named
        Whether the columns have names of the user's.

    Raises
    ------
    SampleError
        Saying what the graph takes and what the sample has.
    """
    from jupyter_deploy.serving.engines.onnx import takes_matrix

    if takes_matrix(inputs, columns):
        for column in columns:
            _check(inputs[0], column)
        return
    if len(inputs) != len(columns):
        raise SampleError(
            f"The graph takes {described(inputs)}; the sample has {_columns(columns)}.",
            "Give a 2-D array or a DataFrame for one matrix, a DataFrame with a column for each "
            "input, or a dict with an array for each: {'image': pixels, …}.",
        )
    tensors = {tensor.name: tensor for tensor in inputs}
    if named and len(inputs) > 1 and set(tensors) != {c.name for c in columns}:
        raise SampleError(
            f"The graph's inputs are {_names(tensors)}; "
            f"the sample's columns are {_names([c.name for c in columns])}.",
            "Rename the sample's: df.rename(columns={'theirs': 'mine'}).",
        )
    for place, column in enumerate(columns):
        tensor = tensors.get(column.name, inputs[place])
        _check(tensor, column)
        _check_shape(tensor, column)


def described(inputs: Sequence[Any]) -> str:
    """Say what a graph takes."""
    return ", ".join(f"{t.name!r} {_shape(t.shape)} of {_words(t)}" for t in inputs)


def _check(tensor: Any, column: Column) -> None:
    from jupyter_deploy.serving.engines.base import bounds
    from jupyter_deploy.serving.engines.onnx import DTYPES

    dtype = DTYPES[tensor.type]
    what = f"Column {column.name!r}"
    if column.kind == "datetime":
        raise SampleError(
            f"{what} holds dates, which ONNX has no form for.", f"Make it a number, {_HOOK}"
        )
    fits = {
        "f": ("number", "integer", "boolean"),
        "i": ("integer", "boolean"),
        "u": ("integer", "boolean"),
        "b": ("boolean",),
        "O": ("string",),
    }[dtype.kind]
    if column.kind not in fits:
        raise SampleError(
            f"{what} holds {column.kind}s, and input {tensor.name!r} takes {_words(tensor)}.",
            f"Give a sample of that type (astype), {_HOOK}",
        )
    low, high = bounds(dtype)
    # text is the range of dates alone
    seen = [end for end in (column.minimum, column.maximum) if isinstance(end, int | float)]
    if column.kind == "integer" and not all(low <= end <= high for end in seen):
        raise SampleError(
            f"{what} has values from {column.minimum} to {column.maximum}, "
            f"and input {tensor.name!r} takes {_words(tensor)}, from {low} to {high}.",
            f"Check the sample's values, {_HOOK}",
        )
    if column.nullable and dtype.kind != "f":
        raise SampleError(
            f"{what} holds nulls, and input {tensor.name!r} takes {_words(tensor)}, "
            "which have no form for null.",
            f"Leave out such rows, fill them in, {_HOOK}",
        )


def _check_shape(tensor: Any, column: Column) -> None:
    if not column.shape:
        return
    wanted = tensor.shape[1:]
    fits = len(wanted) == len(column.shape) and all(
        not isinstance(w, int) or w == c for w, c in zip(wanted, column.shape, strict=True)
    )
    if tensor.shape and not fits:
        raise SampleError(
            f"Input {tensor.name!r} takes {_shape(tensor.shape)}, "
            f"the sample has {_shape(['rows', *column.shape])}.",
            "The first axis is the rows. An axis is added by array[None], "
            "moved by numpy.moveaxis(array, -1, 1).",
        )


def _shape(shape: Sequence[Any]) -> str:
    axes = ["rows" if i == 0 else str(n or "any") for i, n in enumerate(shape)]
    return f"({', '.join(axes)}{',' * (len(axes) == 1)})"


def _columns(columns: Sequence[Column]) -> str:
    if any(c.shape for c in columns):
        return ", ".join(f"{c.name!r} {_shape(['rows', *c.shape])}" for c in columns)
    return f"{len(columns)} column{'s' * (len(columns) != 1)}"


def _names(names: Any) -> str:
    shown = sorted(names)[:8]
    more = f" and {len(names) - 8} others" if len(names) > 8 else ""
    return f"{', '.join(map(repr, shown))}{more}"


def _words(tensor: Any) -> str:
    kind: str = tensor.type.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(kind, kind)
