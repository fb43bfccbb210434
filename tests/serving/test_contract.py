"""A live worker held to its own OpenAPI document by schemathesis.

Whatever is made of the document, valid or not, is answered without a 5xx; what it says is invalid
isn't answered with 2xx; every answer has a declared status, content type and form.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.config import Paths
from tests.serving.packs import (
    column,
    forest_onnx,
    mixed_onnx,
    native,
    pack,
    project,
    ridge_onnx,
    signature,
)
from tests.serving.workers import worker
from tests.waiting import wait_for

# That what fits the schema is accepted is checked below by what can be said in a schema at all:
# columns of one length and the fields of a CSV can't. The key is the gateway's to ask for.
_EXCLUDED = "positive_data_acceptance,ignored_auth"


def strict() -> tuple[Any, bytes, list[dict[str, Any]]]:
    """Columns of every kind with policies that a schema can state; it answers whatever comes."""
    sig = signature(
        column("amount", minimum=0.0, maximum=100.0),
        column("count", "int16"),
        column("city", "object", categories=("Bern", "Oslo"), nullable=True),
        column("member", "bool"),
        column("day", "datetime64[ns]", kind="datetime", minimum="2024-01-01T00:00:00"),
        column("due", "datetime64[ns, UTC]", kind="datetime"),
    )
    sig = replace(sig, policies={"range": "reject", "category": "reject"}, max_rows=3)
    row = {
        "amount": 1.5,
        "count": 3,
        "city": "Bern",
        "member": True,
        "day": "2024-01-31T12:30:00",
        "due": "2024-01-31T12:30:00+00:00",
    }
    return sig, native(lambda table: table["amount"].to_numpy()), [row]


def lax() -> tuple[Any, bytes, list[dict[str, Any]]]:
    """The same kinds under the policies that let most things in."""
    sig, model, rows = strict()
    policies: dict[str, Any] = {
        "missing": "coerce",
        "extra": "pass",
        "type": "coerce",
        "null": "pass",
        "infinite": "coerce",
        "empty": "pass",
        "range": "coerce",
    }
    return replace(sig, policies=policies, max_rows=None), model, rows


def check(folder: Path, packed: Any, engine: str, examples: int) -> None:
    """Serve a model and run schemathesis on it."""
    sig, model, rows = packed
    target = project(folder / "project")
    pack(target / "model", sig, model, rows[:1], engine)
    with worker(str(target), folder, folder / "metrics", tcp=True) as (client, _, address):
        wait_for(lambda: client.get("/healthz").status_code == 200, 30, "the worker")
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            *(f"http://{address}/openapi.json", "--url", f"http://{address}"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(examples)),
            *("--exclude-checks", _EXCLUDED, "--generation-deterministic", "--no-color"),
            *("--warnings", "off", "--output-truncate", "false"),
        ]
        found = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(folder)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr[-2000:]
    assert "Operations:" in found.stdout
    assert "Traceback" not in (folder / "1.log").read_text()


@pytest.fixture
def folder(shared_paths: Paths) -> Path:
    """A folder of a short path, for sockets."""
    folder = shared_paths.runtime / os.urandom(3).hex()
    folder.mkdir()
    return folder


def test_the_worker_keeps_its_contract(folder: Path) -> None:
    check(folder, strict(), "native", 5)


@pytest.mark.long
@pytest.mark.parametrize(
    ("packed", "engine"),
    [
        (strict, "native"),
        (lax, "native"),
        (mixed_onnx, "onnxruntime"),
        (forest_onnx, "onnxruntime"),
        (ridge_onnx, "onnxruntime"),
    ],
)
def test_every_kind_of_model_keeps_it(folder: Path, packed: Any, engine: str) -> None:
    check(folder, packed(), engine, 200)
