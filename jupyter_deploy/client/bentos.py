"""The user's Bento store, as far as the client has to do with it."""

from __future__ import annotations

from contextlib import suppress


def listed(name: str) -> list[str]:
    """Return the versions that ``bentoml list NAME`` shows in a terminal.

    Read from the folder: BentoML in this process goes on with the store of its first use, and takes
    a third of a second to import.
    """
    from jupyter_deploy.packaging.store import bento_home

    return [file.parent.name for file in (bento_home() / "bentos" / name).glob("*/bento.yaml")]


def discard(tag: str) -> None:
    """Delete a Bento (``name:version``) of a version that will never be live."""
    import bentoml

    with suppress(bentoml.exceptions.BentoMLException, OSError):
        bentoml.bentos.delete(tag)
