"""Where a version comes from: who packed what, when, from where, with what."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from jupyter_deploy._version import __version__
from jupyter_deploy.packaging.diagnosis.calls import name_of
from jupyter_deploy.types import Engine, GitState, Notebook, Provenance

if TYPE_CHECKING:
    from jupyter_deploy.packaging.conversion import Converted
    from jupyter_deploy.packaging.dependencies.requirements import Requirement
    from jupyter_deploy.packaging.hooks import Hooks

#: A repository on a slow disk must not hold up a deploy.
GIT_SECONDS = 2.0


class Steps:
    """Times the steps of packing."""

    def __init__(self, before: Mapping[str, float] | None = None) -> None:
        self.seconds: dict[str, float] = dict(before or {})

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the block; what is timed twice adds up."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            taken = time.perf_counter() - begin
            self.seconds[name] = round(self.seconds.get(name, 0.0) + taken, 4)


def provenance(
    converted: Converted,
    requirements: Iterable[Requirement],
    *,
    model: tuple[str, int],
    modules: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> Provenance:
    """Write down the origin of a version that is being packed now.

    Parameters
    ----------
    model
        Hash (sha256, hex) and size of the model's file.
    modules
        The user's own that are copied in.
    notes
        What the user should know, in sentences.
    """
    inspected = converted.inspected
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        user=_user(),
        python=platform.python_version(),
        platform=platform.platform(),
        packages={r.name: r.version for r in requirements},
        model_type=inspected.model_type,
        model_sha256=model[0],
        model_bytes=model[1],
        sample_sha256=inspected.source.sha256(),
        sample_rows=len(inspected.source),
        sample_columns=len(converted.signature.inputs),
        serialization="onnx" if converted.engine is Engine.ONNX else "cloudpickle",
        package_version=__version__,
        notebook=notebook(),
        source=git_state("."),
        modules=list(modules),
        hooks=_names(inspected.hooks),
        notes=list(notes),
    )


def _names(hooks: Hooks | None) -> dict[str, str]:
    if hooks is None:
        return {}
    around = {"preprocess": hooks.preprocess, "postprocess": hooks.postprocess}
    return {place: name_of(function) for place, function in around.items() if function is not None}


def notebook() -> Notebook | None:
    """The cell that is running; None outside of a kernel."""
    kernel = _kernel()
    if kernel is None:
        return None
    shell = getattr(kernel, "shell", None)
    path = os.environ.get("JPY_SESSION_NAME") or _namespace(shell).get("__vsc_ipynb_file__")
    count = getattr(shell, "execution_count", None)
    return Notebook(
        path=str(path) if path else None,
        cell=_cell(kernel),
        execution=count if isinstance(count, int) else None,
    )


def git_state(folder: str) -> GitState | None:
    """The repository that `folder` is in; None without one, or without git."""
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal")
    if status is None:
        return None
    heads: dict[str, str] = {}
    dirty = False
    for line in status.splitlines():
        if line.startswith("# branch."):
            key, _, value = line.removeprefix("# branch.").partition(" ")
            heads[key] = value
        elif not line.startswith("#"):
            dirty = True
    commit = heads.get("oid")
    branch = heads.get("head")
    return GitState(
        commit=None if commit == "(initial)" else commit,
        branch=None if branch == "(detached)" else branch,
        dirty=dirty,
    )


def _git(folder: str, *arguments: str) -> str | None:
    # no lock file in the user's repository, no helper program, no question on the terminal
    environ = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", folder, *arguments],
            capture_output=True,
            check=True,
            text=True,
            errors="replace",
            env=environ,
            stdin=subprocess.DEVNULL,
            timeout=GIT_SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout


def _kernel() -> Any:
    """The kernel this code runs in, if it does; IPython is not imported for it."""
    module = sys.modules.get("ipykernel.kernelapp")
    if module is None or not module.IPKernelApp.initialized():
        return None
    return module.IPKernelApp.instance().kernel


def _cell(kernel: Any) -> str | None:
    """The id that the front end gave to the cell of the request under way."""
    try:
        parent = kernel.get_parent("shell")
    except (AttributeError, LookupError, TypeError):
        return None
    metadata = parent.get("metadata", {}) if isinstance(parent, dict) else {}
    cell = metadata.get("cellId")
    return str(cell) if cell else None


def _namespace(shell: Any) -> dict[str, Any]:
    found = getattr(shell, "user_ns", None)
    return found if isinstance(found, dict) else {}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"  # a container's numeric user without a name
