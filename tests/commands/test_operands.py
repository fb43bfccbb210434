from __future__ import annotations

import importlib.util
import io
import pickle
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest

from jupyter_deploy.commands import namespace
from jupyter_deploy.commands.files import load_function, load_model, load_rows, load_sample
from jupyter_deploy.commands.namespace import evaluate
from jupyter_deploy.exceptions import UsageError


def test_expressions_of_the_notebook() -> None:
    names = {"X_test": [1, 2, 3], "row": {"a": 1}, "n": 2}
    assert evaluate("X_test", names) == [1, 2, 3]
    assert evaluate(" X_test[:n] ", names) == [1, 2]
    assert evaluate("[X_test[i] for i in range(n)]", names) == [1, 2]
    assert evaluate('[{"a": null, "b": true}]', names) == [{"a": None, "b": True}]
    assert evaluate("null", {"null": 5}) == 5
    assert set(names) == {"X_test", "row", "n"} | {"__builtins__"}


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("X_tset", r"no variable 'X_tset'[\s\S]*'X_test'"),
        ("zzz", r"no variable 'zzz'[\s\S]*Run the cell"),
        ("X_tset[:5]", "no variable 'X_tset'"),
        ("X_test[", "not a Python expression"),
        ("X_test = 1", "not a Python expression"),
        ("X_test['a']", r"raised TypeError: list indices"),
        ("1/0", "raised ZeroDivisionError: division by zero"),
    ],
)
def test_expressions_that_fail_are_told_shortly(expression: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        evaluate(expression, {"X_test": [1]})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "operands_hooks", raising=False)
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    frame.to_csv("rows.csv", index=False)
    (tmp_path / "rows.json").write_text('[{"a": 1.5, "b": "x"}]')
    (tmp_path / "rows").write_text('[{"a": 7}]')
    np.save("rows.npy", np.eye(2))
    with open("model.pkl", "wb") as file:
        pickle.dump({"a": "model"}, file)
    joblib.dump({"a": "model"}, "model.joblib")
    (tmp_path / "operands_train.py").write_text("class inner:\n    model = 'm'\nX_test = [[1]]\n")
    (tmp_path / "operands_broken.py").write_text("import no_such_package_at_all\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "operands_hooks.py").write_text(
        "class text:\n    clean = staticmethod(str.strip)\nmodel = 'of a file'\n"
    )
    (tmp_path / "json.py").write_text("model = 1\n")
    (tmp_path / "model.onnx").write_bytes(b"graph")
    pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [0.5, 1.5]}).write_parquet("rows.parquet")
    (tmp_path / "bad.csv").write_bytes(b"")
    (tmp_path / "bad.json").write_text("{")
    return tmp_path


def test_models_in_a_shell(folder: Path) -> None:
    assert load_model("model.pkl") == {"a": "model"}
    assert load_model(str(folder / "model.joblib")) == {"a": "model"}
    assert load_model("operands_train:inner.model") == "m"


def test_a_file_is_imported_as_the_module_of_its_name(folder: Path) -> None:
    assert load_model("sub/operands_hooks.py:model") == "of a file"
    clean = load_function(f"{folder}/sub/operands_hooks.py:text.clean")
    assert clean(" x ") == "x"
    # so that what is pickled by name is found again
    assert sys.modules["operands_hooks"].__file__ == str(folder / "sub" / "operands_hooks.py")


def test_an_onnx_model_is_its_file(folder: Path) -> None:
    assert load_model("model.onnx") == Path("model.onnx")
    assert namespace.load_model("model.onnx", {}) == Path("model.onnx")

    class Model:
        onnx = "an attribute"

    # a notebook's variable where there is no such file, and any other expression
    assert namespace.load_model("other.onnx", {"other": Model}) == "an attribute"
    assert namespace.load_model("m", {"m": 1}) == 1
    with pytest.raises(UsageError, match=r"no file gone\.onnx"):
        namespace.load_model("gone.onnx", {})


def _without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Let packages be not installed."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in packages else find(name)
    )


def test_parquet_is_read_by_what_there_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _without(monkeypatch, "pyarrow", "fastparquet")
    frame = load_sample("rows.parquet")
    assert isinstance(frame, pd.DataFrame)
    assert frame["a"].isna().tolist() == [False, True]
    assert frame[["b", "c"]].to_dict("list") == {"b": ["x", "y"], "c": [0.5, 1.5]}
    assert len(load_rows("rows.parquet")) == 2
    _without(monkeypatch, "pyarrow", "fastparquet", "polars")
    with pytest.raises(UsageError, match="takes pyarrow or polars, and neither is") as told:
        load_sample("rows.parquet")
    assert "pip install pyarrow" in told.value.hint
    with pytest.raises(UsageError, match=r"no file gone\.parquet"):
        load_sample("gone.parquet")


def test_samples_in_a_shell(folder: Path) -> None:
    assert list(load_sample("rows.csv").columns) == ["a", "b"]
    assert load_sample("@rows.npy").shape == (2, 2)
    assert load_sample("rows.json").to_dict("records") == [{"a": 1.5, "b": "x"}]
    assert load_sample("operands_train:X_test") == [[1]]


def test_rows_in_a_shell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"a": 1}'))
    assert load_rows("-") == {"a": 1}
    assert load_rows(' [{"a": null}]') == [{"a": None}]
    assert load_rows("@rows.json") == [{"a": 1.5, "b": "x"}]
    assert load_rows("@rows") == [{"a": 7}]
    assert len(load_rows("rows.csv")) == 2


@pytest.mark.parametrize(
    ("load", "operand", "said"),
    [
        (load_model, "gone.pkl", "no file gone.pkl"),
        (load_model, "model", "names nothing to load"),
        (load_model, "operands_train:modle", "no 'modle' in 'operands_train'"),
        (load_model, "operands_train:inner.modle", r"no 'modle'[\s\S]*'model'"),
        (load_model, "operands_gone:model", "no module 'operands_gone'"),
        (load_model, "gone.onnx", "no file gone.onnx"),
        (load_model, "gone.py:model", "no file gone.py"),
        (load_model, ":model", "names nothing to load"),
        (load_model, "json.py:model", r"json.py can't be imported: [\s\S]*another name"),
        (load_function, "clean", r"names nothing to load[\s\S]*hooks.py:clean"),
        (load_function, "sub/operands_hooks.py:text.claen", r"no 'claen'[\s\S]*'clean'"),
        (load_sample, "bad.csv", "bad.csv can't be read: EmptyDataError"),
        (load_sample, "rows.txt", "names nothing to load"),
        (load_rows, "[{]", "JSON of the command line"),
        (load_rows, "@bad.json", "JSON of bad.json"),
        (load_rows, "@gone", "no file gone"),
    ],
)
def test_operands_that_fail_in_a_shell(folder: Path, load: object, operand: str, said: str) -> None:
    assert callable(load)
    with pytest.raises(UsageError, match=said):
        load(operand)


def test_a_module_that_breaks_shows_its_own_error(folder: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package_at_all"):
        load_model("operands_broken:model")
