from __future__ import annotations

import gzip
import io
import queue
import socket
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
import sqlalchemy
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.contents import captures
from jupyter_deploy.packaging.contents.pickling import dump
from tests import models

Function = Callable[..., Any]


def refused(model: Any) -> UnsupportedModelError:
    with pytest.raises(UnsupportedModelError) as told:
        dump(model)
    return told.value


def user_of(value: Any) -> Function:
    """A function that uses `value`."""

    def predict(rows: Any) -> Any:
        return rows, value

    return predict


def cell(source: str, **names: Any) -> dict[str, Any]:
    """Run a notebook's cell."""
    namespace: dict[str, Any] = {"__name__": "__main__", **names}
    exec(source, namespace)  # noqa: S102
    return namespace


def test_an_open_file_is_refused_by_name_though_it_would_pickle(tmp_path: Path) -> None:
    """cloudpickle would carry its content along, whatever its size."""
    (tmp_path / "rates.csv").write_text("a")
    with (tmp_path / "rates.csv").open() as rates:
        names = cell("def predict(rows):\n    return rates.read()\n", rates=rates)
        error = refused(names["predict"])
    assert error.message == (
        "The variable 'rates' that predict() uses is an open file "
        f"(TextIOWrapper '{tmp_path / 'rates.csv'}') and can't be packed."
    )
    assert "Read what is needed beforehand" in error.hint


def test_files_of_other_kinds(tmp_path: Path) -> None:
    with (
        gzip.open(tmp_path / "a.gz", "wt") as text,
        tempfile.NamedTemporaryFile() as temporary,
        tempfile.TemporaryFile() as plain,
    ):
        for file in (text, temporary, plain):
            assert "is an open file" in refused(user_of(file)).message


def test_what_only_looks_like_a_file_goes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dump(user_of(io.StringIO("a")))
    assert dump(user_of(io.BytesIO(b"a")))
    with (tmp_path / "log").open("w") as log:
        monkeypatch.setattr(sys, "stderr", log)
        assert dump(user_of(sys.stderr))


def test_connections(tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    with socket.socket() as plain, ThreadPoolExecutor(1) as pool:
        lite = sqlite3.connect(tmp_path / "a.db")
        for value in (plain, lite, lite.cursor(), engine):
            error = refused(user_of(value))
            assert "The variable 'value' that predict() uses is an open connection" in error.message
            assert "Connect inside the function" in error.hint
        lite.close()
        assert (
            "runs or waits in this process (ThreadPoolExecutor)" in refused(user_of(pool)).message
        )
    engine.dispose()


def test_a_session_of_requests_works_elsewhere() -> None:
    with requests.Session() as session:
        assert dump(user_of(session))


def test_locks_threads_and_generators() -> None:
    for value in (threading.Lock(), threading.RLock(), threading.Event(), queue.Queue()):
        error = refused(user_of(value))
        assert "something that runs or waits in this process" in error.message
        assert "__setstate__" in error.hint
    assert "(Thread)" in refused(user_of(threading.Thread())).message
    error = refused(user_of(n for n in range(3)))
    assert "a generator under way (generator)" in error.message
    assert "Keep its values in a list" in error.hint


class Fake:
    """Stands for an object of a library that needs a GPU."""

    device = SimpleNamespace(type="cuda", index=0)


def of_library(module: str, name: str, **attributes: Any) -> Any:
    return type(name, (Fake,), {"__module__": module, "__qualname__": name, **attributes})()


@pytest.mark.parametrize(
    "value",
    [
        of_library("torch", "Tensor"),
        of_library("cupy", "ndarray"),
        of_library("jaxlib._jax", "ArrayImpl", device=SimpleNamespace(platform="gpu")),
        of_library(
            "tensorflow.python.framework.ops",
            "EagerTensor",
            device="/job:localhost/replica:0/task:0/device:GPU:0",
        ),
    ],
)
def test_memory_of_a_gpu(value: Any) -> None:
    error = refused(SimpleNamespace(net={"weights": value}))
    name = type(value).__name__
    assert error.message == (
        f"model.net['weights'] is memory of a GPU ({name}) and can't be packed."
    )
    assert ".cpu() in PyTorch" in error.hint
    assert error.detail["place"] == "model.net['weights']"


@pytest.mark.parametrize("device", [SimpleNamespace(type="cpu"), SimpleNamespace(type="meta")])
def test_tensors_beside_a_gpu(device: Any) -> None:
    tensor = of_library("torch", "Tensor", device=device)
    assert captures.kind_of(tensor) is None


def test_a_parameter_is_a_tensor() -> None:
    tensor = type(of_library("torch", "Tensor"))
    parameter = type("Parameter", (tensor,), {"__module__": "torch.nn.parameter"})()
    assert captures.kind_of(parameter) is captures.GPU


def test_a_handle_in_the_depths_of_a_pipeline(tmp_path: Path) -> None:
    transformer = FunctionTransformer()
    with (tmp_path / "log").open("w") as transformer.handle:
        model = make_pipeline(transformer, models.logistic()[0])
        assert refused(model).message.startswith("model.steps[0][1].handle is an open file")


def test_a_handle_behind_wrappers(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.db") as lite:
        names = cell(
            "class Model:\n"
            "    @staticmethod\n"
            "    def look(rows): return settings['db']\n"
            "    def predict(self, rows): return self.look(rows)\n",
            settings={"db": lite},
        )
        told = "settings['db'] (of the variable 'settings' that look() uses) is an open connection"
        assert refused(names["Model"]()).message.startswith(told)
        assert refused(names["Model"]().predict).message.startswith(told)
        bound = partial(names["Model"].look, lite)
        assert refused(bound).message.startswith("model.args[0] is an open connection")
    lite.close()


def test_what_a_class_leaves_out_of_its_pickle_is_no_matter() -> None:
    names = cell(
        "class Model:\n"
        "    def __init__(self): self.lock = lock()\n"
        "    def __getstate__(self): return {}\n"
        "    def predict(self, rows): return rows\n",
        lock=threading.Lock,
    )
    assert dump(names["Model"]())


def test_a_class_that_knows_how_to_pack_itself_is_believed() -> None:
    names = cell(
        "class Event(Base):\n    def __reduce__(self): return (Event, ())\n", Base=threading.Event
    )
    assert dump(names["Event"]())


CELL = """
def score(rows):
    return helper(rows)

def helper(rows):
    return history[0], rows.unrelated

class Model:
    table = None
    def predict(self, rows):
        return score(rows)
"""


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (np.zeros(1_500_000), "12.0 MB (ndarray)"),
        (pd.DataFrame({"a": np.zeros(1_500_000)}), "12.0 MB (DataFrame)"),
        ("x" * 12_000_000, "12.0 MB (str)"),
        ([np.zeros(800_000), np.zeros(700_000)], "over 10 MB (list)"),
    ],
)
def test_a_large_variable_is_refused_with_its_size_and_its_user(value: Any, size: str) -> None:
    for name in ("score", "Model"):
        found = cell(CELL, history=value)[name]
        error = refused(found if name == "score" else found())
        assert error.message == (
            f"The variable 'history' that helper() uses is {size}; "
            "what a function takes along may have 10 MB."
        )
        assert "an attribute of the model, which may be of any size" in error.hint
        assert "def __init__(self, history): self.history = history" in error.hint
        assert error.detail["variable"] == "history"


def test_large_things_of_other_places() -> None:
    large = np.zeros(1_500_000)
    names = cell(CELL, history=None)
    names["Model"].table = large
    error = refused(names["Model"]())
    assert "The variable 'table' that the class Model uses is 12.0 MB" in error.message
    names = cell("def predict(rows, known=large): return rows", large=large)
    assert "The variable 'known' that predict() uses" in refused(names["predict"]).message
    assert "The variable 'value' that predict() uses" in refused(user_of(large)).message


def test_a_large_model_in_a_variable_is_told_to_be_an_attribute() -> None:
    model = models.logistic()[0]
    model = make_pipeline(FunctionTransformer(kw_args={"known": np.zeros(1_500_000)}), model)
    assert "write a class with predict" in refused(user_of(model)).hint


def test_what_is_large_may_be_an_attribute_or_unused() -> None:
    large = np.zeros(1_500_000)
    names = cell(CELL, history=[0], unrelated=large, other=large)
    model = names["Model"]()
    model.known = large
    data, _ = dump(model)
    assert len(data) > large.nbytes
    assert len(dump(names["score"])[0]) < 10_000


def test_the_limit_is_the_pickled_size(monkeypatch: pytest.MonkeyPatch) -> None:
    # the same object many times over is pickled once
    assert dump(user_of([np.zeros(1_000_000)] * 5))
    monkeypatch.setattr(captures, "LIMIT", 1_000_000)
    assert "(list)" in refused(user_of(list(range(1_000_000)))).message
