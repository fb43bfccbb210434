"""The adapter to write for an object that can't be served as it is."""

from __future__ import annotations

import inspect
import re
from typing import Any

from jupyter_deploy.exceptions import DEPLOY

#: Methods that answer rows, most telling first.
_LIKELY = (
    "predict_batch",
    "predict_proba",
    "score_samples",
    "decision_function",
    "score_rows",
    "infer",
    "inference",
    "recommend",
    "classify",
    "estimate",
    "forecast",
    "transform",
    "encode",
    "embed",
    "evaluate",
    "apply",
    "run",
    "score",
)
_DATA = (str, bytes, int, float, complex, list, tuple, dict, set, frozenset)


def template(model: Any) -> str:
    """Return a complete class with ``predict`` around `model`, ready to paste.

    It calls the method of the object that seems to answer rows; where none does, a line says
    what to put there.
    """
    kind = type(model).__name__
    if isinstance(model, _DATA) or any(hasattr(model, name) for name in ("columns", "dtype")):
        return (
            "It is data, not a model. Name the trained model, and give rows of data as the "
            f"sample: {DEPLOY} model --name NAME --sample X_test"
        )
    name = f"{_camel(kind)}Model"
    variable = "thing" if kind in ("object", "type") else _snake(kind)
    method = _method(model)
    top = type(model).__module__.partition(".")[0]
    if method is None:
        answer = f"[...]  # one value a row, by self.{variable}"
    else:
        answer = f"self.{variable}.{method}(rows)  # one value a row"
    return (
        "Write an adapter, a class with predict; this one can be pasted into a cell:\n\n"
        f"    class {name}:\n"
        f"        def __init__(self, {variable}):\n"
        f"            self.{variable} = {variable}\n\n"
        "        def predict(self, rows):  # as the sample: rows of a DataFrame, for example\n"
        f"            return {answer}\n\n"
        f"    model = {name}({variable})  # {variable}: your object\n"
        f"    {DEPLOY} model --name NAME --sample X_test\n\n"
        "A classifier has predict_proba(rows) and classes_ besides." + _register(top)
    )


def _register(top: str) -> str:
    if top in ("", "__main__", "builtins", "types"):
        return ""
    return (
        f" To teach it every object of {top} for good, write an adapter as in "
        "jupyter_deploy.packaging.adapters.generic and register it:\n\n"
        "    from jupyter_deploy.packaging.adapters import TABLE\n"
        f'    TABLE.register("{top}", "your_package.your_module:ADAPTER")'
    )


def _method(model: Any) -> str | None:
    """The method that takes rows; None when there is none that looks like it."""
    found = [name for name in _LIKELY if callable(_peek(model, name))]
    for name in found:
        try:
            inspect.signature(_peek(model, name)).bind(object())
        except (TypeError, ValueError):
            continue
        return name
    return None


def _peek(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except Exception:  # noqa: BLE001  a property of the user's may raise anything
        return None


def _camel(word: str) -> str:
    plain = re.sub(r"\W+", "", word)
    return f"{plain[:1].upper()}{plain[1:]}" if plain.isidentifier() else "My"


def _snake(word: str) -> str:
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", word).lower()
    plain = re.sub(r"\W+", "", plain)
    return plain if plain.isidentifier() else "thing"
