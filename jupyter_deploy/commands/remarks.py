"""What is worth knowing of a version beside where it runs: nothing where all is as usual."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_deploy.compatibility import differences, parse, sentences
from jupyter_deploy.serving.signature import Signature
from jupyter_deploy.types import VersionState

if TYPE_CHECKING:
    from jupyter_deploy.types import DeploymentDetail, VersionInfo, VersionSpec

#: States of a version that was live before another one.
_SERVED = (VersionState.DRAINING, VersionState.STOPPED)


def remarks(detail: DeploymentDetail, version: VersionInfo) -> list[tuple[str, str]]:
    """Return labels and sentences about one of the versions of a deployment."""
    origin = version.spec.provenance
    found = [
        ("breaking", breaking(detail, version)),
        ("functions", ", ".join(f"{where}: {name}" for where, name in origin.hooks.items())),
        ("modules", ", ".join(origin.modules)),
        ("lock", f"none: {origin.lock}" if origin.lock else ""),
        ("notes", " ".join(n for n in origin.notes if n not in version.spec.engine_reason)),
    ]
    return [(label, text) for label, text in found if text]


def breaking(detail: DeploymentDetail, version: VersionInfo) -> str:
    """Return what callers of the version that served before have to change; else nothing."""
    older = detail.versions[detail.versions.index(version) + 1 :]
    before = next((one for one in older if one.state in _SERVED), None)
    if before is None or _major(before.spec) >= _major(version.spec):
        return ""
    found = differences(_signature(before.spec), _signature(version.spec))
    return f"since {before.spec.version}: {'; '.join(sentences(found))}" if found else ""


def _major(spec: VersionSpec) -> int:
    return (parse(spec.version) or (0, 0, 0))[0]


def _signature(spec: VersionSpec) -> Signature:
    return Signature.from_json(spec.signature)
