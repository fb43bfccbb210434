"""What a model of any framework says it was trained on: the columns' names, their number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trained:
    """What a model knows of its training.

    Attributes
    ----------
    names
        Of its columns, in order; empty when it doesn't know.
    width
        How many there were; 0 when it doesn't know.
    by_name
        Whether it finds columns by name, whatever their order.
    source
        Attribute that holds the names, as code; empty when they aren't the columns' own.
    spaceless
        Whether spaces in the names became underscores, as LightGBM writes them.
    """

    names: tuple[str, ...] = ()
    width: int = 0
    by_name: bool = False
    source: str = ""
    spaceless: bool = False


def trained(model: Any) -> Trained:
    """Ask a model of any framework what it was trained on."""
    names, source = _names(model)
    width = _ask(model, "n_features_in_")
    if width is None:
        width = _ask(model, "num_features") or _ask(model, "num_feature")
    width = int(width) if isinstance(width, int) or hasattr(width, "item") else len(names)
    return Trained(names, width, _by_name(model), source, _is_lightgbm(model))


def _names(model: Any) -> tuple[tuple[str, ...], str]:
    """Names of the columns, and where the model keeps them."""
    for name in ("feature_names_in_", "feature_names", "feature_name"):
        names = _ask(model, name)
        if isinstance(names, str) or not hasattr(names, "__iter__"):
            continue
        found = tuple(names)
        if not found or not all(isinstance(n, str) for n in found):
            continue
        # what LightGBM and XGBoost call the columns of an array
        if all(re.fullmatch(r"Column_\d+|f\d+", n) for n in found):
            continue
        call = "()" if callable(getattr(model, name)) else ""
        return tuple(map(str, found)), f"model.{name}{call}"
    return (), ""


def _ask(model: Any, name: str) -> Any:
    """An attribute, or what a method without parameters of that name returns; None without."""
    try:
        found = getattr(model, name, None)
        return found() if callable(found) else found
    except Exception:  # noqa: BLE001  properties of unfitted parts raise whatever they like
        return None


def _by_name(model: Any) -> bool:
    """Whether the model begins with a choice of columns by name."""
    steps = getattr(model, "steps", None)
    if steps:
        return _by_name(steps[0][1])
    for inner in ("best_estimator_", "regressor_", "estimator_"):
        if hasattr(model, inner):
            return _by_name(getattr(model, inner))
    chosen = getattr(model, "transformers_", ())
    return bool(chosen) and all(
        isinstance(c, str) or (isinstance(c, list) and all(isinstance(n, str) for n in c))
        for _, step, c in chosen
        if not (isinstance(step, str) and step == "drop")
    )


def _is_lightgbm(model: Any) -> bool:
    """Whether the names come from LightGBM: of the model, or of what it begins with."""
    steps = getattr(model, "steps", None)
    first = steps[0][1] if steps else getattr(model, "best_estimator_", None)
    if first is not None:
        return _is_lightgbm(first)
    return any(c.__module__.partition(".")[0] == "lightgbm" for c in type(model).__mro__)
