"""Loading the extension must not slow the start of every Jupyter server."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, time
import jupyter_server.serverapp, jupyter_server.extension.application
began = time.process_time()
import jupyter_deploy
jupyter_deploy._jupyter_server_extension_points()
print(time.process_time() - began)
print(*sys.modules)
"""


def load() -> tuple[float, set[str]]:
    """Seconds of CPU, and the modules that are loaded afterwards."""
    said = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    return float(said[0]), set(said[1].split())


def test_import_takes_no_time() -> None:
    # the first one may have to compile
    assert any(load()[0] < 0.05 for _ in range(3))


def test_nothing_heavy_is_imported() -> None:
    heavy = {"bentoml", "pandas", "numpy", "sklearn", "onnx", "pydantic", "sqlalchemy", "fastapi"}
    assert not heavy & load()[1]
