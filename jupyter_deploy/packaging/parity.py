"""The parity gate: does the converted model answer as the native one does?

Two tiers, since two different things make a converted model differ.

*Rounding.* The converted model computes in float32. On linear and smooth models that shows in the
seventh digit (1.8e-7 on logistic regression). A row is *beyond tolerance* when any of its outputs
differs by more than ``atol + rtol * |native|`` with ``rtol = 1e-4`` and ``atol = 1e-5`` for
probabilities; for numeric predictions `atol` is 1e-5 of their standard deviation, so that it
means the same for prices and for fractions.

*Thresholds.* A float32 input can fall on the other side of a tree's split: then one tree of a
hundred answers otherwise on that row, which shifts a probability by 0.01. That is no rounding
and is always reported. It is accepted as long as it stays rare, small and without consequence:

* no label differs,
* at most 1 % of the rows are beyond tolerance (so no row at all with fewer than 100), and
* none by more than 0.02 (numeric predictions: 0.02 of their standard deviation).

Gradient boosting on histograms, where 3 % of rows moved by up to 0.07, does not pass; a random
forest of a hundred trees does. A NaN or infinity on one side only never passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_deploy.types import Parity

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.signature import Signature

#: Rows of the sample that are compared, at most.
MAX_ROWS = 2000
RTOL = 1e-4
#: In units of the output's scale: 1 for probabilities, the standard deviation for numbers.
ATOL = 1e-5
#: Share of the rows that may be beyond tolerance, and by how much at worst, in the same units.
ALLOWED_SHARE = 0.01
ALLOWED_DIFF = 0.02
#: Rows with another label that are named, at most.
SHOWN = 10


def pick_rows(total: int, limit: int) -> np.ndarray[Any, Any]:
    """Positions of at most `limit` rows, spread evenly over `total`."""
    import numpy as np

    if total <= limit:
        return np.arange(total)
    return np.linspace(0, total - 1, limit).round().astype(np.int64)


def compare(
    native: Outputs,
    converted: Outputs,
    rows: np.ndarray[Any, Any],
    signature: Signature | None = None,
) -> Parity:
    """Judge converted outputs against native ones.

    Parameters
    ----------
    native, converted
        Outputs on the same rows, labels in the same types.
    rows
        Position in the sample of each compared row.
    signature
        Of the model, for the names of classes.

    Returns
    -------
    Parity
        See the module for the rule behind ``passed``.
    """
    import numpy as np

    labels = native.probabilities is not None or native.predictions.dtype.kind in "biuO"
    differs = np.zeros(len(rows), dtype=bool)
    if labels:
        unlike = _rows(np.asarray(native.predictions != converted.predictions))
        differs = np.asarray(unlike.any(axis=1))
    flipped = int(differs.sum())
    where = [int(row) for row in rows[differs][:SHOWN]]
    judged = [
        _judge(name, theirs, ours) for name, ours, theirs in _numbers(native, converted, labels)
    ]
    if not judged:
        return Parity(
            rows=len(rows),
            compared="predictions",
            max_abs_diff=0.0,
            atol=0.0,
            rtol=0.0,
            rows_beyond=flipped,
            flipped=flipped,
            worst_row=where[0] if flipped else None,
            passed=flipped == 0,
            flipped_rows=where,
        )
    # of several outputs, the one that is worst for its tolerance stands in the verdict
    shown = max(judged, key=lambda j: (j.far, j.worst / j.scale))
    beyond = np.logical_or.reduce([j.beyond for j in judged])
    rows_beyond = int(beyond.sum())
    row, column = shown.place
    wide = shown.columns > 1
    return Parity(
        rows=len(rows),
        compared=shown.name,
        # JSON has no infinity: a one-sided NaN counts as a row beyond, its size can't be told
        max_abs_diff=shown.finite_worst,
        atol=ATOL * shown.scale,
        rtol=RTOL,
        rows_beyond=rows_beyond,
        flipped=flipped,
        worst_row=int(rows[row]) if shown.worst > 0 else None,
        passed=flipped == 0
        and rows_beyond <= ALLOWED_SHARE * len(rows)
        and not any(j.far for j in judged),
        worst_column=column if shown.worst > 0 and wide else None,
        worst_class=_class(signature, shown.name, column) if shown.worst > 0 and wide else None,
        flipped_rows=where,
    )


@dataclass(frozen=True)
class _Judged:
    """One output.

    Attributes
    ----------
    beyond
        Rows beyond tolerance.
    far
        Whether one of them is beyond what is allowed of any.
    place
        Row and column of the worst difference.
    """

    name: str
    scale: float
    beyond: np.ndarray[Any, Any]
    far: bool
    worst: float
    finite_worst: float
    place: tuple[int, int]
    columns: int


def _numbers(
    native: Outputs, converted: Outputs, labels: bool
) -> Iterator[tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Outputs that are compared as numbers, ours before theirs."""
    if native.probabilities is not None and converted.probabilities is not None:
        yield "probabilities", native.probabilities, converted.probabilities
    elif not labels:
        yield "predictions", native.predictions, converted.predictions
    for name, ours in native.others.items():
        theirs = converted.others.get(name)
        if theirs is not None and ours.dtype.kind in "biuf":
            yield name, ours, theirs


def _judge(name: str, theirs: np.ndarray[Any, Any], ours: np.ndarray[Any, Any]) -> _Judged:
    import numpy as np

    a = _rows(np.asarray(theirs, dtype=np.float64))
    b = _rows(np.asarray(ours, dtype=np.float64))
    scale = 1.0 if name.startswith("probabilities") else _scale(b)
    finite = np.isfinite(a) & np.isfinite(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        difference = np.where(finite, np.abs(a - b), np.where(same, 0.0, np.inf))
    allowed = ATOL * scale + RTOL * np.where(finite, np.abs(b), 0.0)
    beyond = np.asarray((difference > allowed).any(axis=1))
    worst = float(difference.max(initial=0.0))
    row, column = np.unravel_index(difference.argmax(), difference.shape)
    return _Judged(
        name,
        scale,
        beyond,
        bool(beyond.any()) and worst > ALLOWED_DIFF * scale,
        worst,
        float(difference[np.isfinite(difference)].max(initial=0.0)),
        (int(row), int(column)),
        difference.shape[1],
    )


def _class(signature: Signature | None, name: str, column: int) -> Any:
    if signature is None:
        return None
    own = next((o.classes for o in signature.outputs if o.name == name), None)
    classes = signature.classes if name == "probabilities" else own
    return classes[column] if classes is not None and column < len(classes) else None


def describe(parity: Parity) -> str:
    """Say in one clause, with numbers, how the converted model compares."""
    numbers = not (parity.compared == "predictions" and parity.atol == 0)
    if parity.flipped:
        said = f"{_count(parity.flipped, parity.rows)} another label ({_places(parity)})"
        if not numbers:
            return said
    else:
        said = "no label differs" if parity.compared.startswith("probabilities") else ""
    if parity.rows_beyond:
        text = (
            f"{_count(parity.rows_beyond, parity.rows)} {parity.compared} beyond tolerance, "
            f"by {parity.max_abs_diff:.2g} at worst ({_place(parity)})"
        )
    elif not numbers:
        return f"the same predictions on all {parity.rows} rows"
    else:
        text = (
            f"{parity.compared} differ by {parity.max_abs_diff:.1g} at most on {parity.rows} rows"
        )
    return f"{text}; {said}" if said else text


def _place(parity: Parity) -> str:
    row = f"row {parity.worst_row}"
    if parity.worst_class is not None:
        return f"{row}, class {parity.worst_class!r}"
    return row if parity.worst_column is None else f"{row}, value {parity.worst_column}"


def _places(parity: Parity) -> str:
    rows = [str(row) for row in parity.flipped_rows[:3]]
    more = ", …" if parity.flipped > len(rows) else ""
    return f"row{'s' * (parity.flipped > 1)} {', '.join(rows)}{more}"


def _count(some: int, rows: int) -> str:
    return f"{some} of {rows} rows {'has' if some == 1 else 'have'}"


def _rows(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return array.reshape(len(array), -1)


def _scale(predictions: np.ndarray[Any, Any]) -> float:
    """Spread of numeric predictions; their size when they are all alike."""
    import numpy as np

    values = np.asarray(predictions, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return 1.0
    return float(values.std()) or float(np.abs(values).max()) or 1.0
