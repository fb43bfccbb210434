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


def test_import_takes_no_time() -> None:
    answers = [
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    seconds = min(float(answer.stdout.splitlines()[0]) for answer in answers)
    assert seconds < 0.05
    heavy = {"bentoml", "pandas", "numpy", "sklearn", "onnx", "pydantic", "sqlalchemy", "fastapi"}
    assert not heavy & set(answers[0].stdout.splitlines()[1].split())
