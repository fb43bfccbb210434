"""What commands answer: each knows its JSON form and its text form.

Widgets render the HTML form of the same results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_deploy.client.deployment import live_version
from jupyter_deploy.commands import snippets, texts
from jupyter_deploy.commands.nouns import Face
from jupyter_deploy.commands.remarks import remarks

if TYPE_CHECKING:
    from jupyter_deploy.client.deployment import Deployment
    from jupyter_deploy.client.signature import VersionSignature
    from jupyter_deploy.types import (
        ControllerInfo,
        DeploymentDetail,
        DeploymentInfo,
        LogPage,
        StageReport,
        VersionSpec,
    )


class Result(Protocol):
    """What every result can do."""

    def to_json(self) -> Any:
        """Return JSON-serialisable data, for programs."""
        ...

    def to_text(self) -> str:
        """Return plain text, for people."""
        ...


@dataclass(frozen=True)
class Deployed:
    """A version that went live."""

    deployment: Deployment
    detail: DeploymentDetail
    key_header: str | None
    stages: Sequence[StageReport] = ()
    face: Face = "magic"

    @property
    def info(self) -> DeploymentInfo:
        return self.detail.deployment

    @property
    def spec(self) -> VersionSpec:
        return live_version(self.detail).spec

    @property
    def remarks(self) -> list[tuple[str, str]]:
        return remarks(self.detail, live_version(self.detail))

    @property
    def curl(self) -> str:
        return snippets.curl(self.info.endpoint, self.key_header, self.spec.signature["example"])

    @property
    def python(self) -> str:
        return snippets.python(self.info.name)

    def to_json(self) -> dict[str, Any]:
        spec = self.spec
        return {
            **_dump(self.info),
            "engine_reason": spec.engine_reason,
            "parity": _dump(spec.parity) if spec.parity else None,
            "bento": spec.bento,
            "remarks": dict(self.remarks),
            "stages": [_dump(stage) for stage in self.stages],
            "key_header": self.key_header,
        }

    def to_text(self) -> str:
        return texts.card(self)


@dataclass(frozen=True)
class Listing:
    """All deployments."""

    deployments: Sequence[DeploymentInfo]

    def to_json(self) -> list[dict[str, Any]]:
        return [_dump(info) for info in self.deployments]

    def to_text(self) -> str:
        return texts.listing(self.deployments)


@dataclass(frozen=True)
class Overview:
    """The installation: controller, gateway and deployments."""

    controller: ControllerInfo
    deployments: Sequence[DeploymentInfo]

    def to_json(self) -> dict[str, Any]:
        return {
            "controller": _dump(self.controller),
            "deployments": [_dump(info) for info in self.deployments],
        }

    def to_text(self) -> str:
        return texts.overview(self)


@dataclass(frozen=True)
class Detail:
    """One deployment with its versions and processes."""

    detail: DeploymentDetail

    def to_json(self) -> dict[str, Any]:
        return _dump(self.detail)

    def to_text(self) -> str:
        return texts.detail(self.detail)


@dataclass(frozen=True)
class Shown:
    """What a version takes and answers."""

    signature: VersionSignature

    def to_json(self) -> dict[str, Any]:
        found = self.signature
        return {"name": found.name, "version": found.version, "signature": found.to_json()}

    def to_text(self) -> str:
        return repr(self.signature)


@dataclass(frozen=True)
class Predictions:
    """An answer of an endpoint; `value` is what a notebook gets."""

    answer: Mapping[str, Any]
    value: Any
    proba: bool = False

    def to_json(self) -> dict[str, Any]:
        return dict(self.answer)

    def to_text(self) -> str:
        return texts.predictions(self.answer, self.proba)


@dataclass(frozen=True)
class LogLines:
    """Log lines of a version's workers; with `more`, those that come while it is iterated."""

    page: LogPage
    more: Iterator[str] | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        return _dump(self.page)

    def to_text(self) -> str:
        return "\n".join(self.page.lines) or "(no lines yet)"


@dataclass(frozen=True)
class Changed:
    """A deployment that was stopped or started."""

    info: DeploymentInfo

    def to_json(self) -> dict[str, Any]:
        return _dump(self.info)

    def to_text(self) -> str:
        return texts.line(self.info)


@dataclass(frozen=True)
class Removed:
    """A deployment that is gone; `bentos`: some of its versions are still in the Bento store."""

    name: str
    removed: bool = True
    bentos: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "removed": self.removed}

    def to_text(self) -> str:
        if not self.removed:
            return f"{self.name} was kept."
        if not self.bentos:
            return f"{self.name} is removed."
        return f"{self.name} is removed; its Bentos are still listed by: bentoml list {self.name}"


@dataclass(frozen=True)
class Raised:
    """Outcome of ``up``."""

    deployments: Sequence[DeploymentInfo]
    gateway: str

    def to_json(self) -> dict[str, Any]:
        return {"gateway": self.gateway, "deployments": [_dump(d) for d in self.deployments]}

    def to_text(self) -> str:
        return texts.listing(self.deployments)


@dataclass(frozen=True)
class Lowered:
    """Outcome of ``down``."""

    was_running: bool

    def to_json(self) -> dict[str, Any]:
        return {"stopped": self.was_running}

    def to_text(self) -> str:
        if not self.was_running:
            return "Nothing was running."
        return "Controller, services and gateway are stopped. Back with: jupyter model-deploy up"


@dataclass(frozen=True)
class Said:
    """Plain words: help, version."""

    text: str

    def to_json(self) -> dict[str, str]:
        return {"text": self.text}

    def to_text(self) -> str:
        return self.text


def _dump(model: Any) -> dict[str, Any]:
    found: dict[str, Any] = model.model_dump(mode="json")
    return found
