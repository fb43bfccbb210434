"""Where a version comes from: who packed what, when, with what."""

from __future__ import annotations

import getpass
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jupyter_deploy._version import __version__
from jupyter_deploy.packaging.signature import sample_sha256
from jupyter_deploy.types import Engine, Provenance

if TYPE_CHECKING:
    from jupyter_deploy.packaging.conversion import Converted


def provenance(converted: Converted, pins: dict[str, str], model_sha256: str) -> Provenance:
    """Write down the origin of a version that is being packed now."""
    inspected = converted.inspected
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        user=_user(),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=pins,
        model_type=inspected.model_type,
        model_sha256=model_sha256,
        sample_sha256=sample_sha256(inspected.sample),
        sample_rows=len(inspected.sample),
        serialization="onnx" if converted.engine is Engine.ONNX else "cloudpickle",
        package_version=__version__,
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container's numeric user without a name
