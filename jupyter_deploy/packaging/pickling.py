"""Pickle a model so that another process can load it, and know what it will import.

cloudpickle carries functions and classes of ``__main__`` (notebook cells) by value. Modules of
the user's own, which no installed distribution owns, are carried by value too: the worker's
path doesn't have them.
"""

from __future__ import annotations

import dis
import io
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.requirements import distributions_of, is_installed

if TYPE_CHECKING:
    from types import CodeType as Code


def dump(model: Any) -> tuple[bytes, frozenset[str]]:
    """Pickle `model`.

    Returns
    -------
    data
        The pickle.
    modules
        Top-level modules that loading or running it imports, installed ones only.

    Raises
    ------
    UnsupportedModelError
        When a part can't be pickled; names it.
    """
    import cloudpickle

    data, modules = _dump(model)
    own = sorted(m for m in modules if not is_installed(m))
    if own:
        with ExitStack() as stack:
            for name in own:
                for module in _loaded(name):
                    cloudpickle.register_pickle_by_value(module)
                    stack.callback(cloudpickle.unregister_pickle_by_value, module)
            data, modules = _dump(model)
    return data, frozenset(m for m in modules if is_installed(m))


def _loaded(top: str) -> Iterator[ModuleType]:
    for name, module in list(sys.modules.items()):
        if name == top or name.startswith(f"{top}."):
            yield module


def _dump(model: Any) -> tuple[bytes, set[str]]:
    import cloudpickle

    seen: set[str] = set()

    class Recorder(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
        """Is asked about every object that goes into the pickle, and notes its module."""

        def persistent_id(self, obj: Any) -> None:
            seen.update(_modules_of(obj))

    buffer = io.BytesIO()
    try:
        Recorder(buffer, protocol=5).dump(model)
    except Exception as error:
        raise UnsupportedModelError(
            f"The model can't be pickled: {_first_line(error)}{_where(model)}",
            "What a model keeps must be plain data: open such things (files, connections, locks, "
            "GPU handles) inside predict, or leave them out by __getstate__.",
        ) from error
    tops = {name.partition(".")[0] for name in seen}
    return buffer.getvalue(), tops - {"__main__", "__mp_main__", "builtins", ""}


def _modules_of(obj: Any) -> Iterator[str]:
    if isinstance(obj, ModuleType):
        yield obj.__name__
        return
    if isinstance(obj, CodeType):
        yield from _imports_of(obj)
        return
    yield type(obj).__module__
    if isinstance(obj, type | FunctionType) or hasattr(obj, "__qualname__"):
        module = getattr(obj, "__module__", None)
        if isinstance(module, str):
            yield module


def _imports_of(code: Code) -> Iterator[str]:
    """Modules a function imports when it runs; one that is not installed may be optional."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            name = str(instruction.argval).partition(".")[0]
            if distributions_of(name):
                yield name


def _where(model: Any) -> str:
    """Name the attribute that doesn't pickle, when it is one of the model's own."""
    import cloudpickle

    parts: dict[str, Any] = dict(getattr(model, "__dict__", None) or {})
    word = "attribute"
    if isinstance(model, FunctionType):
        word = "variable"
        names = model.__code__.co_names
        parts = {n: model.__globals__[n] for n in names if n in model.__globals__}
        cells = zip(model.__code__.co_freevars, model.__closure__ or (), strict=True)
        parts.update({n: c.cell_contents for n, c in cells})
    for name, value in parts.items():
        try:
            cloudpickle.dumps(value)
        except Exception:  # noqa: BLE001  whatever a part raises: it is the one
            return f" (the {word} {name!r}, a {type(value).__name__})"
    return ""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
