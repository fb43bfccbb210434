from __future__ import annotations

import subprocess
import sys

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


def test_importing_and_using_packaging_loads_no_framework_it_does_not_need() -> None:
    script = (
        "import sys, jupyter_deploy.packaging as p\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'bentoml', 'onnx', 'onnxruntime', 'skl2onnx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "import numpy\n"
        "p.convert(p.inspect_model(lambda x: x[:, 0], numpy.ones((2, 2))))\n"
        "assert not {'sklearn', 'pandas', 'skl2onnx'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
