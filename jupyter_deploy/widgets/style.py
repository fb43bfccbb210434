"""Colours and building blocks. Inline only: a notebook that isn't trusted loses its style sheets.

The colours are JupyterLab's own variables; the fallbacks stand for VS Code, nbviewer and GitHub,
and are readable on white and on black.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

TEXT = "var(--jp-ui-font-color1, inherit)"
MUTED = "var(--jp-ui-font-color2, #767676)"
BORDER = "var(--jp-border-color2, #9e9e9e66)"
TRACK = "var(--jp-layout-color3, #9e9e9e44)"
CODE = "var(--jp-layout-color2, #9e9e9e22)"
GOOD = "var(--jp-success-color1, #388e3c)"
BUSY = "var(--jp-brand-color1, #1976d2)"
BAD = "var(--jp-error-color1, #d32f2f)"
WARN = "var(--jp-warn-color1, #e65100)"

_FONT = "font-family: var(--jp-ui-font-family, system-ui, sans-serif); font-size: 13px"
_MONO = "font-family: var(--jp-code-font-family, monospace); font-size: 12px"

# a page without a doctype lets no table inherit its colour and size
_TABLE = "border: none; color: inherit; font: inherit"

#: Colour of a state's mark; the word itself always stands beside it.
STATES = {
    "running": GOOD,
    "live": GOOD,
    "starting": BUSY,
    "draining": BUSY,
    "degraded": WARN,
    "stopped": MUTED,
    "failed": BAD,
}


def box(*parts: str) -> str:
    """Return a framed block."""
    style = (
        f"{_FONT}; color: {TEXT}; border: 1px solid {BORDER}; border-radius: 4px; "
        "padding: 8px 12px; max-width: 860px; line-height: 1.5"
    )
    return f'<div style="{style}">{"".join(parts)}</div>'


def heading(name: str, rest: str) -> str:
    """Return the first line of a block."""
    return f'<div style="margin-bottom: 6px"><b>{escape(name)}</b> {rest}</div>'


def state(word: str) -> str:
    """Return a state: a coloured mark and its word."""
    colour = STATES.get(word, MUTED)
    return f'<span style="color: {colour}" aria-hidden="true">●</span>&nbsp;{escape(word)}'


def muted(text: str) -> str:
    """Return text of less weight."""
    return f'<span style="color: {MUTED}">{escape(text)}</span>'


def code(text: str) -> str:
    """Return code in a line."""
    return f'<code style="{_MONO}; color: inherit; background: {CODE}">{escape(text)}</code>'


def block(text: str) -> str:
    """Return code in lines of its own, which scrolls instead of widening the page."""
    style = (
        f"{_MONO}; color: inherit; background: {CODE}; padding: 6px 8px; margin: 2px 0 8px; "
        "overflow-x: auto; white-space: pre"
    )
    return f'<pre tabindex="0" style="{style}">{escape(text)}</pre>'


def link(url: str) -> str:
    """Return a URL; shown, not followed: it answers to POST with a key only."""
    return code(url)


def table(rows: str) -> str:
    """Return rows, which are HTML, as a table without lines."""
    return f'<table style="{_TABLE}; margin: 0">{rows}</table>'


def scrolled(table: str) -> str:
    """Return a table that scrolls instead of widening the page."""
    return f'<div tabindex="0" style="overflow-x: auto; margin: 4px 0 8px">{table}</div>'


def error(text: str) -> str:
    """Return what went wrong."""
    return f'<div style="color: {BAD}; white-space: pre-wrap">{escape(text)}</div>'


def pairs(rows: list[tuple[str, str]]) -> str:
    """Return labels and their values; values are HTML."""
    cells = "".join(
        f'<tr style="background: none"><th scope="row" style="text-align: left; font-weight: 400; '
        f'color: {MUTED}; padding: 1px 16px 1px 0; vertical-align: top">{escape(label)}</th>'
        f'<td style="text-align: left; padding: 1px 0">{value}</td></tr>'
        for label, value in rows
    )
    return f'<table style="{_TABLE}; margin: 0 0 6px">{cells}</table>'


def grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; cells are HTML."""
    cell = "text-align: left; padding: 2px 16px 2px 0"
    head = "".join(
        f'<th scope="col" style="{cell}; color: {MUTED}; font-weight: 400">{escape(h)}</th>'
        for h in header
    )
    body = "".join(
        '<tr style="background: none">'
        + "".join(f'<td style="{cell}">{value}</td>' for value in row)
        + "</tr>"
        for row in rows
    )
    return (
        f'<table style="{_TABLE}; margin: 0"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )
