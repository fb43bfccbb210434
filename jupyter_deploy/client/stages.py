"""The stages of a deploy as they pass, for whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jupyter_deploy.types import Stage, StageReport, StageState

OnStage = Callable[[StageReport], None]


class Stages:
    """Times the stages that run here, and remembers the newest report of every stage."""

    def __init__(self, on_stage: OnStage | None) -> None:
        self._on_stage = on_stage
        self._known: dict[Stage, StageReport] = {}

    @property
    def reports(self) -> list[StageReport]:
        """Newest report of each stage, in the order they began."""
        return list(self._known.values())

    def tell(self, report: StageReport) -> None:
        """Take a report, and pass it on unless it says nothing new."""
        if self._known.get(report.stage) == report:
            return
        self._known[report.stage] = report
        if self._on_stage is not None:
            self._on_stage(report)

    @contextmanager
    def running(self, stage: Stage) -> Iterator[Told]:
        """Time the block as `stage`; what it raises makes the stage failed."""
        told = Told()
        begin = time.monotonic()

        def tell(state: StageState) -> None:
            self.tell(
                StageReport(
                    stage=stage,
                    state=state,
                    seconds=round(time.monotonic() - begin, 3),
                    detail=told.detail,
                )
            )

        tell(StageState.RUNNING)
        try:
            yield told
        except BaseException as error:
            told.detail = str(getattr(error, "message", "")) or type(error).__name__
            tell(StageState.FAILED)
            raise
        tell(StageState.DONE)


class Told:
    """What a stage has to say when it ends."""

    detail: str = ""
