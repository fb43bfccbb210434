"""A bar per stage of a deploy, with times."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from jupyter_deploy.commands import texts
from jupyter_deploy.widgets import style

if TYPE_CHECKING:
    from jupyter_deploy.types import StageReport

_MARKS = {"done": "✓", "running": "…", "failed": "✗", "waiting": "·"}
_COLOURS = {
    "done": style.GOOD,
    "running": style.BUSY,
    "failed": style.BAD,
    "waiting": style.MUTED,
}
#: A running stage's length isn't known: its bar stands in the middle.
_FILLED = {"done": 100, "running": 50, "failed": 100, "waiting": 0}


def html(title: str, reports: Sequence[StageReport]) -> str:
    """Return title and bars in a block of their own."""
    return style.box(style.heading(title, ""), bars(reports))


def bars(reports: Sequence[StageReport]) -> str:
    """Return a line for each of the stages, those to come included."""
    from jupyter_deploy.types import Stage

    known = {report.stage: report for report in reports}
    rows = "".join(_row(stage.value, known.get(stage)) for stage in Stage)
    return style.table(rows)


def text(title: str, reports: Sequence[StageReport]) -> str:
    """Return the plain-text twin."""
    return "\n".join([title, *(f"  {texts.stage(report)}" for report in reports)])


def _row(name: str, report: StageReport | None) -> str:
    state = report.state.value if report else "waiting"
    colour = _COLOURS[state]
    seconds = f"{report.seconds:.1f} s" if report else ""
    bar = (
        f'<div style="width: 120px; height: 6px; border-radius: 3px; background: {style.TRACK}">'
        f'<div style="width: {_FILLED[state]}%; height: 6px; border-radius: 3px; '
        f'background: {colour}"></div></div>'
    )
    cell = "padding: 1px 12px 1px 0; text-align: left; vertical-align: middle"
    return (
        f'<tr style="background: none" title="{escape(name)}: {state}">'
        f'<td style="{cell}; color: {colour}">{_MARKS[state]}</td>'
        f'<td style="{cell}">{escape(name)}</td><td style="{cell}">{bar}</td>'
        f'<td style="{cell}; text-align: right; white-space: nowrap; '
        f'font-variant-numeric: tabular-nums">{seconds}</td>'
        f'<td style="{cell}; color: {style.MUTED}">{escape(report.detail if report else "")}</td>'
        "</tr>"
    )
