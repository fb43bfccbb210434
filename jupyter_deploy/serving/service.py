"""A Bento's entry, and the only file that leans on BentoML's internals.

It needs of BentoML that ``bentoml.service`` takes a ``service_class``, and that this class has a
method ``to_asgi(self, is_main=True)`` which returns the whole ASGI application. Known to hold
for 1.4.39. Should that change, the model is served by BentoML alone: slower, and a warning says so.
"""

from __future__ import annotations

import inspect
import logging
import os
from pathlib import Path
from typing import Any

import bentoml

from .http import dialect
from .runtime import Runtime

logger = logging.getLogger("bentoml.model_runtime")

#: The release whose internals were looked at.
KNOWN_GOOD = "1.4.39"


def build_service(folder: Path, module: str) -> bentoml.Service[Any]:
    """Make the BentoML service of a packed model; the model itself is loaded by a worker's start.

    Parameters
    ----------
    folder
        Folder with ``manifest.json`` and the model.
    module
        ``__name__`` of the calling module, which must hold the service in a variable:
        BentoML finds it again by that.

    Returns
    -------
    bentoml.Service
        Named as the deployment.
    """
    runtime = Runtime(folder)
    inner = _describe(runtime)
    name = runtime.packed.name
    try:
        service = bentoml.service(name=name, service_class=_lane_class(runtime))(inner)
    except (TypeError, AttributeError) as error:
        logger.warning(
            "BentoML %s is not built as %s is (%s): served without the lane, about twenty times "
            "slower. Install bentoml==%s.",
            bentoml.__version__,
            KNOWN_GOOD,
            error,
            KNOWN_GOOD,
        )
        service = bentoml.service(name=name)(inner)
    object.__setattr__(service, "_caller_module", module)
    return service


def _describe(runtime: Runtime) -> type[Any]:
    """The service as BentoML documents it; also what answers when the lane is not there."""

    class Model:
        def __init__(self) -> None:
            runtime.load()

        def predict(self, rows, /):  # type: ignore[no-untyped-def]
            """Predict a batch of rows."""
            import orjson

            return orjson.loads(runtime.answer(rows))

        # its types are the model's, known only now; BentoML's schema and clients go by them
        predict.__annotations__ |= dialect.types_of(runtime.packed)
        predict = bentoml.api(predict)

        def __is_ready__(self) -> bool:
            return runtime.ready

    Model.__doc__ = f"{runtime.packed.name} {runtime.packed.version}, packed by jupyter_deploy."
    return Model


def _lane_class(runtime: Runtime) -> type[Any]:
    """BentoML's Service with the lane in front of its application.

    Raises
    ------
    TypeError
        When BentoML's Service is not as this file knows it.
    """
    base: Any = bentoml.Service
    parameters = list(inspect.signature(base.to_asgi).parameters)
    if parameters != ["self", "is_main"]:
        raise TypeError(f"Service.to_asgi takes {parameters}")

    class LaneService(base):  # type: ignore[misc]
        __slots__ = ()

        def to_asgi(self, is_main: bool = True) -> Any:
            from .http.fallthrough import LazyApp
            from .http.lane import Lane, Limits
            from .http.metrics import Metrics

            plain = super().to_asgi
            packed = runtime.packed
            limits = Limits(
                body=int(os.environ.get("JUPYTER_DEPLOY_MAX_BODY", Limits.body)),
                in_flight=int(os.environ.get("JUPYTER_DEPLOY_MAX_IN_FLIGHT", Limits.in_flight)),
            )
            metrics = Metrics(packed.name, packed.version, _bentoml_buckets())
            return Lane(runtime, LazyApp(lambda: plain(is_main=is_main)), metrics, limits)

    return LaneService


def _bentoml_buckets() -> Any:
    """Buckets of BentoML's own histogram, so that its series and ours add up."""
    from .http.metrics import BUCKETS

    try:
        from bentoml._internal.configuration.containers import BentoMLContainer

        return BentoMLContainer.duration_buckets.get()
    except (ImportError, AttributeError):
        return BUCKETS
