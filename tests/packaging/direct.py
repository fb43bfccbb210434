"""A packed model's files read, run and answered by the runtime, without a Bento around them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np

from jupyter_deploy.packaging.conversion import Converted
from jupyter_deploy.packaging.golden import golden
from jupyter_deploy.serving.engines import load
from jupyter_deploy.serving.http.encode import Encoder
from jupyter_deploy.serving.inputs.decode import Decoder
from jupyter_deploy.serving.packed import Packed
from jupyter_deploy.types import Golden


def packed(converted: Converted, folder: Path) -> Packed:
    """Write the model and its hooks as a Bento has them."""
    inspected = converted.inspected
    model = folder / "model"
    model.write_bytes(converted.onnx or cloudpickle.dumps(inspected.model))
    hooks = None
    if inspected.hooks is not None:
        hooks = folder / "hooks.pkl"
        hooks.write_bytes(cloudpickle.dumps(inspected.hooks.content()))
    return Packed(
        name="m",
        version="1.0.0",
        engine="native" if converted.onnx is None else "onnxruntime",
        model=model,
        sha256=hashlib.sha256(model.read_bytes()).hexdigest(),
        warmup=[],
        signature=converted.signature,
        package_version="0",
        model_signature=inspected.model_signature if hooks else converted.signature,
        hooks=hooks,
        hooks_sha256=hashlib.sha256(hooks.read_bytes()).hexdigest() if hooks else "",
    )


def answer(found: Packed, request: Any) -> dict[str, Any]:
    """Answer the body of a ``/predict`` request."""
    engine = load(found)
    batch, _ = Decoder(engine, found.signature).decode(json.dumps(request).encode())
    document: dict[str, Any] = json.loads(Encoder(found.signature).encode(engine.run(batch)))
    return document


def check_golden(converted: Converted, folder: Path) -> Golden:
    """Replay the golden request of a model that has one."""
    (request,) = golden(converted)
    json.dumps(request.model_dump(mode="json"), allow_nan=False)
    found = answer(packed(converted, folder), request.request)
    assert set(found) == set(request.response)
    for key, expected in request.response.items():
        if _floats(expected):
            np.testing.assert_allclose(
                np.asarray(found[key], dtype=float),
                np.asarray(expected, dtype=float),
                request.rtol,
                request.atol,
            )
        else:
            assert found[key] == expected
            assert str(found[key]) == str(expected)  # 1, 1.0 and true are different labels
    return request


def _floats(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_floats, value))
    return isinstance(value, float)
