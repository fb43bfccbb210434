"""Errors of the controller's HTTP API as problem documents, also in its OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from jupyter_deploy.exceptions import (
    ControllerError,
    DeployError,
    MethodError,
    NotFoundError,
    UsageError,
)
from jupyter_deploy.types import Problem

MEDIA_TYPE = "application/problem+json"


class Api(FastAPI):
    """An application whose every error is a problem document, and that says so."""

    def __init__(self, **options: Any) -> None:
        error = {
            "description": "What went wrong; `code` and `status` say which error it is.",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        # "default" also keeps FastAPI from declaring its own form of 422
        super().__init__(**options, responses={"default": error})
        self.add_exception_handler(DeployError, _problem)
        self.add_exception_handler(RequestValidationError, _invalid)
        self.add_exception_handler(HTTPException, _unrouted)
        # the server logs the traceback all the same
        self.add_exception_handler(Exception, _unexpected)

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the schema that every route refers to."""
        document = super().openapi()
        document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        return document


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, DeployError)  # noqa: S101 (what it is registered for)
    return _document(error)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 (as above)
    facts = [
        {"where": ".".join(str(part) for part in item["loc"]), "what": item["msg"]}
        for item in error.errors()
    ]
    first = facts[0] if facts else {"where": "request", "what": "is not valid"}
    usage = UsageError(
        f"The request is not valid: {first['where']}: {first['what']}.",
        "Client and controller may be of different versions: restart the controller.",
        errors=facts,
    )
    return _document(usage, HTTPStatus.UNPROCESSABLE_ENTITY)


async def _unrouted(request: Request, error: Exception) -> Response:
    """Answer what the framework refused before any route of ours was asked."""
    assert isinstance(error, HTTPException)  # noqa: S101 (as above)
    path = request.url.path
    found: DeployError
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            found = NotFoundError(f"The controller has no such resource: {path}.")
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("allow", "")
            found = MethodError(
                f"{path} takes no {request.method}.", f"It takes: {allowed}." if allowed else ""
            )
        case _:
            found = UsageError(f"The request can't be read: {error.detail}.")
    return _document(found, error.status_code, error.headers)


async def _unexpected(_request: Request, error: Exception) -> Response:
    """Answer a defect of ours without its inside."""
    return _document(
        ControllerError(
            f"The controller failed on this request: {type(error).__name__}.",
            "This is a defect of jupyter_deploy; the controller's log has the details.",
        ),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )


def _document(error: DeployError, status: int = 0, headers: Any = None) -> Response:
    status = status or error.status
    return JSONResponse(
        {**error.problem(), "status": int(status)},
        status_code=status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )
