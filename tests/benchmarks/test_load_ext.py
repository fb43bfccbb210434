"""CPU of ``%load_ext jupyter_deploy`` over bare IPython, side by side in one run."""

from __future__ import annotations

import statistics
import sys

import pytest

from jupyter_deploy.config import Paths
from tests.benchmarks.measure import child_cpu_seconds

ROUNDS = 5


@pytest.mark.long
def test_load_ext(paths: Paths) -> None:
    bare, loaded = [], []
    for _ in range(ROUNDS):
        ipython = [sys.executable, "-m", "IPython", "--quick", "-c"]
        bare.append(child_cpu_seconds([*ipython, "pass"]))
        loaded.append(child_cpu_seconds([*ipython, "%load_ext jupyter_deploy"]))
    over = statistics.median(loaded) - statistics.median(bare)
    print(f"\n%load_ext jupyter_deploy: {over:.3f} s of CPU over bare IPython")
    assert over <= 0.3
