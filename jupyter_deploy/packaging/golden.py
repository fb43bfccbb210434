"""Golden requests: rows of the sample with the answer the packed model gave to them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.onnx_graph import run
from jupyter_deploy.packaging.parity import pick_rows
from jupyter_deploy.types import Golden

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.conversion import Converted
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.signature import Signature

ROWS = 5
#: Values in a request, at most, but for one row: rows of a tensor may be images.
VALUES = 20_000
#: The same model on the same engine: only another processor's instructions may round otherwise.
ATOL = 1e-6
RTOL = 1e-5


def golden(converted: Converted) -> list[Golden]:
    """Return one request of a few rows, spread over the sample, with its answer.

    Rows with an infinity are left out, since JSON has none; a sample of nothing else has no
    golden request, and neither has a model that answers the same rows differently each time.
    """
    source = converted.inspected.source
    rows = pick_rows(len(source), _rows(converted.signature))
    asked = source.records(rows)
    keep = [i for i, record in enumerate(asked) if all(map(_finite, record.values()))]
    if not keep:
        return []
    answer = _written(_answer(converted, source.take(rows[keep])), converted.signature)
    if not _same_twice(converted) and answer != _written(
        _answer(converted, source.take(rows[keep])), converted.signature
    ):
        return []
    return [Golden(request=[asked[i] for i in keep], response=answer, atol=ATOL, rtol=RTOL)]


def _rows(signature: Signature) -> int:
    values = sum(math.prod(max(n, 1) for n in column.shape) for column in signature.inputs)
    return max(1, min(ROWS, signature.max_rows or ROWS, VALUES // max(values, 1)))


def _same_twice(converted: Converted) -> bool:
    """Whether only ONNX runs: anything else may throw dice."""
    return converted.onnx is not None and converted.inspected.hooks is None


def _answer(converted: Converted, rows: Any) -> Outputs:
    """What clients get for rows of the sample."""
    inspected = converted.inspected
    hooks = inspected.hooks
    if hooks is not None:
        rows = hooks.before(rows)
    if converted.onnx is None:
        outputs = inspected.adapter.outputs(inspected.model, rows)
    else:
        outputs = run(converted.onnx, inspected.model_signature, rows)
    return outputs if hooks is None else hooks.after(outputs)


def _written(outputs: Outputs, signature: Signature) -> dict[str, Any]:
    """The answer's document, as the runtime writes it."""
    answer: dict[str, Any] = {"predictions": _plain(outputs.predictions)}
    if outputs.probabilities is not None:
        answer["probabilities"] = _plain(outputs.probabilities)
        answer["classes"] = list(signature.classes or ())
    answer.update({name: _plain(array) for name, array in outputs.others.items()})
    several = {o.name: list(o.classes) for o in signature.outputs if o.classes is not None}
    if several:
        answer["classes"] = several
    return answer


def _plain(array: np.ndarray[Any, Any]) -> list[Any]:
    found: list[Any] = _strict(array.tolist())
    return found


def _strict(value: Any) -> Any:
    """NaN and infinities are null."""
    if isinstance(value, list):
        return [_strict(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _finite(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_finite, value))
    return not (isinstance(value, float) and math.isinf(value))
