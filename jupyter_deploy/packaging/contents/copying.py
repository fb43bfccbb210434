"""Copy the user's modules into a Bento."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.contents.origins import own_metadata

#: Bytes that all of the user's modules may have.
LIMIT = 20_000_000

_FOLDERS = frozenset({"__pycache__", "__pypackages__", "node_modules"})
_SUFFIXES = (".pyc", ".pyo", ".pyd", ".so", ".ipynb", ".egg-info", ".dist-info")
#: Names of files that hold passwords and keys.
_SECRET = re.compile(
    r".*\.(pem|key|p12|pfx|ppk|jks|keystore|kdbx|env|secrets?)"
    r"|(id_(rsa|dsa|ecdsa|ed25519)|(client[_-]?)?secrets?|credentials?|passwords?|service[_-]?account.*"
    r"|kubeconfig|_?netrc|pip\.conf)(\..*)?",
    re.IGNORECASE,
)


def files_of(own: dict[str, tuple[Path, ...]]) -> dict[str, Path]:
    """List what is to be copied: sources by their path in the folder of modules.

    Left out are compiled files, notebooks, hidden files (``.git``, ``.env``), virtual
    environments, and what :func:`left_out` lists.

    Raises
    ------
    UnsupportedModelError
        When it is more than :data:`LIMIT` bytes; names the largest files.
    """
    found: dict[str, Path] = {}
    for top, places in own.items():
        found.update(own_metadata(top))
        for place in places:
            if place.is_dir():
                for path in _walk(place, place):
                    if _may_go(path, place):
                        found.setdefault(str(Path(top) / path.relative_to(place)), path)
            else:
                found.setdefault(place.name, place)
    sizes = {name: path.stat().st_size for name, path in found.items()}
    if sum(sizes.values()) > LIMIT:
        largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
        raise UnsupportedModelError(
            f"The modules that the model imports ({', '.join(own)}) come to "
            f"{sum(sizes.values()) / 1e6:.0f} MB with the files in their folders; up to "
            f"{LIMIT / 1e6:.0f} MB are copied.",
            "Move data out of the package, or what the model imports into a package of its own. "
            "Largest: " + ", ".join(f"{found[n]} ({sizes[n] / 1e6:.1f} MB)" for n in largest),
            modules=sorted(own),
            bytes=sum(sizes.values()),
        )
    return found


def left_out(own: dict[str, tuple[Path, ...]]) -> list[Path]:
    """List what lies with the modules, and is not copied lest a secret or half a disk is.

    Files that are called as those with passwords and keys are, and links out of the package;
    but never sources, which may be imported.
    """
    folders = [place for places in own.values() for place in places if place.is_dir()]
    return [path for place in folders for path in _walk(place, place) if not _may_go(path, place)]


def copy(files: Mapping[str, Path], folder: Path) -> None:
    """Copy files as :func:`files_of` lists them; the contents only, not owners or modes."""
    for name, source in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _walk(folder: Path, package: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    """Files below a folder, once around at most; of a link out of `package`, the link.

    A link to another package is followed, since modules may be imported through it.
    """
    real = os.path.realpath(folder)
    if real in above or (folder / "pyvenv.cfg").exists():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith(_SUFFIXES):
            continue
        if entry.is_file():
            yield entry
        elif entry.is_dir() and entry.name not in _FOLDERS:
            if _lies_in(entry, package) or (entry / "__init__.py").is_file():
                yield from _walk(entry, package, above | {real})
            else:
                yield entry


def _may_go(path: Path, package: Path) -> bool:
    if path.is_dir():
        return False
    if path.suffix in (".py", ".pyi", ".pyw"):
        return True
    return not _SECRET.fullmatch(path.name) and _lies_in(path, package)


def _lies_in(path: Path, package: Path) -> bool:
    return path.resolve().is_relative_to(package.resolve())
