from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.pickling import dump
from tests import models


class Shift:
    """Of a module that no installed distribution owns: this one."""

    def __init__(self, by: float) -> None:
        self.by = by

    def predict(self, rows: Any) -> Any:
        return np.asarray(rows)[:, 0] + self.by


def test_modules_of_a_pipeline() -> None:
    data, modules = dump(models.logistic()[0])
    assert {"sklearn", "numpy"} <= modules
    assert "pytest" not in modules
    assert pickle.loads(data).classes_.tolist() == ["benign", "malignant"]  # noqa: S301


def test_modules_that_a_function_uses_or_imports_inside() -> None:
    def predict(rows: Any) -> Any:
        import orjson

        return np.zeros(len(orjson.dumps([])))

    assert {"numpy", "orjson"} <= dump(predict)[1]


def test_a_module_of_the_users_own_goes_along_by_value(tmp_path: Path) -> None:
    data, modules = dump(Shift(2.0))
    assert not {"tests", "__main__"} & modules
    (tmp_path / "model.pkl").write_bytes(data)
    loads = "import pickle; print(pickle.load(open('model.pkl', 'rb')).predict([[1.0], [2.0]]))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", loads],
        cwd=tmp_path,
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[3. 4.]"


def test_what_does_not_pickle_is_named() -> None:
    lock = threading.Lock()

    def predict(rows: Any) -> Any:
        with lock:
            return rows

    with pytest.raises(UnsupportedModelError, match="the variable 'lock', a lock"):
        dump(predict)
    shift = Shift(1.0)
    shift.handle = socket.socket()
    with (
        shift.handle,
        pytest.raises(UnsupportedModelError, match="the attribute 'handle'") as error,
    ):
        dump(shift)
    assert "__getstate__" in error.value.hint
