"""What the runtime needs of BentoML, and what happens when it is no longer so."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import bentoml
import pytest

from jupyter_deploy.serving.http.lane import Lane
from jupyter_deploy.serving.service import KNOWN_GOOD, build_service
from tests.serving.packs import NAME, mixed_onnx, pack, project, ridge_onnx

# of bentoml.api on this release of pydantic
pytestmark = pytest.mark.filterwarnings("ignore:The `__get_pydantic:DeprecationWarning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sig, model, rows = ridge_onnx()
    return pack(tmp_path / "model", sig, model, rows[:1])


@pytest.fixture
def module() -> Any:
    """A module that holds the service, as service.py does."""
    found = types.ModuleType("held")
    sys.modules["held"] = found
    yield found
    del sys.modules["held"]


def test_bentoml_is_built_as_the_lane_needs_it() -> None:
    assert bentoml.__version__ == KNOWN_GOOD
    assert "service_class" in inspect.signature(bentoml.service).parameters
    parameters = inspect.signature(bentoml.Service.to_asgi).parameters
    assert list(parameters) == ["self", "is_main"]
    assert parameters["is_main"].default is True
    # the worker asks for the application by this method, once, and gives it to uvicorn
    worker = importlib.import_module("_bentoml_impl.worker.service")
    source = inspect.getsource(worker)
    assert source.count("service.to_asgi(") == 1
    assert "app=asgi_app" in source


def test_the_service_has_the_lane_and_bentomls_own_description(folder: Path, module: Any) -> None:
    module.svc = build_service(folder, module="held")
    assert isinstance(module.svc, bentoml.Service)
    assert (module.svc.name, module.svc.import_string) == (NAME, "held:svc")
    assert isinstance(module.svc.to_asgi(), Lane)
    [route] = module.svc.schema()["routes"]
    assert route["route"] == "/predict"
    assert route["input"]["root_input"]


def test_the_service_answers_in_process(folder: Path) -> None:
    service = build_service(folder, module=__name__)
    rows = ridge_onnx()[2]
    answer = service().predict([{f"x{i}": v for i, v in enumerate(rows[0])}])
    assert list(answer) == ["predictions"]


@pytest.mark.parametrize("missing", ["service_class", "is_main", "Service"])
def test_without_that_bentoml_serves_alone(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    missing: str,
) -> None:
    logging.getLogger("bentoml").propagate = True
    original = bentoml.service
    if missing == "service_class":
        monkeypatch.setattr(bentoml, "service", lambda *, name: original(name=name))
    elif missing == "is_main":
        monkeypatch.setattr(bentoml.Service, "to_asgi", lambda self, main, more: None)
    else:
        monkeypatch.setattr(bentoml, "Service", None, raising=False)
    service = build_service(folder, module=__name__)
    assert f"bentoml=={KNOWN_GOOD}" in caplog.text
    assert service.name == NAME
    assert "predict" in service.apis
    assert type(service).__name__ == "Service"


def test_the_runtime_needs_nothing_of_ours(tmp_path: Path) -> None:
    sig, model, rows = ridge_onnx()
    folder = project(tmp_path)
    pack(folder / "model", sig, model, rows[:1])
    check = (
        "import sys; sys.path.insert(0, '.'); import service; service.svc.to_asgi();"
        "assert service.svc.import_string == 'service:svc';"
        "import model_runtime.engines, onnxruntime;"
        "assert not [m for m in sys.modules if m.startswith(('jupyter_deploy', 'pandas',"
        " 'sklearn', 'IPython'))], sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", check], cwd=folder, check=True, timeout=60)


ANSWERS = """
import json, sys
from pathlib import Path
sys.path.insert(0, ".")
from model_runtime.http import mlflow, openapi
from model_runtime.oip import Protocol
from model_runtime.runtime import Runtime
runtime = Runtime(Path("model"))
runtime.load()
rows = json.loads(sys.argv[1])
records = runtime.predict(json.dumps(rows).encode())[0]
columns = {name: [row[name] for row in rows] for name in rows[0]}
assert runtime.predict(json.dumps(columns).encode())[0] == records
tensors = [
    {"name": name, "shape": [len(values)], "data": values, "datatype": kind}
    for (name, values), kind in zip(columns.items(), ["FP32", "INT64", "BYTES", "BOOL"])
]
answer = Protocol(runtime).infer(json.dumps({"inputs": tensors}).encode(), None)
assert answer.rows == len(rows)
print([m for m in sys.modules if m.partition(".")[0] in ("pandas", "polars", "sklearn", "scipy")])
"""


def test_an_onnx_model_of_words_and_numbers_is_answered_without_pandas(tmp_path: Path) -> None:
    sig, model, rows = mixed_onnx()
    folder = project(tmp_path)
    pack(folder / "model", sig, model, rows[:1])
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, json.dumps(rows)],
        cwd=folder,
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"
