"""The user's Bento store, as far as the client has to do with it.

By its folders: BentoML in this process goes on with the store of its first use, and takes a third
of a second to import.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from jupyter_deploy.types import VersionSpec


def listed(name: str) -> list[str]:
    """Return the versions that ``bentoml list NAME`` shows in a terminal."""
    from jupyter_deploy.packaging.store import bento_home

    return [file.parent.name for file in (bento_home() / "bentos" / name).glob("*/bento.yaml")]


def discard(spec: VersionSpec) -> None:
    """Delete the Bento of a version that will never be live."""
    home = Path(spec.bento_home)
    versions = home / "bentos" / spec.name
    with suppress(OSError):
        # out of sight at once, to where the next build cleans up after one that was killed: a
        # Bento that is half deleted makes `bentoml list` fail
        gone = home / "tmp" / f"jupyter-deploy-{uuid4().hex}"
        (versions / spec.version).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    with suppress(OSError):
        latest = versions / "latest"
        if latest.read_text().strip() == spec.version:
            latest.unlink()  # BentoML finds it by itself when the file is missing
    with suppress(OSError):
        versions.rmdir()  # only when nothing else is in it
