"""The ``parameters`` that requests, inputs and outputs may carry; unknown ones are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import TensorError


def parameters_of(label: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a part of a request; `label` names it, should they be wrong."""
    parameters = part.get("parameters")
    if parameters is None:
        return {}
    if type(parameters) is not dict:
        raise TensorError(f"parameters of {label} must be an object")
    return parameters


def flag(label: str, parameters: Mapping[str, Any], key: str, default: bool = False) -> bool:
    """Return a parameter that is true or false."""
    value = parameters.get(key, default)
    if type(value) is not bool:
        raise TensorError(f"parameter {key} of {label} must be true or false")
    return value
