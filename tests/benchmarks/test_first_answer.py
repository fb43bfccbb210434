"""From `%deploy` to the first answer, beside `bentoml serve` becoming ready on the same Bento.

Each round is a fresh Python process with the model trained and nothing else imported; in the first
one no controller runs yet either.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_deploy.config import Paths
from tests.benchmarks.measure import bentoml_serve

SCRIPT = """
import json, time
from tests import models
model, sample = models.logistic()
import jupyter_deploy as jd
stages = {}
start = time.monotonic()
told = lambda report: stages.update({report.stage: report.seconds})
d = jd.deploy(model, name="first", sample=sample, on_stage=told)
d.predict(sample[:1])
print(json.dumps({"total": time.monotonic() - start, "stages": stages, "version": d.version}))
"""

ROUNDS = 3


@pytest.mark.long
def test_deploy_to_first_answer(paths: Paths) -> None:
    root = Path(__file__).parents[2]
    totals, conversions, serves = [], [], []
    print("\nseconds from %deploy to the first answer, and `bentoml serve` until ready:")
    for _ in range(ROUNDS):
        run = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=root
        )
        answer = json.loads(run.stdout.splitlines()[-1])
        with bentoml_serve(f"first:{answer['version']}") as (_url, _pid, seconds):
            serves.append(seconds)
        totals.append(answer["total"])
        conversions.append(answer["stages"]["convert"])
        stages = ", ".join(f"{k} {v:.2f}" for k, v in answer["stages"].items())
        print(f"  {answer['total']:.2f} ({stages})   bentoml serve {seconds:.2f}")
    total, conversion, serve = map(statistics.median, (totals, conversions, serves))
    print(f"  ratio without the conversion: {(total - conversion) / serve:.2f}")
    assert total <= 1.5 * serve + conversion
