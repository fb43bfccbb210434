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

from typing import TYPE_CHECKING, Any

from jupyter_deploy.types import Parity

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.outputs import Outputs

#: Rows of the sample that are compared, at most.
MAX_ROWS = 2000
RTOL = 1e-4
#: In units of the output's scale: 1 for probabilities, the standard deviation for numbers.
ATOL = 1e-5
#: Share of the rows that may be beyond tolerance, and by how much at worst, in the same units.
ALLOWED_SHARE = 0.01
ALLOWED_DIFF = 0.02


def pick_rows(total: int, limit: int) -> np.ndarray[Any, Any]:
    """Positions of at most `limit` rows, spread evenly over `total`."""
    import numpy as np

    if total <= limit:
        return np.arange(total)
    return np.linspace(0, total - 1, limit).round().astype(np.int64)


def compare(native: Outputs, converted: Outputs, rows: np.ndarray[Any, Any]) -> Parity:
    """Judge converted outputs against native ones.

    Parameters
    ----------
    native, converted
        Outputs on the same rows, labels in the same types.
    rows
        Position in the sample of each compared row.

    Returns
    -------
    Parity
        See the module for the rule behind ``passed``.
    """
    import numpy as np

    labels = native.probabilities is not None or native.predictions.dtype.kind in "biuO"
    flipped = 0
    if labels:
        differs = native.predictions != converted.predictions
        flipped = int(differs.reshape(len(rows), -1).any(axis=1).sum())
    if native.probabilities is not None and converted.probabilities is not None:
        compared, a, b, scale = (
            "probabilities",
            converted.probabilities,
            native.probabilities,
            1.0,
        )
    elif labels:
        return Parity(
            rows=len(rows),
            compared="predictions",
            max_abs_diff=0.0,
            atol=0.0,
            rtol=0.0,
            rows_beyond=flipped,
            flipped=flipped,
            worst_row=int(rows[_rows(differs).any(axis=1).argmax()]) if flipped else None,
            passed=flipped == 0,
        )
    else:
        compared, a, b = "predictions", converted.predictions, native.predictions
        scale = _scale(b)

    a = _rows(np.asarray(a, dtype=np.float64))
    b = _rows(np.asarray(b, dtype=np.float64))
    finite = np.isfinite(a) & np.isfinite(b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore"):
        difference = np.where(finite, np.abs(a - b), np.where(same, 0.0, np.inf))
    atol = ATOL * scale
    beyond = (difference > atol + RTOL * np.where(finite, np.abs(b), 0.0)).any(axis=1)
    per_row = difference.max(axis=1)
    rows_beyond = int(beyond.sum())
    worst = float(per_row.max())
    return Parity(
        rows=len(rows),
        compared=compared,
        # JSON has no infinity: a one-sided NaN counts as a row beyond, its size can't be told
        max_abs_diff=float(per_row[np.isfinite(per_row)].max(initial=0.0)),
        atol=atol,
        rtol=RTOL,
        rows_beyond=rows_beyond,
        flipped=flipped,
        worst_row=int(rows[per_row.argmax()]) if worst > 0 else None,
        passed=flipped == 0
        and rows_beyond <= ALLOWED_SHARE * len(rows)
        and (rows_beyond == 0 or worst <= ALLOWED_DIFF * scale),
    )


def describe(parity: Parity) -> str:
    """Say in one clause, with numbers, how the converted model compares."""
    if parity.flipped:
        said = f"{_count(parity.flipped, parity.rows)} another label"
        if parity.compared == "predictions":
            return said
    else:
        said = "no label differs" if parity.compared == "probabilities" else ""
    if parity.rows_beyond:
        text = (
            f"{_count(parity.rows_beyond, parity.rows)} {parity.compared} beyond tolerance, "
            f"by {parity.max_abs_diff:.2g} at worst (row {parity.worst_row})"
        )
    elif parity.compared == "predictions" and parity.atol == 0:
        return f"the same predictions on all {parity.rows} rows"
    else:
        text = (
            f"{parity.compared} differ by {parity.max_abs_diff:.1g} at most on {parity.rows} rows"
        )
    return f"{text}; {said}" if said else text


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
