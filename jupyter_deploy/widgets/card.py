"""What a deploy ends in: where the service is, why it runs as it does, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_deploy.commands import texts
from jupyter_deploy.widgets import progress, style

if TYPE_CHECKING:
    from jupyter_deploy.commands.results import Deployed


def html(result: Deployed) -> str:
    """Return the card; its plain-text twin is :func:`jupyter_deploy.commands.texts.card`."""
    info, spec = result.info, result.spec
    version = style.muted(info.version or spec.version)
    rows = [
        ("endpoint", style.link(f"{info.endpoint}/predict")),
        ("engine", f"{style.code(spec.engine.value)} {style.muted(spec.engine_reason)}"),
        ("parity", style.muted(texts.parity(spec.parity))),
        *((label, style.muted(text)) for label, text in result.remarks),
    ]
    times = ""
    if result.stages:
        seconds = sum(report.seconds for report in result.stages)
        rows.append(("time", style.muted(f"{seconds:.1f} s")))
        times = f'<div style="margin: 0 0 8px">{progress.bars(result.stages)}</div>'
    return style.box(
        style.heading(info.name, f"{version} &nbsp; {style.state(info.state.value)}"),
        style.error(info.error) if info.error else "",
        style.pairs(rows),
        times,
        style.muted("Ask it from a shell"),
        style.block(result.curl),
        style.muted("or from Python"),
        style.block(result.python),
        f"{style.muted('Next:')} {style.code(texts.next_steps(info.name, result.face))}",
    )
