"""Lines a user can paste; none holds the key itself."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: What a shell leaves as it is between double quotes.
_PLAIN = re.compile(r"[\w./ +-]+")


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
    key = f"-H {_at(Path(key_header))} " if key_header else ""
    words = ["-H", "content-type: application/json"]
    words += ["-d", json.dumps([example], ensure_ascii=False), f"{endpoint}/predict"]
    return f"curl -sS {key}{shlex.join(words)}"


def _at(file: Path) -> str:
    """Return curl's ``@FILE``; by ``$HOME`` where it can, so that a notebook can be shared."""
    home = Path.home()
    if file.is_relative_to(home) and _PLAIN.fullmatch(path := str(file.relative_to(home))):
        return f'@"$HOME/{path}"'
    return shlex.quote(f"@{file}")


def python(name: str) -> str:
    """Return Python lines that ask a deployment of this machine."""
    return f"import jupyter_deploy as jd\njd.connect({name!r}).predict(X_test[:3])"
