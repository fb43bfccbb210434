"""What is installed here, read from the folders of metadata that installers leave.

importlib.metadata knows the same and takes ten times as long to ask about all of it: it parses the
metadata and the list of files of every distribution.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: First part of a path in RECORD, where a path is followed by hash and size.
_FIRST = re.compile(r"^\"?([^/,\"\n]+)[/,\"]", re.MULTILINE)


@dataclass(frozen=True)
class Installed:
    """One distribution.

    Attributes
    ----------
    name, version
        As in the name of its folder; the name normalised.
    folder
        ``NAME-VERSION.dist-info``, or an older ``.egg-info``.
    """

    name: str
    version: str
    folder: Path

    def read(self, file: str) -> str:
        """Return the text of one of its files; empty when it has none of that name."""
        try:
            return (self.folder / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    @property
    def direct_url(self) -> dict[str, Any]:
        """Where it was installed from, when not from an index (PEP 610)."""
        try:
            found = json.loads(self.read("direct_url.json") or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def modules(self) -> set[str]:
        """Top-level modules and packages it holds."""
        files = {name.partition(".")[0] for name in _FIRST.findall(self.read("RECORD"))}
        return files | set(self.read("top_level.txt").split()) or {self.name.replace("-", "_")}


def scan() -> Iterator[Installed]:
    """Find every distribution on the path; of two of the same name the one that is imported."""
    seen = set()
    for entry in sys.path:
        try:
            names = sorted(os.listdir(entry or "."))
        except OSError:
            continue
        for name in names:
            stem, _, ending = name.rpartition(".")
            if ending not in ("dist-info", "egg-info") or "-" not in stem:
                continue
            distribution, version, *_ = stem.split("-")
            normal = normalized(distribution)
            if normal not in seen:
                seen.add(normal)
                yield Installed(normal, version, Path(entry or ".", name))


def constraints() -> list[str]:
    """Pin every installed distribution, ``name==version``, sorted."""
    return sorted(f"{found.name}=={found.version}" for found in scan())


def normalized(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
