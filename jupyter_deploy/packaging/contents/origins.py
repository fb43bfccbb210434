"""Whose a module is: Python's, an installed distribution's, or the user's own."""

from __future__ import annotations

import importlib.util
import json
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from jupyter_deploy.packaging.dependencies.installed import scan


class Origin(Enum):
    """Where a module comes from."""

    STANDARD = "the standard library"
    INSTALLED = "an installed distribution"
    OWN = "the user's own file"
    NOWHERE = "no file, or not found"


def origin_of(name: str) -> Origin:
    """Say whose the module `name` is, without importing it."""
    top = name.partition(".")[0]
    standard = top in sys.stdlib_module_names or top in sys.builtin_module_names
    spec = find(name)
    places = _places(spec)
    if standard and not any(_is_own_shadow(p) for p in places):
        return Origin.STANDARD
    if not places:
        # made by its library as it runs, or optional and not there
        loaded = name in sys.modules
        return Origin.INSTALLED if loaded and distributions_of(name) else Origin.NOWHERE
    return Origin.INSTALLED if distributions_of(name) else Origin.OWN


def find(name: str) -> ModuleSpec | None:
    """Find a module as an import would, but import nothing."""
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__spec__", None) is not None:
        return loaded.__spec__
    parent, _, _ = name.rpartition(".")
    try:
        if not parent:
            return importlib.util.find_spec(name)
        above = find(parent)
        if above is None or above.submodule_search_locations is None:
            return None
        return _find_in(list(above.submodule_search_locations), name)
    except (ImportError, ValueError, AttributeError):
        return None


def _find_in(folders: list[str], name: str) -> ModuleSpec | None:
    """As PathFinder does it, which wants the packages above to be imported."""
    portions: list[str] = []
    for folder in folders:
        finder: Any = pkgutil.get_importer(folder)
        spec: ModuleSpec | None = finder.find_spec(name) if finder is not None else None
        if spec is not None and spec.loader is not None:
            return spec
        portions.extend((spec and spec.submodule_search_locations) or ())
    found = ModuleSpec(name, None, is_package=True) if portions else None
    if found is not None:
        found.submodule_search_locations = portions
    return found


def distributions_of(name: str) -> tuple[str, ...]:
    """Distributions that hold a module's files and can be had from an index, by their own names.

    None for the standard library, for the user's own files, and for what is installed from the
    user's own folder (``pip install -e .``).
    """
    top = name.partition(".")[0]
    found = sorted(set(_owners().get(top, ())))
    places = _places(find(name))
    if places:
        found = [d for d in found if any(_lies_with(d, p) for p in places)]
    if len(found) > 1 and places:
        exact = [d for d in found if any(_lists(d, p) for p in places)]
        found = exact or found
    return tuple(d for d in found if not _from_own_folder(d, places))


def own_metadata(top: str) -> Iterator[tuple[str, Path]]:
    """Metadata of the distributions that hold a module of the user's own, and where it goes.

    Packages ask for their version by it.
    """
    places = _places(find(top))
    named = _owners().get(top, ())
    for name, folder in _local().items():
        if name in named or any(p.startswith(folder + os.sep) for p in places):
            for file in distribution(name).files or ():
                if file.name == "METADATA" and file.parent.name.endswith(".dist-info"):
                    yield f"{file.parent.name}/METADATA", Path(_root(name) + str(file))


def refresh() -> None:
    """Forget what was known of installed distributions, if any came or went since."""
    global _seen  # noqa: PLW0603  what all caches below were filled with
    now = tuple((p, _changed(p)) for p in sys.path)
    if now != _seen:
        for known in (_owners, _local, distribution, direct_url, _root, _files):
            known.cache_clear()
        _seen = now


_seen: tuple[tuple[str, int], ...] = ()


def _changed(folder: str) -> int:
    try:
        return os.stat(folder or ".").st_mtime_ns
    except OSError:
        return 0


def is_extension(spec: ModuleSpec) -> bool:
    """Whether a module is compiled."""
    return bool(spec.origin) and str(spec.origin).endswith(tuple(EXTENSION_SUFFIXES))


@cache
def distribution(name: str) -> metadata.Distribution:
    """An installed distribution, by its name."""
    return metadata.distribution(name)


@cache
def direct_url(name: str) -> dict[str, Any]:
    """Where a distribution was installed from, when not from an index (PEP 610)."""
    text = distribution(name).read_text("direct_url.json")
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def _places(spec: ModuleSpec | None) -> tuple[str, ...]:
    """Files or folders of a module; a namespace package has one or more folders."""
    if spec is None:
        return ()
    if spec.has_location and spec.origin:
        return (os.path.realpath(spec.origin),)
    return tuple(os.path.realpath(p) for p in spec.submodule_search_locations or ())


@cache
def _standard_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib")
    return tuple(os.path.realpath(sysconfig.get_path(n)) + os.sep for n in names)


def _is_own_shadow(place: str) -> bool:
    """A file of the user's with the name of a standard module, which hides it."""
    return not place.startswith((*_standard_folders(), os.path.realpath(sys.base_prefix) + os.sep))


@cache
def _root(name: str) -> str:
    return os.path.realpath(str(distribution(name).locate_file(""))) + os.sep


def _lies_with(name: str, place: str) -> bool:
    """Whether a file lies in the folder a distribution was installed into."""
    found = distribution(name)
    # left in a source tree by a build or by ``setup.py develop``: installed nowhere
    loose = str(getattr(found, "_path", "")).endswith(".egg-info") and not {
        "site-packages",
        "dist-packages",
    } & set(Path(_root(name)).parts)
    return place.startswith(_root(name)) and not loose


@cache
def _files(name: str) -> frozenset[str]:
    listed: Iterable[metadata.PackagePath] = distribution(name).files or ()
    return frozenset(os.path.realpath(_root(name) + str(f)) for f in listed)


def _lists(name: str, place: str) -> bool:
    files = _files(name)
    return place in files or any(f.startswith(place + os.sep) for f in files)


def _from_own_folder(name: str, places: Iterable[str]) -> bool:
    """Installed from a folder or file that is still here, in pure Python: no index has it.

    Some distributors record the folders of their build machines, which are not here.
    """
    if name not in _local():
        return False
    return not any(f.endswith(tuple(EXTENSION_SUFFIXES)) for f in _files(name)) and not any(
        p.endswith(tuple(EXTENSION_SUFFIXES)) for p in places
    )


@cache
def _owners() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in scan():
        for module in one.modules():
            found.setdefault(module, []).append(one.name)
    return found


@cache
def _local() -> dict[str, str]:
    """Distributions installed from a folder that is still here, with that folder."""
    found = {}
    for one in scan():
        url = urlparse(str(one.direct_url.get("url", "")))
        path = os.path.realpath(unquote(url.path))
        if url.scheme == "file" and os.path.exists(path):
            found[one.name] = path
    return found
