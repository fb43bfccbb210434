"""Exact versions of what a packed model really needs, and nothing of the notebook's else."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata

from jupyter_deploy.exceptions import PackagingError
from jupyter_deploy.types import Engine

#: What the runtime in every Bento imports (jupyter_deploy/serving), and what makes uvicorn fast.
RUNTIME = ("bentoml", "httptools", "numpy", "orjson", "prometheus-client", "uvloop")
ONNX = ("onnxruntime",)
NATIVE = ("cloudpickle",)


def pin(engine: Engine, layout: str, modules: Iterable[str] = ()) -> dict[str, str]:
    """Pin the requirements of a version.

    Parameters
    ----------
    engine
        What runs the model.
    layout
        The signature's; a native model that takes a DataFrame needs pandas.
    modules
        Top-level modules that the pickle imports.

    Returns
    -------
    dict
        Exact version of each distribution, by its own name, sorted.

    Raises
    ------
    PackagingError
        When one of the runtime's own requirements isn't installed here.
    """
    wanted = {*RUNTIME, *(ONNX if engine is Engine.ONNX else NATIVE)}
    if engine is Engine.NATIVE:
        if layout == "dataframe":
            wanted.add("pandas")
        for module in modules:
            wanted.update(distributions_of(module))
    found: dict[str, str] = {}
    for name in wanted:
        try:
            distribution = _distribution(name)
        except metadata.PackageNotFoundError as error:
            raise PackagingError(
                f"{name} is needed by every packed model and is not installed.",
                f"pip install {name}",
            ) from error
        found[distribution.name.lower().replace("_", "-")] = distribution.version
    return dict(sorted(found.items()))


def _distribution(name: str) -> metadata.Distribution:
    """Find a distribution by name, or by its module: onnxruntime-gpu holds onnxruntime too."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        for other in distributions_of(name.replace("-", "_")):
            return metadata.distribution(other)
        raise


def lines(pins: dict[str, str]) -> list[str]:
    """Requirements as pip reads them."""
    return [f"{name}=={version}" for name, version in pins.items()]


def distributions_of(module: str) -> tuple[str, ...]:
    """Distributions that hold a top-level module; none for the standard library and own files."""
    return tuple(sorted(set(_owners().get(module, ()))))


def is_installed(module: str) -> bool:
    """Whether a top-level module is there for any process of this interpreter."""
    return (
        module in sys.stdlib_module_names
        or module in sys.builtin_module_names
        or bool(distributions_of(module))
    )


@cache
def _owners() -> dict[str, list[str]]:
    # a scan of all installed distributions, 0.2 s: once for each process
    return dict(metadata.packages_distributions())
