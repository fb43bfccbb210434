"""A problem as each of the protocols has it."""

from __future__ import annotations

from typing import Any

import orjson

from .. import oip
from ..problems import MethodNotAllowed, Problem
from . import mlflow
from .exchange import Reply

PROBLEM_JSON = b"application/problem+json"


def problem_document(problem: Problem, request_id: str) -> Reply:
    """Return the answer of every route but those of other protocols: RFC 9457."""
    return _reply(problem, problem.status, problem.document(request_id), PROBLEM_JSON)


def mlflow_error(problem: Problem, request_id: str) -> Reply:
    """Return the same document with what MLflow's clients look for in it.

    They know 400 for anything wrong with the input.
    """
    status = _without_422(problem)
    document = problem.document(request_id) | {"status": status, **mlflow.error(problem)}
    return _reply(problem, status, document, PROBLEM_JSON)


def oip_error(problem: Problem, request_id: str) -> Reply:
    """Return the one sentence that the Open Inference Protocol has room for.

    Its clients know 400 for anything wrong with the input.
    """
    status = _without_422(problem)
    return _reply(problem, status, {"error": oip.message(problem)}, b"application/json")


def _without_422(problem: Problem) -> int:
    return 400 if problem.status == 422 else problem.status


def _reply(problem: Problem, status: int, document: dict[str, Any], kind: bytes) -> Reply:
    headers: list[tuple[bytes, bytes]] = []
    if problem.retry_after is not None:
        headers.append((b"retry-after", str(problem.retry_after).encode()))
    if isinstance(problem, MethodNotAllowed):
        headers.append((b"allow", problem.allowed.encode()))
    return Reply(status, orjson.dumps(document), kind, headers=headers)
