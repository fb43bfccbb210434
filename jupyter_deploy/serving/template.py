"""Text of the ``service.py`` that packaging writes into a Bento, verbatim."""

from __future__ import annotations

#: Lies next to the folders ``model_runtime`` and ``model``; ``bentoml.build("service:svc")``.
SERVICE_SOURCE = '''\
"""The service of this Bento. Written by jupyter_deploy; the runtime lies next to this file."""

from pathlib import Path

from model_runtime import threads

threads.bound()  # before numpy and its like are loaded

from model_runtime.service import build_service  # noqa: E402

svc = build_service(Path(__file__).resolve().parent / "model", module=__name__)
'''
