from __future__ import annotations

import subprocess
import sys
import types

import pytest
from sklearn.base import BaseEstimator

from jupyter_deploy.exceptions import PackagingError
from jupyter_deploy.packaging.adapters import TABLE, Table


class Mine(BaseEstimator):
    """A class of the user's, derived from one of scikit-learn's."""


def test_a_class_derived_from_a_framework_gets_that_frameworks_adapter() -> None:
    assert TABLE.find(Mine()).name == "scikit-learn"


def test_anything_else_gets_the_generic_adapter() -> None:
    assert TABLE.find(lambda rows: rows).name == "Python"
    assert TABLE.find(object()).name == "Python"


def test_two_adapters_for_one_framework_clash_loudly() -> None:
    table = Table(fallback="a:A")
    table.register("sklearn", "a:A")
    table.register("sklearn", "a:A")
    with pytest.raises(PackagingError, match="Two adapters claim the models of sklearn"):
        table.register("sklearn", "b:B")


def test_a_path_finds_its_adapter_without_loading_any_framework() -> None:
    script = (
        "import pathlib, sys\n"
        "from jupyter_deploy.packaging.adapters import TABLE\n"
        "assert TABLE.find('model.onnx').name == 'ONNX'\n"
        "assert TABLE.find(pathlib.Path('model.onnx')).name == 'ONNX'\n"
        "assert TABLE.find(b'').name == 'ONNX'\n"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'skl2onnx', 'sklearn', 'xgboost', 'lightgbm'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_library_without_a_converter_is_not_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyter_deploy.packaging.adapters import converters

    # half an installation: an empty module of that name
    monkeypatch.setitem(sys.modules, "lightgbm", types.ModuleType("lightgbm"))
    converters._register_lightgbm.cache_clear()
    converters.register()


def test_importing_and_using_packaging_loads_no_framework_it_does_not_need() -> None:
    script = (
        "import sys, jupyter_deploy.packaging as p\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'bentoml', 'onnx', 'onnxruntime', 'skl2onnx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "import numpy\n"
        "p.convert(p.inspect_model(lambda x: x[:, 0], numpy.ones((2, 2))))\n"
        "assert not {'sklearn', 'pandas', 'skl2onnx', 'xgboost', 'lightgbm'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
