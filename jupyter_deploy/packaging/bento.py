"""Third step: write the Bento.

``bentoml.build`` isn't used for it: it imports the service into the user's kernel, where a
second build would meet the first one's modules, installs ``uv`` into the user's environment
when it is missing, and takes its place in the store before it is complete (see store.py).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.contents.content import Content, gather, notes_of, requirements_of
from jupyter_deploy.packaging.contents.copying import copy
from jupyter_deploy.packaging.dependencies.lock import locking
from jupyter_deploy.packaging.description import load_bentoml, write_description
from jupyter_deploy.packaging.golden import golden
from jupyter_deploy.packaging.provenance import Steps, provenance
from jupyter_deploy.packaging.store import add_to_store, bento_home
from jupyter_deploy.serving.packed import MODULES
from jupyter_deploy.types import VersionSpec

if TYPE_CHECKING:
    from jupyter_deploy.packaging.conversion import Converted

#: Version of manifest.json; the runtime refuses a newer one.
MANIFEST_VERSION = 2
#: File of the pickled hooks.
HOOKS = "hooks.pkl"


def build(
    converted: Converted,
    *,
    name: str,
    version: str,
    seconds: Mapping[str, float] | None = None,
) -> VersionSpec:
    """Pack a version into the user's Bento store.

    Either the whole Bento is listed by ``bentoml list`` afterwards, or nothing is.

    Parameters
    ----------
    name
        Of the deployment, and so of the Bento and its service.
    version
        Semantic version; must be new.
    seconds
        Times of the steps before this one, for the provenance.

    Returns
    -------
    VersionSpec
        What the controller needs; without stages.

    Raises
    ------
    ConflictError
        When the store has that version already.
    UnsupportedModelError
        When the model, or a module that it imports, can't be packed.
    PackagingError
        When the store can't be written to.
    """
    # read by bentoml when it is imported: packing a model tells nobody
    os.environ.setdefault("BENTOML_DO_NOT_TRACK", "true")
    steps = Steps(seconds)
    with steps("pickle"):
        content = gather(converted)
        sha256 = hashlib.sha256(content.model).hexdigest()
    with steps("requirements"):
        requirements = requirements_of(converted, content)
    with ExitStack() as stack:
        with steps("lock"):
            locked = stack.enter_context(locking(requirements))
        with steps("golden"):
            requests = golden(converted)
        with steps("provenance"):
            notes = notes_of(content)
            origin = provenance(
                converted,
                requirements,
                model=(sha256, len(content.model)),
                modules=content.imports.own,
                notes=[*converted.inspected.notes, *notes],
            )
        with steps("lock"):
            locked.advance()
        with steps("describe"):
            load_bentoml()  # while an index may be answering
        with steps("lock"):
            lock = locked.result()
    spec = VersionSpec(
        name=name,
        version=version,
        bento=f"{name}:{version}",
        bento_home=str(bento_home()),
        interpreter=sys.executable,
        engine=converted.engine,
        engine_reason=" ".join([converted.reason, *notes]),
        # lists for tuples, as it comes back from the wire
        signature=json.loads(json.dumps(converted.signature.to_json())),
        parity=converted.parity,
        provenance=origin.model_copy(update={"lock": lock.missing}),
        golden=requests,
    )

    def write(folder: Path) -> None:
        nonlocal spec
        model = folder / "src" / "model"
        with steps("write"):
            _write_source(folder / "src")
            _write_modules(folder / "src" / MODULES, content)
            _write_model(model, spec, content)
            _write_hooks(model, converted, content)
        with steps("describe"):
            write_description(folder, spec, requirements, lock)
        # last, since it has the times of all else
        known = spec.provenance.model_copy(update={"seconds": dict(steps.seconds)})
        spec = spec.model_copy(update={"provenance": known})
        _write_json(model / "provenance.json", known.model_dump(mode="json"))

    add_to_store(bento_home(), name, version, write, size=content.size)
    return spec


def _write_source(src: Path) -> None:
    from jupyter_deploy import serving
    from jupyter_deploy.serving.template import SERVICE_SOURCE

    (folder,) = map(Path, serving.__path__)
    files = (p for p in folder.rglob("*") if p.is_file() and p.parent.name != "__pycache__")
    copy({str(p.relative_to(folder)): p for p in files}, src / "model_runtime")
    (src / "service.py").write_text(SERVICE_SOURCE)


def _write_modules(folder: Path, content: Content) -> None:
    if content.modules:
        copy(content.modules, folder)


def _write_model(folder: Path, spec: VersionSpec, content: Content) -> None:
    folder.mkdir()
    (folder / content.file).write_bytes(content.model)
    _write_json(folder / "manifest.json", _manifest(spec, content))
    _write_json(folder / "signature.json", spec.signature)
    _write_json(folder / "parity.json", spec.parity and spec.parity.model_dump(mode="json"))
    _write_json(folder / "golden.json", [g.model_dump(mode="json") for g in spec.golden])


def _write_hooks(folder: Path, converted: Converted, content: Content) -> None:
    if content.hooks is not None:
        (folder / HOOKS).write_bytes(content.hooks)
        inner = converted.inspected.model_signature.to_json()
        _write_json(folder / "model_signature.json", inner)


def _manifest(spec: VersionSpec, content: Content) -> dict[str, Any]:
    """What the runtime reads first."""
    hooks = content.hooks
    return {
        "schema_version": MANIFEST_VERSION,
        "name": spec.name,
        "version": spec.version,
        "package_version": spec.provenance.package_version,
        "engine": spec.engine.value,
        "engine_reason": spec.engine_reason,
        "file": content.file,
        "sha256": spec.provenance.model_sha256,
        "hooks": hooks and {"file": HOOKS, "sha256": hashlib.sha256(hooks).hexdigest()},
        "warmup": spec.golden[0].request[:1] if spec.golden else [spec.signature["example"]],
    }


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
