"""Follow an operation of the controller until it ends, through a restart of the controller too."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_deploy.client.http import unreachable
from jupyter_deploy.exceptions import ControllerError
from jupyter_deploy.types import Operation, OperationState, StageReport

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


def _revive(controller: ControllerClient) -> None:
    from jupyter_deploy.client.launch import ensure_controller

    ensure_controller(controller.paths).close()
