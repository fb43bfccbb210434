"""Probabilities of classifiers that answer several labels a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: Name of the probabilities of target k is this and k.
PREFIX = "probabilities_"


def by_target(returned: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Bring what ``predict_proba`` returned into one array of shape (rows, classes) a target.

    Parameters
    ----------
    returned
        A list of such arrays, as most estimators return it; or one array of shape (rows,
        targets) with the probability that each label applies, as multi-label ones do.
    """
    arrays: Sequence[Any]
    if isinstance(returned, list | tuple):
        arrays = returned
    else:
        arrays = [np.column_stack([1 - p, p]) for p in np.asarray(returned).T]
    return {f"{PREFIX}{k}": np.asarray(array) for k, array in enumerate(arrays)}
