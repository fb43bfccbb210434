"""The one kind of jupyter_event this package emits: something changed, look again.

An event is a hint and carries no state: events may be lost, and every holder of the server's
token can forge one. Who receives one reads again over REST.
"""

from __future__ import annotations

from typing import Any

SCHEMA_ID = "https://events.jupyter-deploy.org/deployment/v1"

#: `kind` is a kind of :class:`jupyter_deploy.types.Event`, or one of these two.
HEARTBEAT = "heartbeat"
CONTROLLER_STATE = "controller.state"

SCHEMA: dict[str, Any] = {
    "$id": SCHEMA_ID,
    "version": "1",
    "title": "Deployment changed",
    "description": "A hint that a deployment, or what looks after it, changed.",
    "personal-data": False,
    "type": "object",
    "required": ["kind", "seq", "deployment", "version", "state"],
    "properties": {
        "kind": {"type": "string", "description": "what happened; 'heartbeat' when nothing did"},
        "seq": {"type": "integer", "description": "number of the newest event of the log"},
        "deployment": {"type": "string", "description": "name, or empty"},
        "version": {"type": "string", "description": "version, or empty"},
        "state": {"type": "string", "description": "state of the link to the controller"},
    },
}
