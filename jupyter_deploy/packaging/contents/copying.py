"""Copy the user's modules into a Bento."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.contents.origins import own_metadata

#: Bytes that all of the user's modules may have.
LIMIT = 20_000_000

_FOLDERS = frozenset({"__pycache__", "__pypackages__", "node_modules"})
_SUFFIXES = (".pyc", ".pyo", ".pyd", ".so", ".ipynb", ".egg-info", ".dist-info")


def files_of(own: dict[str, tuple[Path, ...]]) -> dict[str, Path]:
    """List what is to be copied: sources by their path in the folder of modules.

    Left out are compiled files, notebooks, hidden files (``.git``, ``.env``) and virtual
    environments.

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
                for path in _walk(place, set()):
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


def copy(files: Mapping[str, Path], folder: Path) -> None:
    """Copy files as :func:`files_of` lists them; the contents only, not owners or modes."""
    for name, source in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _walk(folder: Path, above: set[str]) -> Iterator[Path]:
    """Files below a folder; links are followed, once around at most."""
    real = os.path.realpath(folder)
    if real in above or (folder / "pyvenv.cfg").exists():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith(_SUFFIXES):
            continue
        if entry.is_dir():
            if entry.name not in _FOLDERS:
                yield from _walk(entry, above | {real})
        elif entry.is_file():
            yield entry
