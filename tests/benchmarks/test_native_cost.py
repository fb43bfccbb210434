"""The native engine beside the endpoint people write by hand on the same model with FastAPI.

Both take the same request (one record) and run the same scikit-learn pipeline in one worker
process. Ours validates by the signature and answers predictions beside the probabilities; theirs
answers the probabilities alone. CPU over the whole process tree, of both at the same time, so that
they have the same neighbours on the machine; and the median latency of one client asking in turns.
"""

from __future__ import annotations

import cProfile
import json
import pstats
import statistics
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.serving.runtime import Runtime
from tests import models
from tests.benchmarks.hand_written import fastapi, median_latencies
from tests.benchmarks.measure import bentoml_serve, cpu_seconds, tree
from tests.benchmarks.pipelines import categorical
from tests.load import Load
from tests.waiting import wait_for

#: Where nearly all of the time is the model's own the two differ by a few hundredths.
ROUNDS = 9
REQUESTS = 500

CASES = {
    "30 floats": models.logistic,
    "30 floats, RandomForest(100)": models.forest,
    "5 string columns": categorical,
}


@pytest.mark.long
@pytest.mark.parametrize("case", CASES)
def test_never_slower_than_by_hand(case: str, paths: Paths, tmp_path: Path) -> None:
    model, sample = CASES[case]()
    converted = convert(inspect_model(model, sample), engine="native")
    spec = build(converted, name="native", version="1.0.0")
    body = json.loads(sample.head(1).to_json(orient="records"))
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}
    latency: dict[str, list[float]] = {"ours": [], "theirs": []}
    with (
        bentoml_serve(spec.bento) as (own_url, own_pid, _),
        fastapi(tmp_path, model, sample) as (hand_url, hand_pid),
    ):
        sides = {"ours": (f"{own_url}/predict", own_pid), "theirs": (hand_url, hand_pid)}
        for _ in range(ROUNDS):
            for side, spent in costs(sides, body).items():
                cpu[side].append(spent)
            taken = median_latencies([url for url, _ in sides.values()], body, REQUESTS // 2)
            for side, milliseconds in zip(sides, taken, strict=True):
                latency[side].append(milliseconds)

    print(f"\nnative engine and FastAPI by hand, one record of {case}, {ROUNDS} rounds:")
    for name, unit, found in (("CPU a request", "µs", cpu), ("latency p50", "ms", latency)):
        for side, values in found.items():
            print(f"  {name}, {side:8}" + "".join(f"{v:9.2f}" for v in values) + f"  {unit}")
        print(f"  {name}, ratio   " + "".join(f"{r:9.2f}" for r in _ratios(found)))
    profile(Path(spec.bento_home) / "bentos" / "native" / "1.0.0" / "src" / "model", body)
    assert statistics.median(_ratios(cpu)) <= 1.0
    assert statistics.median(_ratios(latency)) <= 1.0


def costs(sides: dict[str, tuple[str, int]], body: object) -> dict[str, float]:
    """Microseconds of CPU a request of each process tree, both under a steady client at once."""
    with ExitStack() as stack:
        loads = {
            side: stack.enter_context(Load(url, body, {}, clients=1))
            for side, (url, _) in sides.items()
        }
        for side, load in loads.items():
            wait_for(lambda load=load: load.answered_more_than(100), 30, f"the warm-up of {side}")
        begun = {
            side: (cpu_seconds(tree(pid)), loads[side].outcome.answered)
            for side, (_, pid) in sides.items()
        }
        for side, load in loads.items():
            enough = begun[side][1] + REQUESTS
            wait_for(
                lambda load=load, enough=enough: load.answered_more_than(enough),
                120,
                f"the requests of {side}",
            )
        ended = {
            side: (cpu_seconds(tree(pid)), loads[side].outcome.answered)
            for side, (_, pid) in sides.items()
        }
    assert all(load.outcome.failed == 0 for load in loads.values())
    return {
        side: (ended[side][0] - begun[side][0]) / (ended[side][1] - begun[side][1]) * 1e6
        for side in sides
    }


def _ratios(found: dict[str, list[float]]) -> list[float]:
    return [a / b for a, b in zip(found["ours"], found["theirs"], strict=True)]


def profile(folder: Path, body: Any) -> None:
    """Print where the time of a native prediction goes, without a server around it."""
    runtime = Runtime(folder)
    runtime.load()
    encoded = json.dumps(body).encode()
    profiler = cProfile.Profile()
    with profiler:
        for _ in range(300):
            runtime.predict(encoded)
    runtime.close()
    stats: Any = pstats.Stats(profiler)
    rows = [
        (total / 300 * 1e6, own / 300 * 1e6, f"{Path(file).parent.name}/{Path(file).name}", name)
        for (file, _, name), (_, _, own, total, _) in stats.stats.items()
    ]
    print("  profile, µs a call under cProfile (about twice the real cost): total, own")
    for total, own, file, name in sorted(rows, reverse=True)[:25]:
        print(f"    {total:8.0f} {own:7.0f}  {file}:{name}")
