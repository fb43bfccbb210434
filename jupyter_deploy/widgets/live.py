"""One output of a cell, updated while a deploy goes on; a saved notebook keeps its last state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jupyter_deploy.commands import texts
from jupyter_deploy.widgets import progress, render

if TYPE_CHECKING:
    from jupyter_deploy.commands.results import Deployed
    from jupyter_deploy.types import Stage, StageReport


class LiveProgress:
    """Bars of a deploy that turn into its card.

    Parameters
    ----------
    title
        What is being deployed.
    updates
        The frontend can change an output; else (a terminal) each stage is printed as it ends.
    """

    def __init__(self, title: str, *, updates: bool) -> None:
        self._title = title
        self._updates = updates
        self._reports: dict[Stage, StageReport] = {}
        self._shown = False
        self._id = f"jupyter-deploy-{os.urandom(8).hex()}"

    def stage(self, report: StageReport) -> None:
        """Show where a stage stands."""
        self._reports[report.stage] = report
        reports = list(self._reports.values())
        if self._updates:
            self._show(
                {
                    "text/html": progress.html(self._title, reports),
                    "text/plain": progress.text(self._title, reports),
                }
            )
        elif report.state.value != "running":
            print(texts.stage(report), flush=True)

    def finish(self, result: Deployed) -> None:
        """Let the card take the place of the bars."""
        self._show(render.bundle(result))

    def _show(self, bundle: dict[str, str]) -> None:
        from IPython.display import publish_display_data

        update = self._updates and self._shown
        transient = {"display_id": self._id}
        publish_display_data(bundle, transient=transient, update=update)
        self._shown = True
