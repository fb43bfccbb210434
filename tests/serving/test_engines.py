"""Loaded models answer as the trained ones do, in the user's types."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.serving.engines import Outputs
from jupyter_deploy.serving.engines.onnx import OnnxModel
from jupyter_deploy.serving.http.encode import Encoder
from jupyter_deploy.serving.problems import InvalidInput, ModelFailed
from jupyter_deploy.serving.runtime import Runtime
from jupyter_deploy.serving.signature import Output
from tests.models import forest, ridge
from tests.packaging import onnx_graphs
from tests.serving.packs import (
    column,
    forest_onnx,
    mixed,
    mixed_native,
    mixed_onnx,
    native,
    pack,
    ridge_onnx,
    signature,
)


def answer(runtime: Runtime, rows: Any) -> Any:
    body, count = runtime.predict(json.dumps(rows).encode())
    assert count == len(rows)
    return json.loads(body)


def loaded(folder: Path, packed: tuple[Any, bytes, Any], engine: str) -> Runtime:
    sig, model, rows = packed
    runtime = Runtime(pack(folder, sig, model, rows[:1], engine))
    assert not runtime.ready
    runtime.load()
    assert runtime.ready
    return runtime


def test_onnx_classifier_on_one_matrix(tmp_path: Path) -> None:
    model, x = forest()
    runtime = loaded(tmp_path, forest_onnx(), "onnxruntime")
    rows = x.head(20)
    got = answer(runtime, rows.to_dict("records"))
    assert got["predictions"] == model.predict(rows).tolist()
    assert got["classes"] == model.classes_.tolist()
    # one tree of a hundred may answer otherwise where float32 crosses its threshold
    np.testing.assert_allclose(got["probabilities"], model.predict_proba(rows), atol=0.011)
    assert runtime.inline


def test_onnx_regressor_is_flat(tmp_path: Path) -> None:
    model, x = ridge()
    got = answer(loaded(tmp_path, ridge_onnx(), "onnxruntime"), x[:20].tolist())
    assert list(got) == ["predictions"]
    np.testing.assert_allclose(got["predictions"], model.predict(x[:20]), rtol=1e-4)


@pytest.mark.parametrize("engine", ["onnxruntime", "native"])
def test_columns_of_every_kind(tmp_path: Path, engine: str) -> None:
    model, x = mixed()
    packed = mixed_onnx() if engine == "onnxruntime" else mixed_native()
    runtime = loaded(tmp_path, packed, engine)
    got = answer(runtime, packed[2])
    assert got["predictions"] == model.predict(x.head(20)).tolist()
    assert set(map(type, got["predictions"])) == {bool}
    assert got["classes"] == [False, True]
    np.testing.assert_allclose(got["probabilities"], model.predict_proba(x.head(20)), rtol=1e-3)
    # what the sample didn't hold is a category of its own
    unseen = {**packed[2][1], "city": "Lima"}
    frame = x.iloc[[1]].assign(city="Lima")
    expected = model.predict_proba(frame)
    np.testing.assert_allclose(answer(runtime, [unseen])["probabilities"], expected, rtol=1e-3)


def test_native_gets_the_frame_it_was_trained_on(tmp_path: Path) -> None:
    seen: list[str] = []

    def model(frame: pd.DataFrame) -> Any:
        types = [f"{name}={dtype}" for name, dtype in frame.dtypes.items()]
        return [" ".join(types)] * len(frame)

    del seen
    sig = signature(
        column("a", "float32"),
        column("b", "int8"),
        column("c", "category", categories=("x",)),
        column("d", "bool"),
        column("e", "Int64", nullable=True),
        column("f", "boolean", nullable=True),
        column("g", "str"),
        column("h", "object", kind="string", nullable=True),
    )
    row = [1.5, 2, "y", True, None, None, "s", None]
    runtime = loaded(tmp_path, (sig, native(model), [row]), "native")
    [got] = answer(runtime, [row])["predictions"]
    assert got == "a=float32 b=int8 c=category d=bool e=Int64 f=boolean g=str h=object"
    assert not runtime.inline


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "bool"])
def test_native_gets_the_array_it_was_trained_on(tmp_path: Path, dtype: str) -> None:
    def model(array: Any) -> Any:
        return [f"{array.dtype} {array.shape} {array.flags.c_contiguous}"] * len(array)

    sig = signature(column("x0", dtype), column("x1", dtype), layout="array")
    rows = [[True, False]] * 3 if dtype == "bool" else [[1, 2]] * 3
    runtime = loaded(tmp_path, (sig, native(model), rows), "native")
    assert answer(runtime, rows)["predictions"] == [f"{dtype} (3, 2) True"] * 3
    if dtype == "uint8":
        with pytest.raises(InvalidInput, match="from 0 to 255"):
            answer(runtime, [[256, 0]])


def test_a_float_frame_arrives_as_one(tmp_path: Path) -> None:
    def model(frame: pd.DataFrame) -> Any:
        return (frame["a"] - frame["b"]).to_numpy()

    sig = signature(column("a"), column("b", nullable=True))
    runtime = loaded(tmp_path, (sig, native(model), [[3, 1]]), "native")
    got = answer(runtime, [{"b": 1, "a": 3.5}, {"a": 1, "b": None}])
    assert got == {"predictions": [2.5, None]}


def test_labels_keep_their_types(tmp_path: Path) -> None:
    for i, (classes, returned) in enumerate(
        [
            ((0, 1), np.array([1, 0], dtype=np.int32)),
            ((0.0, 1.0), np.array([1.0, 0.0])),
            ((False, True), np.array([True, False])),
            (("no", "yes"), np.array(["yes", "no"])),
        ]
    ):

        class Model:
            def __init__(self, labels: Any) -> None:
                self.labels = labels

            def predict(self, array: Any) -> Any:
                return self.labels[: len(array)]

            def predict_proba(self, array: Any) -> Any:
                return np.full((len(array), 2), 0.5)

        sig = signature(column("x0"), layout="array", classes=classes)
        packed = (sig, native(Model(returned)), [[1.0]])
        got = answer(loaded(tmp_path / str(i), packed, "native"), [[1], [2]])
        assert got["predictions"] == [classes[1], classes[0]]
        assert [type(v) for v in got["predictions"]] == [type(c) for c in classes]
        assert got["classes"] == list(classes)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: 1 / 0,
        lambda x: sys.exit(3),
        lambda x: [1, 2, 3][: len(x) - 1],
        lambda x: 5,
        lambda x: [object()] * len(x),
    ],
)
def test_a_model_that_fails_on_a_request(tmp_path: Path, model: Any) -> None:
    def sometimes(array: Any) -> Any:
        return model(array) if array[0, 0] < 0 else array[:, 0]

    sig = signature(column("x0"), layout="array")
    runtime = loaded(tmp_path, (sig, native(sometimes), [[1.0]]), "native")
    assert answer(runtime, [[2]]) == {"predictions": [2.0]}
    with pytest.raises(ModelFailed) as caught:
        answer(runtime, [[-1]])
    assert caught.value.__cause__ is not None


def test_a_changed_file_is_not_loaded(tmp_path: Path) -> None:
    sig, model, rows = ridge_onnx()
    folder = pack(tmp_path, sig, model, rows[:1])
    (folder / "model.onnx").write_bytes(model[:-1])
    with pytest.raises(ValueError, match="not the file that was packed"):
        Runtime(folder).load()


def test_a_newer_manifest_is_refused(tmp_path: Path) -> None:
    sig, model, rows = ridge_onnx()
    folder = pack(tmp_path, sig, model, rows[:1])
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema_version": 99}))
    with pytest.raises(ValueError, match="schema version 99"):
        Runtime(folder)


def test_a_manifest_of_the_first_packages_is_read(tmp_path: Path) -> None:
    sig, model, rows = ridge_onnx()
    folder = pack(tmp_path, sig, model, rows[:1])
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["package_version"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert Runtime(folder).packed.package_version == "unknown"


def test_a_model_that_does_not_match_its_signature(tmp_path: Path) -> None:
    _, model, rows = ridge_onnx()
    sig = signature(column("x0"), column("x1"), layout="array")
    with pytest.raises(ValueError, match="signature has 2 columns"):
        Runtime(pack(tmp_path, sig, model, rows[:1])).load()


def test_arrays_of_the_right_type_are_not_copied() -> None:
    pixels = np.random.default_rng(0).normal(size=(5, 2, 4, 4)).astype(np.float32)
    sig = signature(column("image", "float32", shape=(2, 4, 4)), layout="tensors")
    model = OnnxModel(onnx_graphs.images().SerializeToString(), sig)
    (batch,) = model.assemble_arrays([pixels])
    assert np.shares_memory(batch, pixels)
    (again,) = model.assemble([pixels.tolist()])
    np.testing.assert_array_equal(again, batch)
    (wide,) = model.assemble_arrays([pixels.astype(np.float64)])
    assert wide.dtype == np.float32


def test_arrays_become_the_matrix_or_a_tensor_a_column() -> None:
    x = np.arange(12, dtype=np.float64).reshape(4, 3)
    sig = signature(*(column(f"x{i}") for i in range(3)), layout="array")
    model = OnnxModel(onnx_graphs.doubled().SerializeToString(), sig)
    matrix = model.assemble_arrays([x[:, 0], x[:, 1:2], x[:, 2]])
    assert (matrix.dtype, matrix.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(model.run(matrix).predictions, 2 * x)

    two = signature(column("v", "float32"), column("u", "float32"))
    by_name = OnnxModel(onnx_graphs.columns().SerializeToString(), two)
    narrow = x[:, 0].astype(np.float32)
    batch = by_name.assemble_arrays([narrow, x[:, 1].astype(np.float32)])
    assert [a.shape for a in batch] == [(4, 1), (4, 1)]
    assert np.shares_memory(batch[0], narrow)
    # u - v
    np.testing.assert_array_equal(by_name.run(batch).predictions, [1, 1, 1, 1])


def test_a_graph_that_answers_for_other_rows_than_it_was_asked(tmp_path: Path) -> None:
    # the first row's answer for the whole batch
    first = onnx_graphs.graph(
        [onnx_graphs.node("Gather", "x zero", "y", axis=0)],
        [onnx_graphs.tensor("x")],
        [onnx_graphs.tensor("y", shape=(1, 3))],
        weights={"zero": np.array([0])},
    )
    sig = signature(*(column(name) for name in "abc"), layout="array")
    sig = replace(sig, outputs=(Output("predictions", "float32", (-1, 3)),))
    runtime = loaded(tmp_path, (sig, first.SerializeToString(), [[1.0, 2.0, 3.0]]), "onnxruntime")
    assert answer(runtime, [[4.0, 5.0, 6.0]])["predictions"] == [[4.0, 5.0, 6.0]]
    with pytest.raises(ModelFailed) as failed:
        answer(runtime, [[4.0, 5.0, 6.0]] * 2)
    assert "answers for 2 rows" in str(failed.value.__cause__)


def test_lists_of_several_lengths_are_named_by_row() -> None:
    made = onnx_graphs.identity(shape=("rows", "a", "b")).SerializeToString()
    model = OnnxModel(made, signature(column("x", shape=(2, 2)), layout="tensors"))
    square = [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(InvalidInput, match="row 1"):
        model.assemble([[square, [[1.0], [2.0]]]])
    with pytest.raises(InvalidInput, match="arrays of several lengths"):
        model.assemble([[square, [[1.0], [2.0, 3.0]]]])


def test_further_outputs_and_classes_of_several_targets_are_written_by_name() -> None:
    sig = signature(column("x0"), layout="array")
    several = [
        Output(f"probabilities_{k}", "float64", (-1, 2), classes)
        for k, classes in enumerate([("no", "yes"), (0, 1)])
    ]
    encoder = Encoder(replace(sig, outputs=(*sig.outputs, *several)))
    proba = np.array([[0.25, 0.75], [0.5, np.nan]], order="F")
    outputs = Outputs(
        np.array([["no", 1], ["yes", 0]], dtype=object),
        None,
        {"probabilities_0": proba, "probabilities_1": proba[:, ::-1]},
    )
    assert json.loads(encoder.encode(outputs)) == {
        "predictions": [["no", 1], ["yes", 0]],
        "probabilities_0": [[0.25, 0.75], [0.5, None]],
        "probabilities_1": [[0.75, 0.25], [None, 0.5]],
        "classes": {"probabilities_0": ["no", "yes"], "probabilities_1": [0, 1]},
    }


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint64, np.bool_, np.float32])
def test_every_number_type_is_written(dtype: Any) -> None:
    encoder = Encoder(signature(column("x0"), layout="array"))
    got = json.loads(encoder.encode(Outputs(np.array([1, 0, 1], dtype=dtype))))
    assert got == {"predictions": [1, 0, 1]}
