"""Result → what a notebook displays."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from jupyter_deploy.commands import results
from jupyter_deploy.widgets import card, signature, tables


@singledispatch
def html(result: Any) -> str | None:
    """Return the HTML form of a result; None when text says it all."""
    return None


@html.register
def _(result: results.Deployed) -> str:
    return card.html(result)


@html.register
def _(result: results.Listing) -> str:
    return tables.listing(result.deployments)


@html.register
def _(result: results.Overview) -> str:
    return tables.overview(result)


@html.register
def _(result: results.Detail) -> str:
    return tables.detail(result.detail)


@html.register
def _(result: results.Shown) -> str:
    return signature.html(result.signature)


@html.register
def _(result: results.Changed) -> str:
    return tables.changed(result.info)


def bundle(result: results.Result) -> dict[str, str]:
    """Return the MIME bundle of a result: HTML when it has one, and always plain text."""
    found = html(result)
    return {"text/plain": result.to_text(), **({"text/html": found} if found else {})}
