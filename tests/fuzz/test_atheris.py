"""Coverage-guided fuzzing, some seconds for each harness."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.harnesses import HARNESSES

#: For each harness.
SECONDS = 5


@pytest.mark.long
@pytest.mark.parametrize("harness", HARNESSES)
def test_a_few_seconds_find_nothing(harness: str, tmp_path: Path) -> None:
    options = ["-seed=1", f"-max_total_time={SECONDS}", f"-artifact_prefix={tmp_path}/finding-"]
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", harness, *options],
        capture_output=True,
        text=True,
        cwd=root,
        timeout=SECONDS + 100,
        check=False,
    )
    found = [path.read_bytes() for path in tmp_path.glob("finding-*")]
    assert run.returncode == 0, f"{run.stderr[-3000:]}\n{found}"
    assert "DONE" in run.stderr
