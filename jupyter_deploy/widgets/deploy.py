"""``jupyter_deploy.deploy``: the client's deploy, which shows in a notebook how it goes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_deploy.client import deploy as client
from jupyter_deploy.commands.results import Deployed
from jupyter_deploy.widgets.live import LiveProgress

if TYPE_CHECKING:
    from jupyter_deploy.client.deployment import Deployment
    from jupyter_deploy.types import StageReport


def deploy(
    model: Any,
    *,
    name: str,
    sample: Any,
    engine: str = "auto",
    workers: int = 1,
    on_stage: Callable[[StageReport], None] | None = None,
) -> Deployment:
    progress = None
    if on_stage is None and _in_kernel():
        progress = LiveProgress(f"Deploying {type(model).__name__} as {name}", updates=True)
        on_stage = progress.stage
    deployment = client.deploy(
        model, name=name, sample=sample, engine=engine, workers=workers, on_stage=on_stage
    )
    if progress is not None:
        detail = deployment.status()
        progress.finish(Deployed(deployment, detail, deployment.key_header, deployment.stages))
    return deployment


deploy.__doc__ = client.deploy.__doc__


def _in_kernel() -> bool:
    """Whether outputs are shown by a notebook, which can update them."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")
