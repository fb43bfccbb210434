"""What a version takes and answers, as a table."""

from __future__ import annotations

from html import escape

from jupyter_deploy.client.signature import Grid, VersionSignature, columns, facts, outputs
from jupyter_deploy.widgets import style


def html(signature: VersionSignature) -> str:
    """Return the signature; its plain-text twin is its ``repr``."""
    said = facts(signature)
    example = dict(said)["example"]
    return style.box(
        style.heading(signature.name, style.muted(signature.version)),
        style.pairs([(label, escape(text)) for label, text in said if label != "example"]),
        _grid(columns(signature)),
        _grid(outputs(signature)),
        style.muted("One row, as /predict takes it"),
        style.block(example),
    )


def _grid(grid: Grid) -> str:
    rows = [(style.code(row[0]), *map(escape, row[1:])) for row in grid.rows]
    return style.scrolled(style.grid(grid.header, rows))
