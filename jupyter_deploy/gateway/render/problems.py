"""What Envoy answers by itself, as ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from jupyter_deploy.gateway.plan import BODY_MAX

PROBLEM = "application/problem+json"

#: Response flags of Envoy whose own words would mean nothing to a caller.
_BY_FLAG = (
    ("UH", 503, "No worker of this deployment is ready. It may be starting again; try again."),
    ("UF", 503, "The worker couldn't be reached. It may be starting again; try again."),
    ("UC", 503, "The worker went away while it answered."),
    ("UO", 503, "Too many requests are waiting for this deployment."),
    ("NC", 503, "This deployment has no workers."),
    ("UT", 504, "The worker took longer than this deployment's timeout."),
)

#: Statuses that no route of ours answers with, so that the words are Envoy's.
_BY_STATUS = {
    400: "The request isn't well-formed, or its path holds an encoded slash.",
    413: f"The body is longer than {BODY_MAX // 2**20} MiB. Send the rows in smaller batches.",
}

_STATUSES = (400, 401, 403, 404, 408, 413, 415, 421, 426, 429, 431, 500, 502, 503, 504)


def local_replies() -> dict[str, Any]:
    """Return the format of the answers that come from the gateway and not from a service.

    Those below 400 keep their body: they are the protocol's own documents.
    """
    return {
        "mappers": [
            {
                "filter": _status("LE", 399),
                "body_format_override": {
                    "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
                    "content_type": "application/json",
                },
            },
            *(
                {
                    "filter": {"response_flag_filter": {"flags": [flag]}},
                    "body_format_override": _problem(status, detail),
                }
                for flag, status, detail in _BY_FLAG
            ),
            *(
                {
                    "filter": _status("EQ", status),
                    "body_format_override": _problem(
                        status, _BY_STATUS.get(status, "%LOCAL_REPLY_BODY%")
                    ),
                }
                for status in _STATUSES
            ),
        ],
        "body_format": _problem(None, "%LOCAL_REPLY_BODY%"),
    }


def _status(operator: str, status: int) -> dict[str, Any]:
    value = {"default_value": status, "runtime_key": "gateway.unused"}
    return {"status_code_filter": {"comparison": {"op": operator, "value": value}}}


def _problem(status: int | None, detail: str) -> dict[str, Any]:
    title = HTTPStatus(status).phrase if status else "Error"
    return {
        "json_format": {
            "type": "urn:jupyter-deploy:gateway" if status is None else _urn(title),
            "title": title,
            "status": "%RESPONSE_CODE%",
            "detail": detail,
            # clients of the Open Inference Protocol read this member and no other
            "error": detail,
            "request_id": "%REQ(X-REQUEST-ID):128%",
        },
        "content_type": PROBLEM,
    }


def _urn(title: str) -> str:
    return f"urn:jupyter-deploy:gateway:{title.lower().replace(' ', '-')}"
