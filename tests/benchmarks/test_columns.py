"""What columns and rows cost: a pipeline with categories over HTTP, and a fit over shapes.

The bound is CPU a request of the whole service, as in :mod:`.test_request_cost`. The fit is of the
runtime alone, from a body to an answer's body in one process: the model adds up its inputs, so what
is measured is reading, checking and handing over. Costs are fitted by least squares of their
relative errors to ``a + b * columns + c * rows * columns``: `a` is paid by a request, `b` by a
column however many rows there are, `c` by a value.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from jupyter_deploy.config import Paths
from jupyter_deploy.packaging import build, convert, inspect_model
from jupyter_deploy.serving.http.lane import Limits
from jupyter_deploy.serving.runtime import Runtime
from tests.benchmarks.measure import bentoml_serve, tree
from tests.benchmarks.pipelines import categorical
from tests.benchmarks.test_request_cost import cost
from tests.serving.packs import column, pack, signature

ROUNDS = 3
COLUMNS = (10, 30, 100, 300, 1000)
ROWS = (1, 10, 100, 1000)
#: Seconds of CPU that one shape is measured for, at least once.
SPENT = 0.3


@pytest.mark.long
def test_categories_by_records(paths: Paths) -> None:
    """Five columns of strings and three of numbers, one-hot, scaled and classified."""
    model, sample = categorical()
    converted = convert(inspect_model(model, sample), engine="onnx")
    spec = build(converted, name="categories", version="1.0.0")
    body = json.loads(sample.head(1).to_json(orient="records"))
    with bentoml_serve(spec.bento) as (url, pid, _):
        found = [cost(tree(pid), f"{url}/predict", body, {}, 4000) for _ in range(ROUNDS)]
    print(
        "\nµs of CPU a request, one record of 5 string and 3 number columns, ColumnTransformer, "
        f"{ROUNDS} rounds: " + "  ".join(f"{v:.0f}" for v in found)
    )
    assert statistics.median(found) <= 300


def matrix_model(width: int) -> bytes:
    """All columns in one matrix."""
    return _summing([helper.make_tensor_value_info("X", TensorProto.FLOAT, (None, width))], [])


def tensors_model(width: int) -> bytes:
    """A tensor a column; every fifth is text, whose length of 1 stands for it."""
    numbers = [i for i in range(width) if i % 5]
    inputs = [
        helper.make_tensor_value_info(
            f"c{i}", TensorProto.FLOAT if i % 5 else TensorProto.STRING, (None, 1)
        )
        for i in range(width)
    ]
    joined = helper.make_node("Concat", [f"c{i}" for i in numbers], ["X"], axis=1)
    return _summing(inputs, [joined])


def _summing(inputs: list[Any], nodes: list[Any]) -> bytes:
    last = helper.make_node("ReduceMean", ["X"], ["Y"], axes=[1], keepdims=1)
    output = helper.make_tensor_value_info("Y", TensorProto.FLOAT, (None, 1))
    graph = helper.make_graph([*nodes, last], "mean", inputs, [output])
    opset = [helper.make_opsetid("", 17)]
    made: onnx.ModelProto = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return bytes(made.SerializeToString())


def records(width: int, rows: int, text: bool) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, width)).round(3).tolist()
    return [
        {f"c{i}": "a word" if text and i % 5 == 0 else v for i, v in enumerate(row)}
        for row in values
    ]


def cpu(call: Callable[[], Any]) -> float:
    """Microseconds of this process's CPU a call, the median of five times."""
    start = time.process_time()
    call()
    once = max(time.process_time() - start, 1e-6)
    number = max(1, int(SPENT / 5 / once))
    taken = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(number):
            call()
        taken.append((time.process_time() - start) / number)
    return statistics.median(taken) * 1e6


def fit(costs: dict[tuple[int, int], float]) -> tuple[float, float, float, float]:
    """Return a, b, c in µs and the median relative error of the fit."""
    shapes = np.array(list(costs), dtype=float)
    measured = np.array(list(costs.values()))
    terms = np.stack([np.ones(len(shapes)), shapes[:, 0], shapes.prod(axis=1)], axis=1)
    found, *_ = np.linalg.lstsq(terms / measured[:, None], np.ones(len(measured)), rcond=None)
    errors = np.abs(terms @ found / measured - 1)
    return found[0], found[1], found[2], float(np.median(errors))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["matrix", "tensors"])
def test_cost_against_columns_and_rows(kind: str, tmp_path: Path) -> None:
    text = kind == "tensors"
    costs: dict[tuple[int, int], float] = {}
    runs: list[float] = []
    for width in COLUMNS:
        columns = [
            column(f"c{i}", "object" if text and i % 5 == 0 else "float32") for i in range(width)
        ]
        graph = tensors_model(width) if text else matrix_model(width)
        first = records(width, 1, text)
        runtime = Runtime(pack(tmp_path / str(width), signature(*columns), graph, first))
        runtime.load()
        batch, _ = runtime.decoder.convert(first)
        runs.append(cpu(lambda b=batch, r=runtime: r.run(b, list)))
        for rows in ROWS:
            body = json.dumps(records(width, rows, text), separators=(",", ":")).encode()
            if len(body) <= Limits().body:
                costs[width, rows] = cpu(lambda b=body, r=runtime: r.predict(b))
        runtime.close()

    a, b, c, error = fit(costs)
    said = "one matrix" if kind == "matrix" else "a tensor a column, a fifth of them text"
    print(f"\nµs of CPU from body to body, by records, {said}; rows across, columns down:")
    print(" " * 8 + "".join(f"{rows:>10}" for rows in ROWS))
    for width in COLUMNS:
        shown = (costs.get((width, rows)) for rows in ROWS)
        print(f"{width:>8}" + "".join("  too long" if v is None else f"{v:10.0f}" for v in shown))
    print(
        f"  fit: {a:.0f} + {b:.3f} * columns + {c:.4f} * rows * columns µs; "
        f"off by {error:.0%} in the median"
    )
    print("  of one row, ONNX Runtime's own call: " + "  ".join(f"{v:.0f}" for v in runs))
    # a line holds: nothing of ours grows faster than the number of values; what the session does
    # with a thousand inputs does
    assert error <= 0.35
    own = [costs[width, 1] - run for width, run in zip(COLUMNS, runs, strict=True)]
    assert own[-1] <= 20 * max(own[2], 25)
    assert costs[100, 1000] <= 20 * costs[100, 100]
