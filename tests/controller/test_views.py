"""How a deployment's state follows from what is wanted and what runs."""

from __future__ import annotations

import pytest

from jupyter_deploy.controller.schema import Desired
from jupyter_deploy.controller.views import Standing, summarise
from jupyter_deploy.types import VersionState as V

RUN = Desired.RUNNING
LIVE = Standing("1.0.0", V.LIVE)


@pytest.mark.parametrize(
    ("desired", "live", "newest", "ready", "restarts", "state", "error"),
    [
        (RUN, None, Standing("1.0.0", V.STARTING), 0, 0, "starting", ""),
        (RUN, None, Standing("1.0.0", V.FAILED, "broke"), 0, 0, "failed", "broke"),
        (RUN, LIVE, LIVE, 2, 0, "running", ""),
        (RUN, LIVE, LIVE, 1, 1, "degraded", "1 of 2 workers answer."),
        (RUN, LIVE, LIVE, 0, 1, "degraded", "0 of 2 workers answer."),
        # everything is being brought back
        (RUN, LIVE, LIVE, 0, 0, "starting", ""),
        (RUN, Standing("1.0.0", V.STARTING), LIVE, 0, 0, "starting", ""),
        (RUN, Standing("1.0.0", V.LIVE, "gone"), LIVE, 0, 4, "failed", "gone"),
        (RUN, Standing("1.0.0", V.LIVE, "gone"), LIVE, 1, 4, "degraded", "gone"),
        (RUN, LIVE, Standing("1.1.0", V.STARTING), 2, 0, "running", ""),
        (
            RUN,
            LIVE,
            Standing("1.1.0", V.FAILED, "broke"),
            2,
            0,
            "degraded",
            "Version 1.1.0 failed, 1.0.0 still serves: broke",
        ),
        # … until the user has acted
        (RUN, LIVE, Standing("1.1.0", V.FAILED, "broke", True), 2, 0, "running", ""),
        (RUN, None, Standing("1.0.0", V.FAILED, "broke", True), 0, 0, "failed", "broke"),
        (Desired.STOPPED, LIVE, LIVE, 2, 0, "stopped", ""),
        (Desired.STOPPED, None, Standing("1.0.0", V.FAILED, "x"), 0, 0, "stopped", ""),
    ],
)
def test_summary(
    *,
    desired: Desired,
    live: Standing | None,
    newest: Standing,
    ready: int,
    restarts: int,
    state: str,
    error: str,
) -> None:
    told = summarise(desired, live, newest, workers=2, ready=ready, restarts=restarts)
    assert told == (state, error)
