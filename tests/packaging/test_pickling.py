from __future__ import annotations

import os
import pickle
import sys
import types
from typing import Any

import lightgbm
import numpy as np
import pytest

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.contents.pickling import dump
from tests import models


def test_modules_of_a_pipeline() -> None:
    data, modules = dump(models.logistic()[0])
    assert {"sklearn.pipeline", "sklearn.linear_model._logistic", "numpy"} <= modules
    assert not {m for m in modules if m.startswith(("pytest", "tests"))}
    assert pickle.loads(data).classes_.tolist() == ["benign", "malignant"]  # noqa: S301


def test_the_bases_of_a_class_are_among_its_modules() -> None:
    assert "sklearn.base" in dump(lightgbm.LGBMClassifier())[1]


def test_modules_that_a_function_uses_or_imports_inside() -> None:
    def predict(rows: Any) -> Any:
        import orjson
        from sklearn import linear_model

        def inner() -> Any:
            import polars.selectors

            return polars

        return np.zeros(len(orjson.dumps([])), linear_model, inner)

    modules = dump(predict)[1]
    assert {"numpy", "orjson", "sklearn", "sklearn.linear_model", "polars.selectors"} <= modules
    # what it was written in is not what it imports
    assert __name__ not in modules


def test_a_module_without_a_file_goes_along_by_value(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("made_up")
    exec("def double(rows):\n    return rows * 2", vars(module))  # noqa: S102
    monkeypatch.setitem(sys.modules, "made_up", module)
    data, modules = dump(module.double)
    assert "made_up" not in modules
    monkeypatch.delitem(sys.modules, "made_up")
    assert pickle.loads(data)(21) == 42  # noqa: S301


class Gate:
    """Has no form in a pickle, and no kind of its own."""

    def __reduce__(self) -> str:
        raise TypeError("gates stay where they are")


def test_what_does_not_pickle_is_named() -> None:
    gate = Gate()

    def check(rows: Any) -> Any:
        return rows, gate

    def predict(rows: Any) -> Any:
        return check(rows)

    with pytest.raises(UnsupportedModelError) as told:
        dump(predict)
    assert told.value.message == (
        "The model can't be pickled: gates stay where they are "
        "(the variable 'gate' that check() uses, a Gate)"
    )
    model = models.logistic()[0]
    model = types.SimpleNamespace(steps=[("a", {"gate": gate}), model])
    with pytest.raises(
        UnsupportedModelError, match=r"\(model\.steps\[0\]\[1\]\['gate'\], a Gate\)"
    ):
        dump(model)
    assert "__getstate__" in told.value.hint


def test_the_environment_of_this_process_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_DEPLOY_TEST_SECRET", "hunter2")
    environ = os.environ

    def predict(rows: Any) -> Any:
        return [environ["JUPYTER_DEPLOY_TEST_SECRET"] for _ in rows]

    data, _ = dump(predict)
    assert b"hunter2" not in data
    monkeypatch.setenv("JUPYTER_DEPLOY_TEST_SECRET", "another")
    assert pickle.loads(data)([1]) == ["another"]  # noqa: S301
