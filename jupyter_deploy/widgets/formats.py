"""How a notebook shows the values that cells end in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_deploy.client.signature import VersionSignature


def register(ipython: Any) -> None:
    """Let a shell show signatures as tables; any number of times."""
    # by name: nothing of it is imported before it is shown
    ipython.display_formatter.formatters["text/html"].for_type_by_name(
        "jupyter_deploy.client.signature", "VersionSignature", _signature
    )


def _signature(found: VersionSignature) -> str:
    from jupyter_deploy.widgets.signature import html

    return html(found)
