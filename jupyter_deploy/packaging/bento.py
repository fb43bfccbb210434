"""Third step: write the Bento.

The folder is laid out as ``bentoml.build`` of the pinned version does it (a test compares the
two), without what that does besides: it imports the service into the user's kernel, where a
second build would meet the first one's modules, installs ``uv`` into the user's environment
when it is missing, and takes its place in the store before it is complete (see store.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.golden import golden
from jupyter_deploy.packaging.pickling import dump
from jupyter_deploy.packaging.provenance import provenance
from jupyter_deploy.packaging.requirements import lines, pin
from jupyter_deploy.packaging.store import add_to_store, bento_home
from jupyter_deploy.types import VersionSpec

if TYPE_CHECKING:
    from jupyter_deploy.packaging.conversion import Converted

#: Version of manifest.json; the runtime refuses a newer one.
MANIFEST_VERSION = 2
#: The object in service.py (jupyter_deploy/serving/template.py).
SERVICE = "service:svc"


def build(converted: Converted, *, name: str, version: str) -> VersionSpec:
    """Pack a version into the user's Bento store.

    Either the whole Bento is listed by ``bentoml list`` afterwards, or nothing is.

    Parameters
    ----------
    name
        Of the deployment, and so of the Bento and its service.
    version
        Semantic version; must be new.

    Returns
    -------
    VersionSpec
        What the controller needs; without stages.

    Raises
    ------
    ConflictError
        When the store has that version already.
    UnsupportedModelError
        When the model can't be pickled.
    PackagingError
        When the store can't be written to.
    """
    # read by bentoml when it is imported: packing a model tells nobody
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
    if converted.onnx is not None:
        data, modules, file = converted.onnx, frozenset[str](), "model.onnx"
    else:
        data, modules = dump(converted.inspected.model)
        file = "model.pkl"
    hooks: bytes | None = None
    chosen = getattr(converted.inspected, "hooks", None)
    if chosen is not None:
        hooks, more = dump({"preprocess": chosen.preprocess, "postprocess": chosen.postprocess})
        modules |= more
    sha256 = hashlib.sha256(data).hexdigest()
    pins = pin(converted.engine, converted.signature.layout, modules)
    requests = golden(converted)
    spec = VersionSpec(
        name=name,
        version=version,
        bento=f"{name}:{version}",
        bento_home=str(bento_home()),
        interpreter=sys.executable,
        engine=converted.engine,
        engine_reason=converted.reason,
        # lists for tuples, as it comes back from the wire
        signature=json.loads(json.dumps(converted.signature.to_json())),
        parity=converted.parity,
        provenance=provenance(converted, pins, sha256),
        golden=requests,
    )
    manifest = {
        "schema_version": MANIFEST_VERSION,
        "name": name,
        "version": version,
        "package_version": spec.provenance.package_version,
        "engine": converted.engine.value,
        "engine_reason": converted.reason,
        "file": file,
        "sha256": sha256,
        "hooks": {"file": "hooks.pkl", "sha256": hashlib.sha256(hooks).hexdigest()}
        if hooks is not None
        else None,
        "warmup": requests[0].request[:1] if requests else [dict(converted.signature.example)],
    }

    def write(folder: Path) -> None:
        _write_source(folder / "src")
        _write_model(folder / "src" / "model", spec, manifest, data)
        if hooks is not None:
            inner = json.dumps(converted.inspected.model_signature.to_json(), indent=2)
            (folder / "src" / "model" / "hooks.pkl").write_bytes(hooks)
            (folder / "src" / "model" / "model_signature.json").write_text(inner + "\n")
        _write_description(folder, spec)

    add_to_store(bento_home(), name, version, write)
    return spec


def _write_source(src: Path) -> None:
    from jupyter_deploy import serving
    from jupyter_deploy.serving.template import SERVICE_SOURCE

    folders = list(serving.__path__)
    shutil.copytree(folders[0], src / "model_runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (src / "service.py").write_text(SERVICE_SOURCE)


def _write_model(folder: Path, spec: VersionSpec, manifest: dict[str, Any], data: bytes) -> None:
    folder.mkdir()
    (folder / manifest["file"]).write_bytes(data)
    documents = {
        "manifest": manifest,
        "signature": spec.signature,
        "parity": spec.parity.model_dump(mode="json") if spec.parity else None,
        "provenance": spec.provenance.model_dump(mode="json"),
        "golden": [g.model_dump(mode="json") for g in spec.golden],
    }
    for name, document in documents.items():
        text = json.dumps(document, indent=2, allow_nan=False)
        (folder / f"{name}.json").write_text(text + "\n")


def _write_description(folder: Path, spec: VersionSpec) -> None:
    """What makes a folder a Bento: bento.yaml, requirements, Dockerfile, API, readme."""
    with warnings.catch_warnings():
        # bentoml 1.4.39 imports and calls what its own requirements deprecate
        warnings.simplefilter("ignore", DeprecationWarning)
        from bentoml import Bento, Tag
        from bentoml._internal.bento.bento import BentoInfoV2, BentoServiceInfo

        from jupyter_deploy.serving.service import build_service

        # describes itself without loading the model
        service = build_service(folder / "src" / "model", module=__name__)
        image = _pinned_image(lines(spec.provenance.packages)).freeze(folder, [], None)
        schema = service.schema()
        openapi = service.openapi_spec
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
        "python": {"packages": lines(spec.provenance.packages), "lock_packages": False},
    }
    (folder / "README.md").write_text(_readme(spec))
    (folder / "apis").mkdir()
    (folder / "apis" / "schema.json").write_text(json.dumps(schema, indent=2))
    # JSON is YAML
    (folder / "apis" / "openapi.yaml").write_text(json.dumps(openapi.asdict(), indent=2))
    (folder / "src" / "bentofile.yaml").write_text(json.dumps(options, indent=2))
    Bento(info.tag, folder, info).flush_info()


def _pinned_image(requirements: list[str]) -> Any:
    from bentoml.images import Image

    class PinnedImage(Image):  # type: ignore[misc]  # bentoml has no types here
        """The requirements are exact already: nothing to resolve, so no uv."""

        def _freeze_python_requirements(self, bento_fs: Path, platform_: str | None = None) -> str:
            text = "\n".join(requirements) + "\n"
            folder = bento_fs / "env" / "python"
            folder.mkdir(parents=True)
            (folder / "requirements.in").write_text(text)
            return text

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
