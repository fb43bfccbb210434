"""Lines a user can paste; none holds the key itself."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any


def curl(endpoint: str, key_header: str | None, example: Mapping[str, Any]) -> str:
    """Return a shell line that asks the endpoint for one prediction.

    Parameters
    ----------
    endpoint
        URL of the deployment, without a trailing slash.
    key_header
        File with the key as a header line; curl reads it itself.
    example
        One row as a record.
    """
    words = ["curl", "-sS"]
    if key_header:
        words += ["-H", f"@{key_header}"]
    words += ["-H", "content-type: application/json"]
    words += ["-d", json.dumps([example], ensure_ascii=False), f"{endpoint}/predict"]
    return shlex.join(words)


def python(name: str) -> str:
    """Return Python lines that ask a deployment of this machine."""
    return f"import jupyter_deploy as jd\njd.connect({name!r}).predict(X_test[:3])"
