"""What makes a folder a Bento: bento.yaml, requirements, Dockerfile, API, readme.

Laid out as ``bentoml.build`` of the pinned version does it; a test compares the two.
"""

from __future__ import annotations

import json
import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyter_deploy.packaging.dependencies.lock import Lock
from jupyter_deploy.packaging.dependencies.requirements import Requirement
from jupyter_deploy.types import VersionSpec

#: The object in service.py (jupyter_deploy/serving/template.py).
SERVICE = "service:svc"


def load_bentoml() -> None:
    """Import what writing a description needs, half a second; does nothing the second time."""
    with warnings.catch_warnings():
        # bentoml 1.4.39 imports and calls what its own requirements deprecate
        warnings.simplefilter("ignore", DeprecationWarning)

        import jupyter_deploy.serving.service  # noqa: F401


def write_description(
    folder: Path, spec: VersionSpec, requirements: Sequence[Requirement], lock: Lock
) -> None:
    """Complete a folder that has the Bento's ``src``.

    Parameters
    ----------
    requirements
        What the model needs directly.
    lock
        All that this needs in turn.
    """
    asked = [r.line for r in requirements]
    with warnings.catch_warnings():
        # bentoml 1.4.39 imports and calls what its own requirements deprecate
        warnings.simplefilter("ignore", DeprecationWarning)
        from bentoml import Bento, Tag
        from bentoml._internal.bento.bento import BentoInfoV2, BentoServiceInfo

        from jupyter_deploy.serving.service import build_service

        # describes itself without loading the model
        service = build_service(folder / "src" / "model", module=__name__)
        image = _pinned_image(asked, lock).freeze(folder, [], None)
        schema = service.schema()
        openapi = service.openapi_spec
    # bento.yaml has the versions alone, as bentoml does it; installers read the hashes here
    (folder / "env" / "python" / "requirements.txt").write_text(lock.text)
    info = BentoInfoV2(
        tag=Tag(spec.name, spec.version),
        service=SERVICE,
        entry_service=spec.name,
        labels={"engine": spec.engine.value, "packed-by": "jupyter-model-deploy"},
        services=[BentoServiceInfo.from_service(service)],
        schema=schema,
        image=image,
    )
    options = {
        "service": SERVICE,
        "name": spec.name,
        "labels": info.labels,
        "python": {"packages": asked, "lock_packages": False},
    }
    (folder / "README.md").write_text(_readme(spec))
    (folder / "apis").mkdir()
    (folder / "apis" / "schema.json").write_text(json.dumps(schema, indent=2))
    # JSON is YAML
    (folder / "apis" / "openapi.yaml").write_text(json.dumps(openapi.asdict(), indent=2))
    (folder / "src" / "bentofile.yaml").write_text(json.dumps(options, indent=2))
    Bento(info.tag, folder, info).flush_info()


def _pinned_image(asked: Sequence[str], lock: Lock) -> Any:
    from bentoml.images import Image

    class PinnedImage(Image):  # type: ignore[misc]  # bentoml has no types here
        """The requirements are locked already: nothing to resolve, and nothing to install."""

        def _freeze_python_requirements(self, bento_fs: Path, platform_: str | None = None) -> str:
            folder = bento_fs / "env" / "python"
            folder.mkdir(parents=True)
            (folder / "requirements.in").write_text("".join(f"{line}\n" for line in asked))
            return "".join(f"{pin}\n" for pin in lock.pins)

    return PinnedImage(lock_python_packages=False)


def _readme(spec: VersionSpec) -> str:
    inputs = "\n".join(
        f"- `{c['name']}`: {c['kind']}{' or null' if c['nullable'] else ''}"
        for c in spec.signature["inputs"]
    )
    example = shlex.quote(json.dumps([spec.signature["example"]]))
    curl = f"curl -H 'content-type: application/json' -d {example} http://127.0.0.1:3000/predict"
    return (
        f"# {spec.bento}\n\n"
        f"{spec.provenance.model_type}, packed by jupyter-model-deploy "
        f"{spec.provenance.package_version} on {spec.provenance.created}.\n"
        f"{spec.engine_reason}\n\n"
        f"```\nbentoml serve {spec.bento}\n{curl}\n```\n\n"
        f"## Input\n\n{inputs}\n"
    )
