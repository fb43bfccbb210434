"""ONNX graphs handed in: served as they are, or refused in words that say what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import SampleError, UnsupportedModelError, UsageError
from jupyter_deploy.packaging import inspect_model
from jupyter_deploy.packaging.adapters import TABLE
from jupyter_deploy.serving.problems import InvalidInput
from jupyter_deploy.types import Engine
from tests.packaging import onnx_graphs
from tests.packaging.onnx_graphs import graph, node, tensor
from tests.packaging.packed import answer, converted, loaded, pack
from tests.packaging.served import assert_golden, post, serve

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def classifier(*labels: Any, zipmap: bool = True) -> onnx.ModelProto:
    model = LogisticRegression().fit(X, np.array(labels)[(X[:, 0] > 0).astype(int)])
    return to_onnx(model, X, options={"zipmap": zipmap})


def test_by_path_message_or_bytes(tmp_path: Path) -> None:
    made = onnx_graphs.doubled()
    path = tmp_path / "model.onnx"
    path.write_bytes(made.SerializeToString())
    for model in (str(path), path, made, made.SerializeToString()):
        found = converted(model, X)
        assert (found.engine, found.parity) == (Engine.ONNX, None)
        assert found.reason == "The model is an ONNX graph already."
        assert found.inspected.model_type == "onnx.ModelProto"
        np.testing.assert_array_equal(found.inspected.outputs.predictions, 2 * X)


def test_found_without_importing_what_another_model_needs() -> None:
    assert TABLE.find("model.onnx").name == "ONNX"
    assert TABLE.find(Path("model.onnx")).name == "ONNX"
    assert TABLE.find(onnx.ModelProto()).name == "ONNX"


def test_has_no_native_engine() -> None:
    with pytest.raises(UsageError, match="has no native engine"):
        converted(onnx_graphs.doubled(), X, "native")
    assert converted(onnx_graphs.doubled(), X, "onnx").engine is Engine.ONNX


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("labels", [("no", "yes"), (3, 7)])
def test_a_classifier_answers_labels_and_probabilities(
    paths: Paths, zipmap: bool, labels: tuple[Any, ...]
) -> None:
    found = converted(classifier(*labels, zipmap=zipmap), X)
    assert found.signature.task == "classification"
    assert found.signature.classes == labels
    got = answer(found, X[:2].tolist())
    assert set(got["predictions"]) <= set(labels)
    assert np.sum(got["probabilities"], axis=1) == pytest.approx(1)
    assert got["classes"] == list(labels)


def test_the_callers_message_is_not_changed() -> None:
    made = classifier("no", "yes")
    before = made.SerializeToString()
    converted(made, X)
    assert made.SerializeToString() == before


def test_a_regressor_is_flat() -> None:
    found = converted(to_onnx(LinearRegression().fit(X, X[:, 0]), X), X)
    assert [(o.name, o.dtype, o.shape) for o in found.signature.outputs] == [
        ("predictions", "float32", (-1,))
    ]


def test_images_by_nested_lists(paths: Paths) -> None:
    pixels = np.random.default_rng(1).normal(size=(6, 2, 4, 4)).astype(np.float32)
    for sample in (pixels, {"image": pixels}):
        found = converted(onnx_graphs.images(), sample)
        assert found.signature.layout == "tensors"
        assert [(c.name, c.shape) for c in found.signature.inputs] == [("image", (2, 4, 4))]
        assert [o.name for o in found.signature.outputs] == ["predictions", "softmax"]
    got = answer(found, [{"image": pixels[0].tolist()}, {"image": pixels[1].tolist()}])
    np.testing.assert_allclose(got["predictions"], pixels[:2].mean(axis=(2, 3)), rtol=1e-5)
    np.testing.assert_allclose(np.sum(got["softmax"], axis=1), 1, rtol=1e-5)


def test_a_batch_of_images_is_run_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand photographs at once would need more memory than a machine has."""
    pixels = np.random.default_rng(1).normal(size=(7, 2, 4, 4)).astype(np.float32)
    whole = inspect_model(onnx_graphs.images(), pixels).outputs
    monkeypatch.setattr("jupyter_deploy.packaging.onnx_graph._BATCH", 100)
    parts = inspect_model(onnx_graphs.images(), pixels).outputs
    np.testing.assert_array_equal(parts.predictions, whole.predictions)
    np.testing.assert_array_equal(parts.others["softmax"], whole.others["softmax"])


def test_several_inputs(paths: Paths) -> None:
    sample = {"features": X, "visits": np.arange(40)}
    got = answer(
        converted(onnx_graphs.wide_and_deep(), sample), {"features": [1, 2, 3.5], "visits": 7}
    )
    assert got == {"predictions": [[6.5, 6.5, 7.0]]}


@pytest.mark.parametrize("kind", ["frame", "records"])
def test_one_input_a_column_is_found_by_its_name(paths: Paths, kind: str) -> None:
    frame = pd.DataFrame({"v": X[:, 0], "u": X[:, 1]})
    sample: Any = frame if kind == "frame" else frame.to_dict("records")
    found = converted(onnx_graphs.columns(), sample)
    assert answer(found, [{"u": 5, "v": 2}]) == {"predictions": [3.0]}


@pytest.mark.parametrize(
    ("kind", "sample", "sent"),
    [
        (TensorProto.FLOAT16, X, [1.5, -2.0, 0.25]),
        (TensorProto.DOUBLE, X.astype(np.float64), [0.1, 0.2, 1e300]),
        (TensorProto.INT8, np.ones((4, 3), dtype=np.int64), [-128, 127, 0]),
        (TensorProto.UINT64, np.ones((4, 3), dtype=np.uint64), [0, 2**53, 1]),
        (TensorProto.INT64, np.ones((4, 3), dtype=np.int64), [-(2**53) - 1, 0, 1]),
        (TensorProto.BOOL, np.ones((4, 3), dtype=bool), [True, False, True]),
    ],
)
def test_every_type_is_carried_exactly(paths: Paths, kind: int, sample: Any, sent: Any) -> None:
    found = converted(onnx_graphs.identity(kind), sample)
    assert answer(found, [sent]) == {"predictions": [sent]}


def test_a_value_that_the_type_can_not_hold_is_refused(paths: Paths) -> None:
    halves = converted(onnx_graphs.identity(TensorProto.FLOAT16), X)
    with loaded(halves) as runtime, pytest.raises(InvalidInput, match="65504"):
        runtime.predict(b"[[1, 2, 70000]]")
    bytes_ = converted(onnx_graphs.identity(TensorProto.INT8), np.ones((4, 3), dtype=np.int64))
    with loaded(bytes_) as runtime, pytest.raises(InvalidInput, match="from -128 to 127"):
        runtime.predict(b"[[1, 2, 128]]")


def test_text(paths: Paths) -> None:
    frame = pd.DataFrame({"p": ["a", "b"], "q": ["ø", "d"]})
    found = converted(onnx_graphs.identity(TensorProto.STRING, ("rows", 2)), frame)
    assert answer(found, {"p": "x", "q": "🙂"}) == {"predictions": [["x", "🙂"]]}


def test_a_batch_of_one_is_served_row_by_row(paths: Paths) -> None:
    found = converted(onnx_graphs.identity(shape=(1, 3)), X)
    np.testing.assert_array_equal(found.inspected.outputs.predictions, X)
    assert answer(found, [[1, 2, 3], [4, 5, 6]]) == {"predictions": [[1, 2, 3], [4, 5, 6]]}


def test_outputs_keep_their_names_but_those_that_mean_something_else(paths: Paths) -> None:
    made = graph(
        [node("Relu", "x", "classes"), node("Neg", "x", "predictions"), node("Abs", "x", "size")],
        [tensor("x")],
        [tensor("classes"), tensor("predictions"), tensor("size")],
    )
    got = answer(converted(made, X), [[1, -2, 3]])
    assert got == {
        "predictions": [[-1, 2, -3]],
        "output_classes": [[1, 0, 3]],
        "size": [[1, 2, 3]],
    }


def test_outputs_without_a_value_a_row_are_left_out_and_said_so() -> None:
    made = graph(
        [node("Relu", "x", "y"), node("ReduceSum", "x", "total", keepdims=0)],
        [tensor("x")],
        [tensor("y"), tensor("total", shape=())],
    )
    found = inspect_model(made, X)
    assert [o.name for o in found.signature.outputs] == ["predictions"]
    assert any("'total' are left out" in note for note in found.notes)
    several = MultiOutputClassifier(LogisticRegression()).fit(X, (X[:, :2] > 0).astype(int))
    sequence = inspect_model(to_onnx(several, X, options={"zipmap": False}), X)
    assert [o.name for o in sequence.signature.outputs] == ["predictions"]
    assert any("'probabilities' are left out" in note for note in sequence.notes)


def test_weights_beside_the_file_are_packed_with_it(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        onnx_graphs.doubled(), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    found = converted(path, X)
    assert found.onnx is not None
    (tmp_path / "w.bin").unlink()
    np.testing.assert_array_equal(found.inspected.outputs.predictions, 2 * X)
    held = onnx.load_from_string(found.onnx).graph.initializer[0]
    assert held.data_location == TensorProto.DEFAULT
    with pytest.raises(UnsupportedModelError, match=r"keeps weights in 'w.bin', which is not"):
        converted(path, X)


def test_more_than_a_file_can_hold_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        onnx_graphs.doubled(), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    # sparse: takes no room
    os.truncate(tmp_path / "w.bin", 3 * 2**30)
    with pytest.raises(UnsupportedModelError, match=r"has 3\.0 GB, and one ONNX file holds"):
        converted(path, X)


def test_a_message_without_its_weights() -> None:
    made = onnx_graphs.doubled()
    made.graph.initializer[0].data_location = TensorProto.EXTERNAL
    with pytest.raises(UnsupportedModelError, match="keeps its weights in files beside it"):
        converted(made, X)


@pytest.mark.parametrize(
    ("model", "said", "hint"),
    [
        ("model", "'model' is a string, not a model", "deploy model"),
        ("runs/model.pkl", "doesn't end in .onnx", "model = joblib.load('runs/model.pkl')"),
        (Path("net.pt"), "is a path, not a model", "torch.onnx.export"),
        (Path("booster.ubj"), "is a path", "xgboost.Booster(model_file='booster.ubj')"),
        ("missing.onnx", "There is no file 'missing.onnx'", "The path counts from"),
    ],
)
def test_what_is_no_graph_is_told_what_would_be(model: Any, said: str, hint: str) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        converted(model, X)
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x0a"])
def test_a_file_that_is_no_graph(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(UnsupportedModelError, match="can't be read as an ONNX graph"):
        converted(tmp_path / "model.onnx", X)


@pytest.mark.parametrize(
    ("made", "said", "hint"),
    [
        (
            graph(
                [
                    node("Foo", "x", "z", domain="com.mine"),
                    node("Bar", "z", "y", domain="com.mine"),
                ],
                [tensor("x")],
                [tensor("y")],
                domain="com.mine",
            ),
            "com.mine.Bar, com.mine.Foo",
            "Export the model without them",
        ),
        (
            graph([node("Relu", "x", "y")], [tensor("x")], [tensor("y")], opset=99),
            "Opset 99",
            "onnx.version_converter.convert_version",
        ),
        (
            graph([node("Relu", "x", "y")], [tensor("x")], [tensor("y")], ir=99),
            "Unsupported model IR version: 99",
            "Export it for an older version",
        ),
        (
            graph([node("Nonsense", "x", "y")], [tensor("x")], [tensor("y")]),
            "No Op registered for Nonsense",
            "onnx.checker.check_model",
        ),
        (
            onnx_graphs.identity(shape=(4, 3)),
            "takes exactly 4 rows at a time",
            "dynamic first axis",
        ),
        (onnx_graphs.identity(TensorProto.BFLOAT16), "bfloat16", "Export the model"),
    ],
)
def test_what_onnx_runtime_can_not_serve(made: Any, said: str, hint: str) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        converted(made, X)
    assert said in caught.value.message
    assert "onnxruntime_src" not in caught.value.message
    assert hint in caught.value.hint


FRAME = pd.DataFrame({"u": X[:, 0], "v": X[:, 1]})
PIXELS = np.zeros((3, 4, 4, 2), dtype=np.float32)


@pytest.mark.parametrize(
    ("made", "sample", "said"),
    [
        (onnx_graphs.images(), PIXELS, "takes (rows, 2, 4, 4), the sample has (rows, 4, 4, 2)"),
        (onnx_graphs.images(), X, "takes 'image' (rows, 2, 4, 4) of float32; the sample has 3"),
        (onnx_graphs.doubled(), X[:, :2], "takes 'x' (rows, 3) of float32; the sample has 2"),
        (onnx_graphs.columns(), FRAME.rename(columns={"u": "w"}), "inputs are 'u', 'v'"),
        (onnx_graphs.columns(), FRAME.assign(u="a"), "'u' holds strings, and input 'u' takes"),
        (
            onnx_graphs.identity(TensorProto.INT64),
            X,
            "holds numbers, and input 'x' takes int64",
        ),
        (
            onnx_graphs.identity(TensorProto.INT8),
            np.full((2, 3), 300),
            "values from 300 to 300, and input 'x' takes int8, from -128 to 127",
        ),
        (
            onnx_graphs.identity(TensorProto.INT64, ("rows", 2)),
            pd.DataFrame({"a": [1, 2], "b": pd.array([1, None], dtype="Int64")}),
            "'b' holds nulls",
        ),
        (
            onnx_graphs.columns(),
            FRAME.assign(u=pd.Timestamp("2026-01-01")),
            "'u' holds dates, which ONNX has no form for",
        ),
        (
            graph(
                [node("Reshape", "x s", "y")],
                [tensor("x")],
                [tensor("y", shape=(1, 120))],
                weights={"s": np.array([1, 120])},
            ),
            X,
            "answered an array of shape (1, 120) for 40 rows",
        ),
        (onnx_graphs.doubled(), None, "There is no sample"),
    ],
)
def test_a_sample_that_is_not_what_the_graph_takes(made: Any, sample: Any, said: str) -> None:
    with pytest.raises(SampleError) as caught:
        converted(made, sample)
    assert said in caught.value.message


def test_a_graph_that_raises_on_the_sample() -> None:
    made = graph(
        [node("Reshape", "x s", "y")],
        [tensor("x")],
        [tensor("y", shape=("rows", "width"))],
        weights={"s": np.array([7, 7])},
    )
    with pytest.raises(SampleError, match="raised an error on the sample") as caught:
        converted(made, X)
    assert "It takes 'x' (rows, 3) of float32." in caught.value.hint


def test_rows_of_different_lengths_are_named(paths: Paths) -> None:
    made = onnx_graphs.identity(shape=("rows", "a", "b"))
    found = converted(made, np.zeros((4, 2, 2), dtype=np.float32))
    with (
        loaded(found) as runtime,
        pytest.raises(InvalidInput, match="row 1, column 'x': got an array of 1 x 2"),
    ):
        runtime.predict(json.dumps([[[1, 2], [3, 4]], [[1, 2]]]).encode())


def test_served_by_a_process_of_its_own(paths: Paths, tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).normal(size=(6, 2, 4, 4)).astype(np.float32)
    (tmp_path / "model.onnx").write_bytes(onnx_graphs.images().SerializeToString())
    spec = pack(str(tmp_path / "model.onnx"), pixels)
    with serve(spec, tmp_path) as url:
        assert_golden(url, spec)
        got = post(url, [{"image": pixels[0].tolist()}])
        np.testing.assert_allclose(got["predictions"], [pixels[0].mean(axis=(1, 2))], rtol=1e-5)
