"""What a model answered on the sample, in one shape whatever it returned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples import article

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Outputs:
    """Answers for a batch.

    Attributes
    ----------
    predictions
        Shape ``(rows,)`` or ``(rows, k)``; strings have dtype ``object``.
    probabilities
        Shape ``(rows, classes)``, float; None for models without.
    others
        Further outputs by name, each of shape ``(rows, …)``.
    """

    predictions: np.ndarray[Any, Any]
    probabilities: np.ndarray[Any, Any] | None = None
    others: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)


def as_outputs(
    predictions: Any, probabilities: Any | None, rows: int, *, several: bool = False
) -> Outputs:
    """Bring what a model returned into :class:`Outputs`.

    Parameters
    ----------
    predictions
        Array, Series, DataFrame or list with one entry a row.
    probabilities
        Two-dimensional array, or None.
    rows
        Rows the model was called with.
    several
        Whether the model is a classifier of several targets; its probabilities become
        ``probabilities_0``, ``probabilities_1``, … among the others.

    Raises
    ------
    SampleError
        When there isn't one answer a row.
    """
    import numpy as np

    from jupyter_deploy.serving.engines.targets import by_target

    array = _array(predictions, rows)
    if probabilities is not None and several:
        return Outputs(array, None, by_target(probabilities))
    if probabilities is None or isinstance(probabilities, list):
        return Outputs(array)
    proba = np.asarray(probabilities)
    if proba.ndim != 2 or len(proba) != rows or proba.dtype.kind != "f":
        return Outputs(array)
    return Outputs(array, proba)


def _array(predictions: Any, rows: int) -> np.ndarray[Any, Any]:
    import numpy as np

    returned = type(predictions).__name__
    if isinstance(predictions, dict | str | bytes) or np.ndim(predictions) == 0:
        raise SampleError(
            f"The model returned {article(returned)} for {rows} rows of the sample.",
            "Return one value a row: an array, a Series or a list.",
        )
    array = np.asarray(predictions)
    if array.ndim == 2 and array.shape[1] == 1 and hasattr(predictions, "columns"):
        array = array[:, 0]
    if len(array) != rows:
        raise SampleError(
            f"The model returned {len(array)} answers for {rows} rows of the sample.",
            "Return one value a row, in the order of the rows.",
        )
    if array.ndim > 2:
        raise SampleError(
            f"The model returned an array of shape {array.shape}; "
            "answers have one or two dimensions.",
            "Return one value a row, or one row of values a row.",
        )
    return _plain(array, returned)


def plain_values(array: np.ndarray[Any, Any]) -> list[Any]:
    """Return the values of `array`, flat, as Python's own.

    An array of objects may hold NumPy's: labels of a pandas column without pyarrow are
    ``numpy.str_``, which ``tolist`` leaves as they are.
    """
    import numpy as np

    return [v.item() if isinstance(v, np.generic) else v for v in array.ravel().tolist()]


def _plain(array: np.ndarray[Any, Any], returned: str) -> np.ndarray[Any, Any]:
    """Numbers and booleans as they are, strings as objects, nothing else."""
    import numpy as np

    if array.dtype.kind in "biuf":
        return array
    if array.dtype.kind in "UT":
        return array.astype(object)
    found = str(array.dtype)
    if array.dtype.kind == "O":
        values = plain_values(array)
        kinds = {type(value) for value in values}
        if kinds <= {str, int, float, bool, type(None)}:
            plain = np.empty(array.size, dtype=object)
            plain[:] = values
            return plain.reshape(array.shape)
        odd = kinds - {str, int, float, bool, type(None)}
        found = " and ".join(sorted(kind.__name__ for kind in odd))
    raise SampleError(
        f"The model returned {article(returned)} of {found} values, which JSON has no form for.",
        "Return numbers, strings or booleans: of several fields one, or a list of numbers a row; "
        "dates as text, by astype(str).",
    )
