"""Pickle a model so that another process can load it, and know what it will import.

cloudpickle carries functions and classes of ``__main__`` (notebook cells) by value; everything
else by the name of its module, which is installed where the model runs or copied into the Bento
(modules.py). A module that has no source file to copy is carried by value too.
"""

from __future__ import annotations

import dis
import io
import os
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from types import CodeType, FunctionType, ModuleType
from typing import Any

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.contents.captures import check_sizes, kind_of, refuse
from jupyter_deploy.packaging.contents.modules import is_sourceless
from jupyter_deploy.packaging.contents.origins import refresh
from jupyter_deploy.packaging.contents.places import by_value, locate

_PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, list, dict, tuple, set, frozenset}
)
_OWN = frozenset({"__main__", "__mp_main__", "builtins"})


def dump(model: Any, name: str = "model") -> tuple[bytes, frozenset[str]]:
    """Pickle `model`.

    Parameters
    ----------
    name
        What to call it in an error.

    Returns
    -------
    data
        The pickle.
    modules
        Modules that loading or running it may import, by their full names: those that hold what
        it refers to, and those that its functions import when they run.

    Raises
    ------
    UnsupportedModelError
        When a part can't be pickled or must not be; names it.
    """
    import cloudpickle

    refresh()
    data, modules = _dump(model, name)
    sourceless = sorted(m for m in modules if m in sys.modules and is_sourceless(m))
    if sourceless:
        with ExitStack() as stack:
            for module in map(sys.modules.__getitem__, sourceless):
                cloudpickle.register_pickle_by_value(module)
                stack.callback(cloudpickle.unregister_pickle_by_value, module)
            data, modules = _dump(model, name)
        modules = modules - set(sourceless)
    return data, frozenset(modules)


def _dump(model: Any, name: str) -> tuple[bytes, set[str]]:
    import cloudpickle

    modules: set[str] = set()
    known: set[type] = set()
    functions: dict[CodeType, FunctionType] = {}
    last: deque[Any] = deque(maxlen=64)

    class Watch(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
        """Is asked about every object before it goes into the pickle."""

        def persistent_id(self, obj: Any) -> None:
            cls = type(obj)
            if cls in _PLAIN:
                return
            last.append(obj)
            kind = kind_of(obj)
            if kind is not None:
                raise refuse(obj, kind, model, name)
            if cls not in known:
                known.add(cls)
                modules.update(map(_module, cls.__mro__))
            if cls is CodeType:
                # only code that goes by value comes here
                modules.update(imports_of(obj))
                if obj in functions:
                    check_sizes(functions[obj])
            elif isinstance(obj, ModuleType):
                modules.add(obj.__name__)
            elif isinstance(obj, type):
                modules.update(map(_module, obj.__mro__))
                if obj.__module__ != "builtins" and by_value(obj):
                    check_sizes(obj)
            else:
                if cls is FunctionType:
                    functions[obj.__code__] = obj
                modules.add(_module(obj))

        def reducer_override(self, obj: Any) -> Any:
            if obj is os.environ:
                # the served process has its own; this one's may hold passwords
                return getattr, (os, "environ")
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    try:
        Watch(buffer, protocol=5).dump(model)
    except UnsupportedModelError:
        raise
    except Exception as error:
        raise UnsupportedModelError(
            f"The model can't be pickled: {_first_line(error)}{_where(model, name, last)}",
            "What a model keeps must be plain data: make such things (files, connections, locks, "
            "GPU handles) inside predict, or leave them out by __getstate__.",
        ) from error
    return buffer.getvalue(), {m for m in modules if m and m not in _OWN}


def _module(obj: Any) -> str:
    """Module that loading `obj` imports; what was made in a function comes along by value."""
    try:
        module = obj.__module__ if "<locals>" not in getattr(obj, "__qualname__", "") else ""
    except Exception:  # noqa: BLE001  an object may answer for its attributes as it likes
        return ""
    return module if isinstance(module, str) else ""


def imports_of(code: CodeType) -> Iterator[str]:
    """Modules that a function imports when it runs, and names in them which may be modules."""
    before: list[Any] = [None, None]
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME" and before[0] == 0:
            name = str(instruction.argval)
            yield name
            yield from (f"{name}.{part}" for part in before[1] or () if part != "*")
        if instruction.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
            before = [before[1], instruction.argval]


def _where(model: Any, name: str, last: deque[Any]) -> str:
    """Name the newest object on the way to the failure that has a name."""
    for obj in reversed(last):
        if obj is model:
            break
        place = locate(model, obj, name)
        if place is not None:
            return f" ({place}, a {type(obj).__name__})"
    return ""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
