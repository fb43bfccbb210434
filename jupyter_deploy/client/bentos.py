"""The user's Bento store, as far as the client asks it: BentoML itself decides what is listed."""

from __future__ import annotations

from contextlib import suppress


def listed(name: str) -> list[str]:
    """Return the versions that ``bentoml list NAME`` shows."""
    import bentoml

    try:
        return [bento.tag.version for bento in bentoml.bentos.list(name)]
    except bentoml.exceptions.NotFound:
        return []


def discard(tag: str) -> None:
    """Delete a Bento (``name:version``) of a version that will never be live."""
    import bentoml

    with suppress(bentoml.exceptions.BentoMLException, OSError):
        bentoml.bentos.delete(tag)
