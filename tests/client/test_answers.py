from __future__ import annotations

from typing import Any

import httpx
import pytest

from jupyter_deploy.client.answers import failure
from jupyter_deploy.exceptions import (
    DeployError,
    GatewayError,
    NotFoundError,
    PredictionError,
    ServiceError,
)


def _wrong(row: int) -> dict[str, Any]:
    return {"row": row, "column": "age", "got": '"old"', "expected": "a number"}


@pytest.mark.parametrize(
    ("status", "problem", "kind", "said"),
    [
        (422, {"errors": [_wrong(3)]}, PredictionError, "row 3, column 'age': got \"old\", exp"),
        (422, {"errors": [_wrong(i) for i in range(9)]}, PredictionError, "and 6 more"),
        (400, {"errors": [{"row": None, "got": "a", "expected": "b"}]}, PredictionError, "got a,"),
        (413, {"detail": "too large"}, PredictionError, "413: too large"),
        (401, {"detail": "no key"}, GatewayError, "refused the key: no key"),
        (404, {"title": "Not Found"}, NotFoundError, "Nothing answers for 'churn'"),
        (503, {}, ServiceError, "not serving now: Service Unavailable"),
        (500, "a page", PredictionError, "500: a page"),
        (500, [1], PredictionError, "500: Internal Server Error"),
    ],
)
def test_refusals(status: int, problem: Any, kind: type[DeployError], said: str) -> None:
    content = {"text": problem} if isinstance(problem, str) else {"json": problem}
    answer = httpx.Response(status, headers={"x-request-id": "r1"}, **content)
    error = failure("churn", answer)
    assert type(error) is kind
    assert said in error.message
    assert error.hint
    assert error.detail["request_id"] == "r1"
    assert error.detail["http_status"] == status
