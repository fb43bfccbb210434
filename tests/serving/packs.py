"""Packed models made by hand, as the serving tests need them: files in a folder, or a Bento."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import (
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import jupyter_deploy.serving
from jupyter_deploy.serving.signature import Column, Output, Signature
from jupyter_deploy.serving.template import SERVICE_SOURCE
from tests.models import forest, ridge

NAME = "churn"
VERSION = "1.2.0"
PACKAGE_VERSION = "0.9.1"


def column(name: str, dtype: str = "float64", **more: Any) -> Column:
    """A column of the kind that its dtype suggests."""
    kinds = {"i": "integer", "I": "integer", "u": "integer", "b": "boolean", "f": "number"}
    kind: Any = more.pop("kind", kinds.get(dtype[0], "string"))
    return Column(name, dtype, kind, **more)


def signature(
    *columns: Column, layout: Any = "dataframe", classes: tuple[Any, ...] | None = None
) -> Signature:
    """A signature with these columns; a classifier's when there are classes."""
    outputs = [Output("predictions", "float64", (-1,))]
    if classes is not None:
        kind = np.array(classes).dtype
        outputs = [
            Output("predictions", "object" if kind.kind == "U" else kind.name, (-1,)),
            Output("probabilities", "float64", (-1, len(classes))),
        ]
    task: Any = "regression" if classes is None else "classification"
    return Signature(layout, task, columns, tuple(outputs), classes, {})


def pack(  # noqa: PLR0917
    folder: Path,
    sig: Signature,
    model: bytes,
    warmup: Any,
    engine: str = "onnxruntime",
    version: str = VERSION,
) -> Path:
    """Write a model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = "model.onnx" if engine == "onnxruntime" else "model.pkl"
    (folder / file).write_bytes(model)
    (folder / "signature.json").write_text(json.dumps(sig.to_json()))
    manifest = {
        "schema_version": 1,
        "name": NAME,
        "version": version,
        "package_version": PACKAGE_VERSION,
        "engine": engine,
        "engine_reason": "a test",
        "file": file,
        "sha256": hashlib.sha256(model).hexdigest(),
        "warmup": warmup,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def project(folder: Path) -> Path:
    """Put the service and the runtime next to ``folder/model``, as a Bento has them."""
    runtime = Path(jupyter_deploy.serving.__file__).parent
    shutil.copytree(runtime, folder / "model_runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "service.py").write_text(SERVICE_SOURCE)
    return folder


@cache
def forest_onnx() -> tuple[Signature, bytes, list[dict[str, Any]]]:
    """The pipeline of the figures: 30 floats, string labels."""
    model, x = forest()
    types = [("X", FloatTensorType([None, x.shape[1]]))]
    onnx = to_onnx(model, initial_types=types, options={"zipmap": False}).SerializeToString()
    sig = signature(*(column(n) for n in x.columns), classes=tuple(model.classes_.tolist()))
    return sig, onnx, x.head(20).to_dict("records")


@cache
def ridge_onnx() -> tuple[Signature, bytes, list[list[float]]]:
    """A regressor on an array."""
    model, x = ridge()
    types = [("X", FloatTensorType([None, x.shape[1]]))]
    onnx = to_onnx(model, initial_types=types).SerializeToString()
    sig = signature(*(column(f"x{i}") for i in range(x.shape[1])), layout="array")
    return sig, onnx, x[:20].tolist()


@cache
def mixed() -> tuple[Any, pd.DataFrame]:
    """Floats with nulls, integers, categories and booleans; labels are booleans."""
    rng = np.random.default_rng(7)
    n = 200
    x = pd.DataFrame(
        {
            "income": rng.normal(50, 10, n),
            "age": rng.integers(18, 90, n),
            "city": pd.Categorical(rng.choice(["Bern", "Oslo", "Rome"], n)),
            "member": rng.random(n) < 0.5,
        }
    )
    x.loc[::10, "income"] = np.nan
    y = (x["age"] > 50) ^ x["member"]
    model = make_pipeline(
        make_column_transformer(
            (SimpleImputer(), ["income"]),
            ("passthrough", ["age", "member"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ),
        LogisticRegression(max_iter=2000),
    )
    return model.fit(x, y), x


def mixed_signature() -> Signature:
    """Signature of :func:`mixed`."""
    return signature(
        column("income", nullable=True),
        column("age", "int64"),
        column("city", "category", categories=("Bern", "Oslo", "Rome")),
        column("member", "bool"),
        classes=(False, True),
    )


@cache
def mixed_onnx() -> tuple[Signature, bytes, list[dict[str, Any]]]:
    """The mixed model with one input per column."""
    model, x = mixed()
    types = [
        ("income", FloatTensorType([None, 1])),
        ("age", Int64TensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
        ("member", Int64TensorType([None, 1])),
    ]
    onnx = to_onnx(model, initial_types=types, options={"zipmap": False}).SerializeToString()
    return mixed_signature(), onnx, records(x.head(20))


@cache
def mixed_native() -> tuple[Signature, bytes, list[dict[str, Any]]]:
    """The mixed model, pickled."""
    model, x = mixed()
    return mixed_signature(), cloudpickle.dumps(model), records(x.head(20))


def records(x: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as JSON has them: null for NaN."""
    return json.loads(x.to_json(orient="records"))  # type: ignore[no-any-return]


def native(model: Any) -> bytes:
    """Pickle a model; a function of these tests by value, since a worker knows nothing of them."""
    module = sys.modules.get(getattr(model, "__module__", None) or "")
    if module is None or module.__name__.partition(".")[0] != "tests":
        return cloudpickle.dumps(model)
    cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(model)
    finally:
        cloudpickle.unregister_pickle_by_value(module)
