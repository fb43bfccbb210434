"""Golden requests: rows of the sample with the answer the packed model gave to them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.onnx_graph import run
from jupyter_deploy.packaging.outputs import Outputs, label_types
from jupyter_deploy.packaging.parity import pick_rows
from jupyter_deploy.packaging.signature import records, take
from jupyter_deploy.types import Golden

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.conversion import Converted

ROWS = 5
#: The same model on the same engine: only another processor's instructions may round otherwise.
ATOL = 1e-6
RTOL = 1e-5


def golden(converted: Converted) -> list[Golden]:
    """Return one request of a few rows, spread over the sample, with its answer.

    Rows with an infinity are left out, since JSON has none; a sample of nothing else has no
    golden request, and neither has a model that answers the same rows differently each time.
    """
    inspected = converted.inspected
    columns = converted.signature.inputs
    rows = pick_rows(len(inspected.sample), ROWS)
    asked = records(inspected.sample, rows, columns)
    keep = [i for i, record in enumerate(asked) if _finite(record)]
    if not keep:
        return []
    sample = take(inspected.sample, rows[keep])
    classes = converted.signature.classes
    response = _response(_answer(converted, sample), classes)
    if converted.onnx is None and response != _response(_answer(converted, sample), classes):
        return []
    return [Golden(request=[asked[i] for i in keep], response=response, atol=ATOL, rtol=RTOL)]


def _answer(converted: Converted, sample: Any) -> Outputs:
    inspected = converted.inspected
    if converted.onnx is None:
        return inspected.adapter.outputs(inspected.model, sample)
    answered = run(converted.onnx, converted.signature.inputs, sample)
    restore = label_types(inspected.outputs, converted.signature.classes)
    return Outputs(restore(answered.predictions), answered.probabilities)


def _response(outputs: Outputs, classes: tuple[Any, ...] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"predictions": _plain(outputs.predictions)}
    if outputs.probabilities is not None:
        answer["probabilities"] = _plain(outputs.probabilities)
        answer["classes"] = list(classes or ())
    return answer


def _plain(array: np.ndarray[Any, Any]) -> list[Any]:
    if array.ndim == 1:
        return [_written(v) for v in array.tolist()]
    return [[_written(v) for v in row] for row in array.tolist()]


def _written(value: Any) -> Any:
    """As the runtime writes it: NaN and infinities are null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite(record: dict[str, Any]) -> bool:
    return not any(isinstance(v, float) and math.isinf(v) for v in record.values())
