"""Exact versions of what a packed model really needs, and nothing of the notebook's else."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from urllib.parse import urlsplit, urlunsplit

from jupyter_deploy.exceptions import PackagingError
from jupyter_deploy.packaging.contents.origins import direct_url, distribution, distributions_of
from jupyter_deploy.packaging.dependencies.installed import normalized
from jupyter_deploy.serving.signature import Signature
from jupyter_deploy.types import Engine

#: What the runtime in every Bento imports (jupyter_deploy/serving), and what makes uvicorn fast.
RUNTIME = ("bentoml", "httptools", "numpy", "orjson", "prometheus-client", "uvloop")
ONNX = ("onnxruntime",)
#: What loading a pickle needs.
PICKLE = ("cloudpickle",)
#: What makes the rows that Python code is called with.
LAYOUTS = {"dataframe": ("pandas",), "polars": ("polars",)}


@dataclass(frozen=True)
class Requirement:
    """One distribution, exactly as it is installed here.

    Attributes
    ----------
    name, version
        As normalised; the version may have a local part (``2.9.0+cpu``).
    source
        ``git+https://…@COMMIT`` when it was installed from a repository; else empty.
    """

    name: str
    version: str
    source: str = ""

    @property
    def line(self) -> str:
        """As pip and uv read it."""
        return f"{self.name} @ {self.source}" if self.source else f"{self.name}=={self.version}"


def pin(
    engine: Engine,
    signatures: Iterable[Signature] = (),
    modules: Iterable[str] = (),
    *,
    python: bool | None = None,
) -> list[Requirement]:
    """Pin the requirements of a version.

    Parameters
    ----------
    engine
        What runs the model.
    signatures
        Of what Python code (the native model, the hooks) is called with.
    modules
        Modules of installed distributions that Python code imports, by their full names.
    python
        Whether there is pickled Python code beside an ONNX model; a native model is.

    Returns
    -------
    list
        Sorted by name.

    Raises
    ------
    PackagingError
        When one of the runtime's own requirements isn't installed here.
    """
    wanted = {*RUNTIME}
    if engine is Engine.ONNX:
        wanted.update(ONNX)
    if engine is Engine.NATIVE or python:
        wanted.update(PICKLE)
        for signature in signatures:
            wanted.update(LAYOUTS.get(signature.layout, ()))
            if any("pyarrow" in column.dtype for column in signature.inputs):
                wanted.add("pyarrow")
        for module in modules:
            wanted.update(distributions_of(module))
    found: dict[str, Requirement] = {}
    for name in wanted:
        try:
            requirement = _installed(name)
        except metadata.PackageNotFoundError as error:
            raise PackagingError(
                f"{name} is needed by the packed model and is not installed.",
                f"Install it here: {sys.executable} -m pip install {name}",
            ) from error
        found[requirement.name] = requirement
    return [found[name] for name in sorted(found)]


def _installed(name: str) -> Requirement:
    found = _distribution(name)
    return Requirement(normalized(found.name), found.version, _repository(found.name))


def _distribution(name: str) -> metadata.Distribution:
    """Find a distribution by name, or by its module: onnxruntime-gpu holds onnxruntime too."""
    try:
        return distribution(name)
    except metadata.PackageNotFoundError:
        for other in distributions_of(name.replace("-", "_")):
            return distribution(other)
        raise


def _repository(name: str) -> str:
    """Where a distribution that was installed from a repository comes from, without passwords."""
    found = direct_url(name)
    info = found.get("vcs_info")
    if not isinstance(info, dict) or not info.get("commit_id"):
        return ""
    url = urlsplit(str(found["url"]))
    # a user name alone ("git@") is an address, a password or token is not
    user, _, host = url.netloc.rpartition("@")
    netloc = f"{user}@{host}" if user == "git" else host
    below = f"#subdirectory={found['subdirectory']}" if found.get("subdirectory") else ""
    bare = urlunsplit((url.scheme, netloc, url.path, "", ""))
    return f"{info.get('vcs', 'git')}+{bare}@{info['commit_id']}{below}"
