"""From a model in memory to a live version: pack here, then let the controller serve it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from jupyter_deploy.client import bentos
from jupyter_deploy.client.deployment import Deployment
from jupyter_deploy.client.follow import follow
from jupyter_deploy.client.packing import Launch, Order, pack
from jupyter_deploy.client.stages import OnStage, Stages
from jupyter_deploy.compatibility import check_version
from jupyter_deploy.config import check_name, paths
from jupyter_deploy.exceptions import (
    DEPLOY,
    DeployError,
    NotFoundError,
    Told,
    UsageError,
    from_problem,
)
from jupyter_deploy.types import OperationState

if TYPE_CHECKING:
    from jupyter_deploy.client.http import ControllerClient
    from jupyter_deploy.packaging.conversion import Choice
    from jupyter_deploy.packaging.policies import Validate
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
    preprocess: Callable[[Any], Any] | None = None,
    postprocess: Callable[..., Any] | None = None,
    validate: Validate | None = None,
    max_rows: int | None = None,
    breaking: bool = False,
    version: str | None = None,
    on_stage: OnStage | None = None,
) -> Deployment:
    """Pack a trained model and make it a live service.

    Parameters
    ----------
    model
        A trained model: of scikit-learn, XGBoost or LightGBM, an ONNX file or ``ModelProto``, an
        object with ``predict``, or a function.
    name
        Name of the deployment; a second deploy of the same name replaces the first without a
        failed request.
    sample
        Rows the model can predict on (a pandas or polars DataFrame, an array, a list of dicts),
        such as ``X_test``: the signature is learnt from them and the packed model is checked on
        them.
    engine
        ``auto`` (ONNX Runtime when the converted model answers the same, else native),
        ``onnx`` or ``native``.
    workers
        Worker processes, 1 to 64.
    preprocess
        Function that runs in front of the model, in the service too: takes rows of the sample's
        type, returns what ``model.predict`` takes.
    postprocess
        Function that runs behind it: takes the predictions (with a second parameter also the
        probabilities), returns one value a row.
    validate
        What is done with inputs that the sample was not like: ``{check: policy}``, and for one
        column ``{column: {check: policy}}``; the policies are ``reject``, ``coerce``, ``pass``.
    max_rows
        Rows that one request may hold; by default as many as its body may.
    breaking
        Callers have to change: take the next major version number. Without it a model whose
        signature differs from the live version's is refused.
    version
        The version number, such as ``"2.3.1"``; by default the next minor one.
    on_stage
        Called with each report of a stage that begins, moves or ends.

    Returns
    -------
    Deployment
        Live, once its packed answers have been checked through the service.

    Raises
    ------
    UsageError
        When one of the options can't be.
    PackagingError
        When the model or the sample can't be packed.
    SignatureChangedError
        When callers of the live version would have to change, and neither `breaking` nor
        `version` says so.
    ConflictError
        When `version` is not a new one.
    ControllerError, ServiceError, GatewayError
        When the service does not come up. Its Bento is deleted, and a version that was live
        before still is; the one that failed stays listed as failed, with its log, until a
        later deploy succeeds or the deployment is removed.
    """
    check_name(name)
    choice = check_engine(engine)
    check_workers(workers)
    if version is not None:
        check_version(version)
    order = Order(
        name=name,
        engine=choice,
        workers=workers,
        inspection={
            "preprocess": preprocess,
            "postprocess": postprocess,
            "validate": validate,
            "max_rows": max_rows,
        },
        breaking=breaking,
        version=version,
    )
    installation = paths()
    stages = Stages(on_stage)
    with Launch(installation) as launch:
        try:
            spec, controller = pack(model, sample, order, launch, stages)
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


def _serve(controller: ControllerClient, spec: VersionSpec, stages: Stages) -> None:
    """Hand the version over and wait until it is live; the Bento goes when it never will be."""
    try:
        operation = controller.add_version(spec)
    except KeyboardInterrupt:
        if _has(controller, spec):
            raise _goes_on(spec) from None
        bentos.discard(spec)
        raise DeployInterrupted(
            f"Deploying {spec.name!r} was interrupted; nothing of it is left."
        ) from None
    except DeployError:
        if not _has(controller, spec):
            bentos.discard(spec)
        raise
    try:
        ended = follow(controller, operation, stages.tell)
    except KeyboardInterrupt:
        raise _goes_on(spec) from None
    _check(ended, spec)


def _check(ended: Operation, spec: VersionSpec) -> None:
    if ended.state is OperationState.FAILED:
        bentos.discard(spec)
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
