"""Where in a model an object is, in the words of the user's own code."""

from __future__ import annotations

import dis
import functools
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

#: Objects looked at before the search is given up; a name is a courtesy, not worth seconds.
_PATIENCE = 200_000
_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type(None), ModuleType)
#: What is in objects without a dictionary, and how it is written.
_WRAPPERS: dict[type, dict[str, str]] = {
    MethodType: {"__self__": "", "__func__": ""},
    functools.partial: {"func": ".func", "args": ".args", "keywords": ".keywords"},
    staticmethod: {"__func__": ""},
    classmethod: {"__func__": ""},
    property: {"fget": "", "fset": "", "fdel": ""},
}


@dataclass(frozen=True)
class Place:
    """An expression that leads to an object.

    Attributes
    ----------
    expression
        As one would write it, e.g. ``model.steps[0][1].handle`` or ``settings['log']``.
    variable, user
        The captured variable it begins with and the function that uses it; empty for what is
        reached by attributes alone.
    """

    expression: str
    variable: str = ""
    user: str = ""

    def __str__(self) -> str:
        if not self.user:
            return self.expression
        if self.expression == self.variable:
            return f"the variable {self.variable!r} that {self.user} uses"
        return f"{self.expression} (of the variable {self.variable!r} that {self.user} uses)"

    def __add__(self, more: str) -> Place:
        return replace(self, expression=self.expression + more)


def locate(root: Any, wanted: Any, name: str = "model") -> Place | None:
    """Find the shortest way from `root`, which is called `name`, to the object `wanted`."""
    queue: deque[tuple[Any, Place]] = deque([(root, Place(name))])
    # objects made on the way are kept, since their ids must stay theirs
    seen: dict[int, Any] = {}
    while queue and len(seen) < _PATIENCE:
        obj, place = queue.popleft()
        if obj is wanted:
            return place
        if id(obj) in seen or isinstance(obj, _PLAIN):
            continue
        seen[id(obj)] = obj
        queue.extend(_inside(obj, place))
    return None


def captured(function: FunctionType) -> dict[str, Any]:
    """Variables that go along when `function` is pickled by value: globals, cells, defaults."""
    found = {}
    for name in _globals_used(function.__code__):
        if name in function.__globals__:
            found[name] = function.__globals__[name]
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    arguments = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    found.update(zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True))
    found.update(function.__kwdefaults__ or {})
    return found


def by_value(obj: FunctionType | type) -> bool:
    """Whether a function or class is of a cell, or no longer what its module holds."""
    if obj.__module__ in ("__main__", "__mp_main__"):
        return True
    found: Any = sys.modules.get(obj.__module__)
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is not obj


def _globals_used(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_used(constant)


def _inside(obj: Any, place: Place) -> Iterator[tuple[Any, Place]]:
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield value, place + f"[{key!r}]"
    elif isinstance(obj, list | tuple):
        for i, value in enumerate(obj):
            yield value, place + f"[{i}]"
    elif isinstance(obj, set | frozenset):
        yield from ((value, place) for value in obj)
    elif isinstance(obj, FunctionType):
        if by_value(obj):
            for name, value in captured(obj).items():
                yield value, Place(name, name, f"{obj.__name__}()")
            yield from ((v, place + f".{n}") for n, v in vars(obj).items())
    elif isinstance(obj, tuple(_WRAPPERS)):
        names = next(names for cls, names in _WRAPPERS.items() if isinstance(obj, cls))
        yield from ((getattr(obj, name), place + shown) for name, shown in names.items())
    elif isinstance(obj, type):
        if by_value(obj):
            yield from ((v, Place(f"{obj.__name__}.{n}")) for n, v in list(vars(obj).items()))
    else:
        yield from _attributes(obj, place)


def _attributes(obj: Any, place: Place) -> Iterator[tuple[Any, Place]]:
    for name, value in dict(getattr(obj, "__dict__", None) or {}).items():
        yield value, place + f".{name}"
    for cls in type(obj).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else tuple(slots):
            if name not in ("__dict__", "__weakref__") and hasattr(obj, name):
                yield getattr(obj, name), place + f".{name}"
    if getattr(getattr(obj, "dtype", None), "kind", "") == "O" and hasattr(obj, "tolist"):
        yield from ((v, place + f"[{i}]") for i, v in enumerate(obj.tolist()))
    yield type(obj), place
