"""Was a module's file edited after it was imported here?

The model was judged with what was imported; the served process imports the file.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any


def is_edited(name: str, spec: ModuleSpec) -> bool:
    """Whether functions or plain constants of a loaded module differ from its file's."""
    module = sys.modules.get(name)
    if module is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        return False
    try:
        source = Path(str(spec.origin)).read_bytes()
        code = compile(source, str(spec.origin), "exec", dont_inherit=True)
        tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError):
        return True
    written: dict[str, list[CodeType]] = {}
    for inner in _codes(code):
        written.setdefault(inner.co_qualname, []).append(inner)
    for function in _functions(module):
        loaded = function.__code__
        if loaded.co_filename != spec.origin:
            continue  # put there by another module
        if not any(_same(loaded, c) for c in written.get(loaded.co_qualname, [])):
            return True
    return any(
        type(vars(module).get(variable)) in (str, int, float, bool)
        and vars(module)[variable] != value
        for variable, value in _constants(tree).items()
    )


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    owners: list[Any] = [module]
    for owner in owners:
        for value in list(vars(owner).values()):
            inner = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
            inner = inspect.unwrap(inner) if isinstance(inner, FunctionType) else inner
            if isinstance(inner, FunctionType) and inner.__module__ == module.__name__:
                yield inner
            elif isinstance(value, type) and value not in owners:
                owners.extend([value] * (value.__module__ == module.__name__))


def _same(one: CodeType, other: CodeType) -> bool:
    """Compare what runs; lines may have moved."""
    return (
        one.co_code == other.co_code
        and one.co_names == other.co_names
        and one.co_varnames == other.co_varnames
        and one.co_freevars == other.co_freevars
        and one.co_flags == other.co_flags
        and len(one.co_consts) == len(other.co_consts)
        and all(
            _same(a, b)
            if isinstance(a, CodeType) and isinstance(b, CodeType)
            else repr(a) == repr(b)
            for a, b in zip(one.co_consts, other.co_consts, strict=True)
        )
    )


def _constants(tree: ast.Module) -> dict[str, Any]:
    """Variables that get a plain value once, at the top of the file, and never again."""
    found: dict[str, Any] = {}
    for node in tree.body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        ):
            found[node.targets[0].id] = node.value.value
    stored = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not _is_load(n)]
    declared = {n for g in ast.walk(tree) if isinstance(g, ast.Global) for n in g.names}
    return {n: v for n, v in found.items() if stored.count(n) == 1 and n not in declared}


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)
