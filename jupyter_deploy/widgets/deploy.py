"""``jupyter_deploy.deploy``: the client's deploy, which shows in a notebook how it goes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_deploy.client import deploy as client
from jupyter_deploy.client.packing import kind_of
from jupyter_deploy.commands.nouns import PROGRAM
from jupyter_deploy.commands.results import Deployed
from jupyter_deploy.exceptions import DeployError
from jupyter_deploy.widgets import formats
from jupyter_deploy.widgets.live import LiveProgress

if TYPE_CHECKING:
    from jupyter_deploy.client.deployment import Deployment
    from jupyter_deploy.packaging.policies import Validate
    from jupyter_deploy.types import StageReport


def deploy(
    model: Any,
    *,
    name: str,
    sample: Any,
    engine: str = "auto",
    workers: int = 1,
    preprocess: Callable[[Any], Any] | None = None,
    postprocess: Callable[..., Any] | None = None,
    validate: Validate | None = None,
    max_rows: int | None = None,
    breaking: bool = False,
    version: str | None = None,
    on_stage: Callable[[StageReport], None] | None = None,
) -> Deployment:
    shell = _shell()
    progress = None
    if on_stage is None and hasattr(shell, "kernel"):
        formats.register(shell)
        progress = LiveProgress(f"Deploying {kind_of(model)} as {name}", updates=True)
        on_stage = progress.stage
    try:
        deployment = client.deploy(
            model,
            name=name,
            sample=sample,
            engine=engine,
            workers=workers,
            preprocess=preprocess,
            postprocess=postprocess,
            validate=validate,
            max_rows=max_rows,
            breaking=breaking,
            version=version,
            on_stage=on_stage,
        )
    except (DeployError, client.DeployInterrupted) as error:
        if _has_magic(shell):
            error.program = PROGRAM["magic"]
        raise
    if progress is not None:
        detail = deployment.status()
        progress.finish(Deployed(deployment, detail, deployment.key_header, deployment.stages))
    return deployment


deploy.__doc__ = client.deploy.__doc__


def _shell() -> Any:
    """Return IPython's shell, whose outputs a notebook shows and can update; None without."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _has_magic(shell: Any) -> bool:
    return shell is not None and "deploy" in shell.magics_manager.magics["line"]
