"""Do a command: Command → Result. Faces parse and show, nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_deploy._version import __version__
from jupyter_deploy.commands import nouns, results
from jupyter_deploy.commands.nouns import Face
from jupyter_deploy.commands.results import Result
from jupyter_deploy.commands.suggest import did_you_mean
from jupyter_deploy.exceptions import DEPLOY, NotFoundError, ServiceError, UsageError

if TYPE_CHECKING:
    from jupyter_deploy.client.http import ControllerClient
    from jupyter_deploy.types import DeploymentInfo, StageReport

#: Seconds between two looks at a log that is followed.
_LOG_PAUSE = 0.5
#: Seconds of one long poll while services come up.
_UP_WAIT = 2.0
#: Seconds between two looks at an endpoint that is about to answer.
_HEALTH_WAIT = 0.1


class Session(Protocol):
    """What a face offers to the commands: operands, and a place for progress."""

    @property
    def face(self) -> Face:
        """Where the command was written."""
        ...

    def model(self, operand: str) -> Any:
        """Return the model that an operand names."""
        ...

    def function(self, operand: str) -> Any:
        """Return the function that an operand names."""
        ...

    def sample(self, operand: str) -> Any:
        """Return the sample that an operand names."""
        ...

    def rows(self, operand: str) -> Any:
        """Return the rows to predict on."""
        ...

    def stage(self, report: StageReport) -> None:
        """Show a stage of a deploy."""
        ...

    def say(self, line: str) -> None:
        """Show a line of progress."""
        ...

    def confirm(self, question: str) -> bool:
        """Ask the user; True where nobody can be asked and none needs to be."""
        ...


def run(command: nouns.Command, session: Session) -> Result:
    """Do a command and return what it answers.

    Raises
    ------
    DeployError
        When it can't be done.
    """
    return _DO[type(command)](command, session)


def _deploy(command: nouns.Deploy, session: Session) -> Result:
    model = session.model(command.model)
    sample = session.sample(command.sample)
    preprocess = _function("--preprocess", command.preprocess, session)
    postprocess = _function("--postprocess", command.postprocess, session)
    from jupyter_deploy.client.deploy import deploy

    deployment = deploy(
        model,
        name=command.name,
        sample=sample,
        engine=command.engine,
        workers=command.workers,
        preprocess=preprocess,
        postprocess=postprocess,
        validate=command.validate,
        max_rows=command.max_rows,
        breaking=command.breaking,
        version=command.version,
        on_stage=session.stage,
    )
    return results.Deployed(
        deployment,
        deployment.status(),
        deployment.key_header,
        deployment.stages,
        session.face,
    )


def _function(option: str, operand: str | None, session: Session) -> Any:
    if operand is None:
        return None
    found = session.function(operand)
    if not callable(found):
        raise UsageError(
            f"{option}: {operand!r} is no function but a {type(found).__name__}.",
            "Name a function that takes rows, or predictions, and returns one value a row.",
        )
    return found


def _status(command: nouns.Status, session: Session) -> Result:
    with _controller() as controller:
        if command.name is None:
            return results.Overview(controller.info(), controller.deployments())
        with _named(controller, command.name):
            return results.Detail(controller.deployment(command.name))


def _list(command: nouns.List, session: Session) -> Result:
    with _controller() as controller:
        return results.Listing(controller.deployments())


def _signature(command: nouns.Signature, session: Session) -> Result:
    from jupyter_deploy.client.deployment import live_version
    from jupyter_deploy.client.signature import VersionSignature

    with _controller() as controller, _named(controller, command.name):
        detail = controller.deployment(command.name)
    if command.version is None:
        return results.Shown(VersionSignature.of(live_version(detail).spec))
    specs = {info.spec.version: info.spec for info in detail.versions}
    if command.version not in specs:
        raise NotFoundError(
            f"{command.name!r} has no version {command.version}.",
            did_you_mean(command.version, specs) or f"There are: {', '.join(specs)}.",
        )
    return results.Shown(VersionSignature.of(specs[command.version]))


def _predict(command: nouns.Predict, session: Session) -> Result:
    from jupyter_deploy.client.deployment import Deployment

    data = session.rows(command.data)
    with _controller() as controller, _named(controller, command.name):
        controller.deployment(command.name)
    deployment = Deployment(command.name)
    answer, value = deployment.answer_and_value(data, proba=command.proba)
    return results.Predictions(answer, value, command.proba)


def _logs(command: nouns.Logs, session: Session) -> Result:
    if command.follow and command.json:
        raise UsageError("--follow and --json don't go together.", "Leave one of them out.")
    with _controller() as controller, _named(controller, command.name):
        page = controller.logs(command.name, version=command.version, tail=command.tail)
    return results.LogLines(page, _more(command, page.position) if command.follow else None)


def _more(command: nouns.Logs, position: int) -> Iterator[str]:
    with _controller() as controller:
        while True:
            page = controller.logs(command.name, version=command.version, after=position)
            yield from page.lines
            position = page.position
            if not page.lines:
                time.sleep(_LOG_PAUSE)


def _stop(command: nouns.Stop, session: Session) -> Result:
    with _controller() as controller, _named(controller, command.name):
        return results.Changed(controller.set_running(command.name, False))


def _start(command: nouns.Start, session: Session) -> Result:
    from jupyter_deploy.client.deployment import Deployment

    with _controller() as controller, _named(controller, command.name):
        controller.deployment(command.name)
    return results.Changed(Deployment(command.name).start())


def _remove(command: nouns.Remove, session: Session) -> Result:
    from jupyter_deploy.client.bentos import listed

    with _controller() as controller, _named(controller, command.name):
        info = controller.deployment(command.name).deployment
        question = f"Stop {command.name} ({info.state.value}) and forget it?"
        if not command.yes and not session.confirm(question):
            return results.Removed(command.name, removed=False)
        controller.remove(command.name)
    return results.Removed(command.name, bentos=bool(listed(command.name)))


def _up(command: nouns.Up, session: Session) -> Result:
    from jupyter_deploy.client.launch import ensure_controller
    from jupyter_deploy.config import paths

    end = time.monotonic() + command.timeout
    with ensure_controller(paths(), replace_older=True) as controller:
        told: dict[str, str] = {}
        while True:
            # read first: an event after this number wakes the next wait
            info = controller.info()
            deployments = controller.deployments()
            moving = [d for d in deployments if not _settled(d)]
            # what a controller that has just come up tells may be of before the fall
            silent = [d for d in deployments if _complete(d) and not _serves(d.name)]
            _tell([d for d in deployments if d not in silent], told, session)
            waiting = moving + silent
            if not waiting and (info.gateway.running or not deployments):
                break
            if time.monotonic() > end:
                names = ", ".join(d.name for d in waiting) or "the gateway"
                raise ServiceError(
                    f"Not running after {command.timeout:g} s: {names}.",
                    f"See: {DEPLOY} status, {DEPLOY} logs NAME",
                )
            controller.events(after=info.head, wait=_UP_WAIT if moving else _HEALTH_WAIT)
    # one that was never live has nothing to bring back: it stays failed, as `list` shows
    failed = [d for d in deployments if d.state.value == "failed" and d.version]
    if failed:
        raise ServiceError(
            "; ".join(f"{d.name} failed: {d.error}" for d in failed),
            f"See: {DEPLOY} logs {failed[0].name}",
        )
    return results.Raised(deployments, info.gateway.url)


def _settled(info: DeploymentInfo) -> bool:
    return info.state.value in ("stopped", "failed") or _complete(info)


def _complete(info: DeploymentInfo) -> bool:
    """Whether all that should run does: also where the newest version failed and another serves."""
    state = info.state.value
    return state == "running" or (state == "degraded" and info.ready == info.workers)


def _serves(name: str) -> bool:
    from jupyter_deploy.client.deployment import Deployment

    return Deployment(name).serves()


def _tell(deployments: list[DeploymentInfo], told: dict[str, str], session: Session) -> None:
    from jupyter_deploy.commands.texts import line

    for info in deployments:
        if told.get(info.name) != line(info):
            told[info.name] = line(info)
            session.say(line(info))


def _down(command: nouns.Down, session: Session) -> Result:
    from jupyter_deploy.client.launch import end_controller, ensure_controller, something_runs
    from jupyter_deploy.config import paths

    installation = paths()
    if not something_runs(installation):
        return results.Lowered(was_running=False)
    # services whose controller died are stopped by the next one, which adopts them first
    ensure_controller(installation, replace_older=True).close()
    end_controller(installation, services=True)
    return results.Lowered(was_running=True)


def _help(command: nouns.Help, session: Session) -> Result:
    return results.Said(command.text)


def _version(command: nouns.Version, session: Session) -> Result:
    return results.Said(__version__)


@contextmanager
def _controller() -> Iterator[ControllerClient]:
    from jupyter_deploy.client.launch import ensure_controller
    from jupyter_deploy.config import paths

    with ensure_controller(paths()) as controller:
        yield controller


@contextmanager
def _named(controller: ControllerClient, name: str) -> Iterator[None]:
    """Add to "there is no such deployment" which one was probably meant."""
    try:
        yield
    except NotFoundError as error:
        known = [info.name for info in controller.deployments()]
        if name in known:
            raise
        hint = did_you_mean(name, known) or (
            f"There are: {', '.join(known)}." if known else "There are no deployments yet."
        )
        raise NotFoundError(error.message, hint, **error.detail) from None


_DO: dict[type[nouns.Command], Callable[[Any, Session], Result]] = {
    nouns.Deploy: _deploy,
    nouns.Status: _status,
    nouns.List: _list,
    nouns.Signature: _signature,
    nouns.Predict: _predict,
    nouns.Logs: _logs,
    nouns.Stop: _stop,
    nouns.Start: _start,
    nouns.Remove: _remove,
    nouns.Up: _up,
    nouns.Down: _down,
    nouns.Help: _help,
    nouns.Version: _version,
}
