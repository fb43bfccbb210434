"""The files of a packed model, as packaging wrote them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .signature import Signature

#: Version of manifest.json; a reader refuses a newer one. Version 1 knew no hooks.
SCHEMA_VERSION = 2
#: Folder of the user's own modules, beside the model's.
MODULES = "user_modules"


@dataclass(frozen=True)
class Packed:
    """One packed model.

    Attributes
    ----------
    name, version
        Deployment and version.
    engine
        Who runs it.
    model
        The model's file.
    sha256
        Hash of that file, hex.
    hooks
        File with the user's functions around the model, a pickled
        ``{"preprocess": function | None, "postprocess": function | None}``; None without.
    hooks_sha256
        Hash of that file, hex; empty without hooks.
    modules
        Folder of the user's own modules, which must be importable before anything is unpickled;
        None when the model needs none.
    warmup
        Body of a ``/predict`` request; one inference with it comes before the first answer.
    signature
        What clients send and get.
    model_signature
        What the model itself takes and answers; differs from `signature` by what the hooks do.
    package_version
        Of the package that packed it, and so of this runtime.
    """

    name: str
    version: str
    engine: Literal["onnxruntime", "native"]
    model: Path
    sha256: str
    warmup: Any
    signature: Signature
    package_version: str
    model_signature: Signature
    hooks: Path | None = None
    hooks_sha256: str = ""
    modules: Path | None = None

    @classmethod
    def read(cls, folder: Path) -> Packed:
        """Read ``manifest.json`` and the signatures of a model folder.

        Raises
        ------
        ValueError
            When a file is of a newer schema version.
        """
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if manifest["schema_version"] > SCHEMA_VERSION:
            raise ValueError(
                f"manifest has schema version {manifest['schema_version']}, "
                f"this runtime reads up to {SCHEMA_VERSION}"
            )
        signature = _signature(folder / "signature.json")
        hooks = manifest.get("hooks")
        modules = folder.parent / MODULES
        return cls(
            name=manifest["name"],
            version=manifest["version"],
            engine=manifest["engine"],
            model=folder / manifest["file"],
            sha256=manifest["sha256"],
            warmup=manifest["warmup"],
            signature=signature,
            model_signature=_signature(folder / "model_signature.json") if hooks else signature,
            hooks=folder / hooks["file"] if hooks else None,
            hooks_sha256=hooks["sha256"] if hooks else "",
            modules=modules if modules.is_dir() else None,
            # not written by the first packages
            package_version=manifest.get("package_version", "unknown"),
        )

    def verify(self) -> None:
        """Check the model's and the hooks' files against their hashes, before any of it is run.

        Raises
        ------
        ValueError
            When a file was changed or cut short.
        """
        self._verify(self.model, self.sha256)
        if self.hooks is not None:
            self._verify(self.hooks, self.hooks_sha256)

    def _verify(self, path: Path, sha256: str) -> None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise ValueError(
                f"{path.name} of {self.name} {self.version} is not the file that was packed "
                f"(sha256 {found}, expected {sha256})"
            )


def _signature(path: Path) -> Signature:
    return Signature.from_json(json.loads(path.read_bytes()))
