"""The files of a packed model, as packaging wrote them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .signature import Signature

#: Version of manifest.json; a reader refuses a newer one.
SCHEMA_VERSION = 1


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
    warmup
        Body of a ``/predict`` request; one inference with it comes before the first answer.
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

    @classmethod
    def read(cls, folder: Path) -> Packed:
        """Read ``manifest.json`` and ``signature.json`` of a model folder.

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
        return cls(
            name=manifest["name"],
            version=manifest["version"],
            engine=manifest["engine"],
            model=folder / manifest["file"],
            sha256=manifest["sha256"],
            warmup=manifest["warmup"],
            signature=Signature.from_json(json.loads((folder / "signature.json").read_bytes())),
            # not written by the first packages
            package_version=manifest.get("package_version", "unknown"),
        )

    def verify(self) -> None:
        """Check the model file against its hash, before anything in it is run.

        Raises
        ------
        ValueError
            When the file was changed or cut short.
        """
        with self.model.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != self.sha256:
            raise ValueError(
                f"{self.model.name} of {self.name} {self.version} is not the file that was packed "
                f"(sha256 {found}, expected {self.sha256})"
            )
