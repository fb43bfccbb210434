"""The first half of a deploy: what runs where the model is, and ends in a Bento with a number."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_deploy.client import bentos
from jupyter_deploy.client.stages import Stages
from jupyter_deploy.config import Paths
from jupyter_deploy.types import ReservationRequest, Stage

if TYPE_CHECKING:
    from jupyter_deploy.client.http import ControllerClient
    from jupyter_deploy.packaging.conversion import Choice
    from jupyter_deploy.packaging.inspection import Inspected
    from jupyter_deploy.serving.signature import Signature
    from jupyter_deploy.types import Compatibility, VersionSpec


@dataclass(frozen=True)
class Order:
    """What was asked for, beside model and sample.

    Attributes
    ----------
    inspection
        Options of :func:`jupyter_deploy.packaging.inspect_model`.
    breaking, version
        As in :class:`~jupyter_deploy.types.ReservationRequest`.
    """

    name: str
    engine: Choice
    workers: int
    inspection: Mapping[str, Any]
    breaking: bool
    version: str | None

    def reservation(self, signature: Signature) -> ReservationRequest:
        """Return what the controller is asked for a version of that signature."""
        return ReservationRequest(
            taken=bentos.listed(self.name),
            signature=signature.to_json(),
            breaking=self.breaking,
            version=self.version,
        )


def pack(
    model: Any, sample: Any, order: Order, launch: Launch, stages: Stages
) -> tuple[VersionSpec, ControllerClient]:
    """Inspect, convert and package; whatever ends it before leaves no Bento.

    Raises
    ------
    PackagingError
        When the model or the sample can't be packed.
    SignatureChangedError, ConflictError
        When the controller gives no number for it.
    ControllerError
        When the controller does not come up.
    """
    with stages.running(Stage.INSPECT) as told:
        from jupyter_deploy.packaging import build, convert, inspect_model

        inspected = inspect_model(model, sample, **order.inspection)
        told.detail = _found(model, inspected)
        # before the conversion, which may take long; where no version was ever packed there is
        # nothing to compare with, and the start of the controller isn't waited for
        if bentos.listed(order.name):
            asked = order.reservation(inspected.signature)
            told.detail += _compared(launch.result().compare(order.name, asked))
    with stages.running(Stage.CONVERT) as told:
        converted = convert(inspected, engine=order.engine)
        told.detail = converted.reason
    spec: VersionSpec | None = None
    try:
        with stages.running(Stage.PACKAGE) as told:
            controller = launch.result()
            # late: a number is used up only by a model that can be packed
            asked = order.reservation(converted.signature)
            version = controller.reserve(order.name, asked)
            seconds = {report.stage.value: report.seconds for report in stages.reports[:-1]}
            spec = build(converted, name=order.name, version=version, seconds=seconds)
            # a missing lock is no failure, but nothing to find out about later
            told.detail = ". ".join(filter(None, [spec.bento, spec.provenance.lock.rstrip(".")]))
        packed = spec.model_copy(update={"workers": order.workers, "stages": stages.reports})
    except BaseException:
        if spec is not None:
            bentos.discard(spec)
        raise
    return packed, controller


def _found(model: Any, inspected: Inspected) -> str:
    inputs = inspected.signature.inputs
    found = f"{kind_of(model)}, {len(inputs)} column{'s' * (len(inputs) != 1)}"
    return ". ".join([found, *(note.rstrip(".") for note in inspected.notes)])


def kind_of(model: Any) -> str:
    """Return what a model is called in a line: its type, or the file it is in."""
    return Path(model).name if isinstance(model, str | Path) else type(model).__name__


def _compared(found: Compatibility) -> str:
    if found.against is None:
        return ""
    count = len(found.differences)
    if not count:
        return f"; callers of {found.against} need not change"
    return f"; breaking: {count} difference{'s' * (count != 1)} from {found.against}"


class Launch:
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

    def __enter__(self) -> Launch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._thread.join()
        if self._client is not None:
            self._client.close()
