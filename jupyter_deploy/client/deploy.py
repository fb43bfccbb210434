"""From a model in memory to a live version: pack here, then let the controller serve it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

from jupyter_deploy.client import bentos
from jupyter_deploy.client.deployment import Deployment
from jupyter_deploy.client.follow import follow
from jupyter_deploy.client.stages import OnStage, Stages
from jupyter_deploy.config import Paths, check_name, paths
from jupyter_deploy.exceptions import (
    DEPLOY,
    DeployError,
    NotFoundError,
    Told,
    UsageError,
    from_problem,
)
from jupyter_deploy.types import OperationState, Stage

if TYPE_CHECKING:
    from jupyter_deploy.client.http import ControllerClient
    from jupyter_deploy.packaging.conversion import Choice
    from jupyter_deploy.types import Operation, VersionSpec

ENGINES = ("auto", "onnx", "native")


class DeployInterrupted(Told, KeyboardInterrupt):
    """The user interrupted a deploy; `message` and `hint` say what is left of it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self._hint = hint

    def __str__(self) -> str:
        return self.told()


def deploy(
    model: Any,
    *,
    name: str,
    sample: Any,
    engine: str = "auto",
    workers: int = 1,
    on_stage: OnStage | None = None,
) -> Deployment:
    """Pack a trained model and make it a live service.

    Parameters
    ----------
    model
        A trained scikit-learn estimator or Pipeline, an object with ``predict``, or a callable.
    name
        Name of the deployment; a second deploy of the same name replaces the first without a
        failed request.
    sample
        Rows the model can predict on (DataFrame or 2-D array), such as ``X_test``: the
        signature is learnt from them and the packed model is checked on them.
    engine
        ``auto`` (ONNX Runtime when the converted model answers the same, else native),
        ``onnx`` or ``native``.
    workers
        Worker processes, 1 to 64.
    on_stage
        Called with each report of a stage that begins, moves or ends.

    Returns
    -------
    Deployment
        Live, once its packed answers have been checked through the service.

    Raises
    ------
    UsageError
        When `name`, `engine` or `workers` can't be.
    PackagingError
        When the model or the sample can't be packed.
    ControllerError, ServiceError, GatewayError
        When the service does not come up. Its Bento is deleted, and a version that was live
        before still is; the one that failed stays listed as failed, with its log, until a
        later deploy succeeds or the deployment is removed.
    """
    check_name(name)
    choice = check_engine(engine)
    check_workers(workers)
    installation = paths()
    stages = Stages(on_stage)
    with _Launch(installation) as launch:
        try:
            spec, controller = _pack(
                model,
                sample,
                name=name,
                engine=choice,
                workers=workers,
                launch=launch,
                stages=stages,
            )
        except KeyboardInterrupt:
            raise DeployInterrupted(
                f"Deploying {name!r} was interrupted; nothing of it is left."
            ) from None
        _serve(controller, spec, stages)
    deployment = Deployment(name, installation=installation, stages=stages.reports)
    deployment.info()
    return deployment


def check_engine(engine: str) -> Choice:
    """Return `engine`, or raise UsageError when there is none of that name."""
    if engine not in ENGINES:
        raise UsageError(f"There is no engine {engine!r}.", f"Choose one of: {', '.join(ENGINES)}.")
    return cast("Choice", engine)


def check_workers(workers: int) -> int:
    """Return `workers`, or raise UsageError when it is no number from 1 to 64."""
    if not isinstance(workers, int) or not 1 <= workers <= 64:
        raise UsageError(f"{workers!r} workers can't be started.", "Give a number from 1 to 64.")
    return workers


def _pack(
    model: Any,
    sample: Any,
    *,
    name: str,
    engine: Choice,
    workers: int,
    launch: _Launch,
    stages: Stages,
) -> tuple[VersionSpec, ControllerClient]:
    with stages.running(Stage.INSPECT) as told:
        from jupyter_deploy.packaging import build, convert, inspect_model

        inspected = inspect_model(model, sample)
        inputs = inspected.signature.inputs
        told.detail = f"{type(model).__name__}, {len(inputs)} column{'s' * (len(inputs) != 1)}"
    with stages.running(Stage.CONVERT) as told:
        converted = convert(inspected, engine=engine)
        told.detail = converted.reason
    spec: VersionSpec | None = None
    try:
        with stages.running(Stage.PACKAGE) as told:
            controller = launch.result()
            # late: a number is used up only by a model that can be packed
            version = controller.reserve(name, bentos.listed(name))
            spec = build(converted, name=name, version=version)
            told.detail = spec.bento
        packed = spec.model_copy(update={"workers": workers, "stages": stages.reports})
    except BaseException:
        if spec is not None:
            bentos.discard(spec.bento)
        raise
    return packed, controller


def _serve(controller: ControllerClient, spec: VersionSpec, stages: Stages) -> None:
    """Hand the version over and wait until it is live; the Bento goes when it never will be."""
    try:
        operation = controller.add_version(spec)
    except KeyboardInterrupt:
        if _has(controller, spec):
            raise _goes_on(spec) from None
        bentos.discard(spec.bento)
        raise DeployInterrupted(
            f"Deploying {spec.name!r} was interrupted; nothing of it is left."
        ) from None
    except DeployError:
        if not _has(controller, spec):
            bentos.discard(spec.bento)
        raise
    try:
        ended = follow(controller, operation, stages.tell)
    except KeyboardInterrupt:
        raise _goes_on(spec) from None
    _check(ended, spec)


def _check(ended: Operation, spec: VersionSpec) -> None:
    if ended.state is OperationState.FAILED:
        bentos.discard(spec.bento)
        raise from_problem(ended.error or {"detail": f"{spec.bento} did not become live."})


def _goes_on(spec: VersionSpec) -> DeployInterrupted:
    return DeployInterrupted(
        f"Stopped watching; {spec.name!r} {spec.version} goes on in the controller.",
        f"See how it goes: {DEPLOY} status {spec.name}; give it up: {DEPLOY} remove {spec.name}",
    )


def _has(controller: ControllerClient, spec: VersionSpec) -> bool:
    """Whether the controller took the version, when its answer was lost."""
    from jupyter_deploy.client.launch import ensure_controller

    try:
        ensure_controller(controller.paths).close()  # it may have died of it
        detail = controller.deployment(spec.name)
    except NotFoundError:
        return False
    except DeployError:
        # unknown: a Bento too many harms less than a service without its Bento
        return True
    return any(v.spec.version == spec.version for v in detail.versions)


class _Launch:
    """Starts the controller in a thread, so that its start isn't waited for after packing."""

    def __init__(self, installation: Paths) -> None:
        self._paths = installation
        self._client: ControllerClient | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="start controller", daemon=True)

    def _run(self) -> None:
        try:
            from jupyter_deploy.client.launch import ensure_controller

            self._client = ensure_controller(self._paths)
        except BaseException as error:  # noqa: BLE001  raised again by result()
            self._error = error

    def result(self) -> ControllerClient:
        """Return the client; wait for it, or raise what its start raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._client is not None  # noqa: S101  one of the two is set when the thread ends
        return self._client

    def __enter__(self) -> _Launch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._thread.join()
        if self._client is not None:
            self._client.close()
