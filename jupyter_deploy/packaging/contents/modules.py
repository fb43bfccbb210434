"""The user's own modules: which ones a model needs, and copying them into its Bento.

A module is copied with the whole package it lies in, so that data files beside it are found. What
it imports is followed through its source, never by importing: the rest of the package may need
what the model doesn't.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.contents.edits import is_edited
from jupyter_deploy.packaging.contents.origins import Origin, find, is_extension, origin_of, refresh

#: Names that a Bento's own files have.
RESERVED = frozenset({"model_runtime", "service", "user_modules"})


@dataclass(frozen=True)
class Imports:
    """What a model imports.

    Attributes
    ----------
    installed
        Modules of installed distributions, by their full names.
    own
        Top-level modules and packages of the user's, with the files or folders they lie in.
    edited
        The user's modules whose file is not what was imported here.
    """

    installed: frozenset[str]
    own: dict[str, tuple[Path, ...]]
    edited: tuple[str, ...] = ()


def trace(names: Iterable[str]) -> Imports:
    """Follow imports from the modules `names` through the user's own ones.

    Raises
    ------
    UnsupportedModelError
        When one of the user's can't be copied: compiled, or named as the Bento's own files are.
    """
    refresh()
    installed: set[str] = set()
    own: dict[str, ModuleSpec] = {}
    seen: set[str] = set()
    queue = sorted(names)
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        origin = origin_of(name)
        spec = find(name)
        if origin is Origin.INSTALLED and not _is_namespace(spec):
            installed.add(name)
        if spec is None or origin is not Origin.OWN:
            continue
        _check(name, spec)
        own[name] = spec
        parent = name.rpartition(".")[0]
        queue.extend([parent] * bool(parent))
        queue.extend(_imports(spec))
    tops = {n.partition(".")[0] for n in own}
    return Imports(
        frozenset(installed),
        {top: _places(top) for top in sorted(tops)},
        tuple(name for name in sorted(own) if is_edited(name, own[name])),
    )


def is_sourceless(name: str) -> bool:
    """Whether a loaded module is the user's and has no file that could be copied."""
    module = sys.modules[name]
    file = getattr(module, "__file__", None)
    if isinstance(file, str) and Path(file).is_file():
        # such as a notebook that was imported
        return not file.endswith((".py", ".pyw", ".so", ".pyd")) and origin_of(name) is Origin.OWN
    if getattr(module, "__path__", None) is not None:
        return False
    return origin_of(name) is Origin.NOWHERE


def _check(name: str, spec: ModuleSpec) -> None:
    top = name.partition(".")[0]
    if is_extension(spec):
        raise UnsupportedModelError(
            f"The module {name!r} is compiled ({spec.origin}) and no distribution that can be "
            "installed elsewhere holds it.",
            "Build a wheel of it and install that (pip install DIST.whl), so that the version's "
            "requirements can name it; only modules in Python are copied.",
            module=name,
        )
    if top in RESERVED or top in sys.stdlib_module_names:
        whose = "one of the files of a packed model" if top in RESERVED else "a standard module"
        raise UnsupportedModelError(
            f"The module {top!r} ({spec.origin or top}) has the name of {whose}.",
            f"Rename it, for example to my_{top}, import it anew and make the model again: in the "
            "served process the other one is found first.",
            module=top,
        )


def _places(top: str) -> tuple[Path, ...]:
    spec = find(top)
    if spec is None:
        return ()
    if spec.submodule_search_locations is None:
        return (Path(str(spec.origin)),)
    if not _is_namespace(spec):
        return (Path(str(spec.origin)).parent,)
    # its other parts may be of installed distributions
    return tuple(p for p in map(Path, spec.submodule_search_locations) if not _installed(p))


def _is_namespace(spec: ModuleSpec | None) -> bool:
    """A package without ``__init__.py``, which may lie in several folders."""
    return (
        spec is not None
        and spec.submodule_search_locations is not None
        and not (spec.has_location and spec.origin)
    )


def _installed(folder: Path) -> bool:
    return bool({"site-packages", "dist-packages"} & set(folder.parts))


def _imports(spec: ModuleSpec) -> Iterator[str]:
    """Modules that a source file imports anywhere in it, and names that may be modules."""
    if not spec.has_location or not str(spec.origin).endswith(".py"):
        return
    try:
        tree = ast.parse(Path(str(spec.origin)).read_bytes())
    except (OSError, SyntaxError):
        return  # it can't be imported there either, which the first request of all tells
    package = spec.name if spec.submodule_search_locations is not None else spec.parent
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package or "")
            if base:
                yield base
                yield from (f"{base}.{a.name}" for a in node.names if a.name != "*")
        elif isinstance(node, ast.Call) and _is_import_call(node):
            (name,) = (a.value for a in node.args[:1] if isinstance(a, ast.Constant))
            yield str(name)


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``, which never run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _nodes(other)
            continue
        yield node
        yield from _nodes(node)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    if node.level > len(parts):
        return ""
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def _is_import_call(node: ast.Call) -> bool:
    called = ast.unparse(node.func)
    return (
        called in ("__import__", "import_module", "importlib.import_module")
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    )
