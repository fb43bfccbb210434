"""What a function of the user's can be called with, and how to bind what it can't."""

from __future__ import annotations

import inspect
from typing import Any


def parameters_of(function: Any) -> list[inspect.Parameter] | None:
    """Return its parameters; None when it doesn't say, as some built-in functions don't."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None


def takes(parameters: list[inspect.Parameter], count: int) -> bool:
    """Whether a function of these can be called with `count` arguments."""
    try:
        inspect.Signature(parameters).bind(*range(count))
    except TypeError:
        return False
    return True


def counted(parameters: list[inspect.Parameter]) -> str:
    """Say how many parameters there are, and which."""
    names = ", ".join(p.name for p in parameters)
    s = "s" * (len(parameters) != 1)
    return f"{len(parameters)} parameter{s} ({names})" if parameters else "no parameters"


def bound(word: str, function: Any, first: str, parameters: list[inspect.Parameter]) -> str:
    """Return the line that makes a function of one argument of it.

    Parameters
    ----------
    word
        What the function is given as: ``model``, ``preprocess``, …
    first
        Name for the argument.
    """
    name = getattr(function, "__name__", word)
    if name == "<lambda>":
        name = word
    if not parameters:
        return f"Give it a parameter: def {name}({first}): …"
    rest = ", ".join(f"{p.name}={p.name}" for p in parameters[1:])
    return f"Bind the others: {word} = functools.partial({name}, {rest})"
