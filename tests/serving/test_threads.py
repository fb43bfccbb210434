"""How many threads the libraries below a model have, seen from inside a served one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.serving.threads import VARIABLES
from tests.serving.packs import column, native, pack, project, signature
from tests.serving.workers import bentoml_serve


def threads(array: Any) -> Any:
    """A model that answers how many threads BLAS and OpenMP would use: 10 * BLAS + OpenMP."""
    import numpy as np
    import sklearn.ensemble  # noqa: F401  brings OpenMP
    from threadpoolctl import threadpool_info

    most = {"blas": 0, "openmp": 0}
    for pool in threadpool_info():
        api = pool["user_api"]
        most[api] = max(most[api], pool["num_threads"])
    return np.full(len(array), 10 * most["blas"] + most["openmp"])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = project(tmp_path / "project")
    sig = signature(column("x0"), layout="array")
    pack(folder / "model", sig, native(threads), [[1.0]], "native")
    return folder


@pytest.fixture
def short(shared_paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for sockets; none of the variables is set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = shared_paths.runtime / os.urandom(3).hex()
    folder.mkdir()
    return folder


def test_one_each_under_plain_bentoml_serve_and_what_the_user_sets(
    target: Path, short: Path
) -> None:
    with bentoml_serve(str(target), short, 1, OMP_NUM_THREADS="3") as client:
        # OpenBLAS has a variable of its own, which the user left alone
        assert client.post("/predict", json=[[1.0]]).json() == {"predictions": [13]}
