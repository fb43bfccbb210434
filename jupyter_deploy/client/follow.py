"""Wait for what the controller does: an operation until it ends, a start until it serves."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_deploy.client.http import unreachable
from jupyter_deploy.exceptions import DEPLOY, ControllerError, ServiceError
from jupyter_deploy.types import (
    DeploymentInfo,
    DeploymentState,
    Operation,
    OperationState,
    StageReport,
)

if TYPE_CHECKING:
    from jupyter_deploy.client.http import ControllerClient

#: Seconds of one long poll. Short enough that a running stage's time moves on screen.
_WAIT = 2.0
#: Times in a row that the controller may have to be brought back before it is given up.
_REVIVALS = 3


def follow(
    controller: ControllerClient, operation: Operation, tell: Callable[[StageReport], None]
) -> Operation:
    """Report an operation's stages as they move; return it when it is done or failed.

    Parameters
    ----------
    controller
        Who runs it. When it dies on the way, the next one is started and asked: the operation
        is in the store and goes on.
    tell
        Called with every report of every stage, known ones included.

    Raises
    ------
    ControllerError
        When the controller can't be brought back.
    """
    revived = 0
    seen = operation.seq
    while True:
        for report in operation.stages:
            tell(report)
        if operation.state is not OperationState.RUNNING:
            return operation
        try:
            # events only wake us: what is true is read from the operation
            page = controller.events(after=seen, wait=_WAIT, deployment=operation.deployment)
            seen = max([seen, *(event.seq for event in page.events)])
            operation = controller.operation(operation.id)
            revived = 0
        except ControllerError as error:
            revived += 1
            if not unreachable(error) or revived > _REVIVALS:
                raise
            _revive(controller)


def settled(controller: ControllerClient, name: str, timeout: float) -> DeploymentInfo:
    """Wait while a deployment is starting; return what became of it.

    Parameters
    ----------
    timeout
        Seconds; afterwards it is returned as it is.

    Raises
    ------
    ServiceError
        When it failed.
    """
    end = time.monotonic() + timeout
    seen = controller.info().head
    while True:
        info = controller.deployment(name).deployment
        if info.state is DeploymentState.FAILED:
            raise ServiceError(f"{name!r} failed: {info.error}", f"See: {DEPLOY} logs {name}")
        left = end - time.monotonic()
        if info.state is not DeploymentState.STARTING or left < 0:
            return info
        page = controller.events(after=seen, wait=min(_WAIT, left), deployment=name)
        seen = max([seen, *(event.seq for event in page.events)])


def _revive(controller: ControllerClient) -> None:
    from jupyter_deploy.client.launch import ensure_controller

    ensure_controller(controller.paths).close()
