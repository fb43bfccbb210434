"""What an endpoint's refusal means, as an exception that says where and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import (
    DEPLOY,
    DeployError,
    GatewayError,
    NotFoundError,
    PredictionError,
    ServiceError,
)

if TYPE_CHECKING:
    import httpx

#: Wrong cells named in a message; the rest is counted.
_SHOWN = 3


def failure(name: str, answer: httpx.Response) -> DeployError:
    """Return the exception for an answer that is no prediction.

    Parameters
    ----------
    name
        The deployment that was asked.
    answer
        The HTTP answer, usually ``application/problem+json``.
    """
    problem = _problem(answer)
    said = str(problem.get("detail") or problem.get("title") or answer.reason_phrase)
    facts = {
        "http_status": answer.status_code,
        "request_id": answer.headers.get("x-request-id") or problem.get("request_id"),
    }
    match answer.status_code:
        case 401 | 403:
            return GatewayError(
                f"The gateway refused the key: {said}",
                f"The key file may be of another installation; see: {DEPLOY} status",
                **facts,
            )
        case 404:
            return NotFoundError(f"Nothing answers for {name!r}: {said}", _hint(name), **facts)
        case 502 | 503 | 504:
            return ServiceError(f"{name!r} is not serving now: {said}", _hint(name), **facts)
    errors = problem.get("errors") or []
    if errors:
        return PredictionError(
            f"{name!r} refused the input: {_places(errors)}",
            f"What it takes: {DEPLOY} signature {name}",
            errors=errors,
            **facts,
        )
    return PredictionError(f"{name!r} answered {answer.status_code}: {said}", _log(name), **facts)


def unreached(name: str, endpoint: str, error: Exception) -> GatewayError:
    """Return the exception for an endpoint that can't be connected to."""
    return GatewayError(
        f"{endpoint} does not answer ({type(error).__name__}).",
        f"Bring everything back in a terminal with: jupyter model-deploy up  (asked for {name!r})",
    )


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {"detail": answer.text[:300]}
    return found if isinstance(found, dict) else {}


def _places(errors: list[dict[str, Any]]) -> str:
    places = "; ".join(map(_place, errors[:_SHOWN]))
    rest = len(errors) - _SHOWN
    return f"{places}; and {rest} more" if rest > 0 else places


def _place(error: dict[str, Any]) -> str:
    where = []
    if error.get("row") is not None:
        where.append(f"row {error['row']}")
    if error.get("column") is not None:
        where.append(f"column {error['column']!r}")
    what = f"got {error.get('got')}, expected {error.get('expected')}"
    return f"{', '.join(where)}: {what}" if where else what


def _hint(name: str) -> str:
    return f"See: {DEPLOY} status {name}; start it with: {DEPLOY} start {name}"


def _log(name: str) -> str:
    return f"See: {DEPLOY} logs {name}"
