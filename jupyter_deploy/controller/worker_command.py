"""BentoML's own worker command line: the one place that knows it.

It is internal to BentoML (``bentoml serve`` uses it below its arbiter), so it may change with any
release; a test guards it for KNOWN_GOOD. Why not ``bentoml serve`` itself: its arbiter opens
an unauthenticated control port on loopback through which any local user runs commands as the
owner, leaves its workers behind when it is killed, and empties the shared metrics folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import DEPLOY, ServiceError
from jupyter_deploy.serving.threads import VARIABLES as THREAD_VARIABLES
from jupyter_deploy.types import VersionSpec

#: The release of BentoML whose worker command line this file writes.
KNOWN_GOOD = "1.4.39"

#: Names a worker in its environment; processes of an installation are found again by it.
WORKER_MARK = "JUPYTER_DEPLOY_WORKER"

#: What a worker inherits of the controller's environment; all else (tokens, keys) stays here.
_KEPT = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "JUPYTER_DEPLOY_MAX_BODY",
    "JUPYTER_DEPLOY_MAX_IN_FLIGHT",
)


def mark(name: str, version: str, worker: int) -> str:
    """Return what WORKER_MARK says of a worker."""
    return f"{name}@{version}#{worker}"


def worker_command(spec: VersionSpec, worker: int, fd: int) -> list[str]:
    """Return the command that serves `spec` on the inherited, bound socket `fd`."""
    return [
        spec.interpreter,
        "-m",
        "_bentoml_impl.worker.service",
        spec.bento,
        "--fd",
        str(fd),
        "--service-name",
        spec.name,
        # BentoML counts workers from 1
        "--worker-id",
        str(worker + 1),
        # longer than the gateway keeps an idle connection: the one that never sends on it closes it
        "--timeout-keep-alive",
        "3600",
    ]


def worker_environment(
    spec: VersionSpec, worker: int, paths: Paths, metrics: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the whole environment of a worker; nothing else is inherited."""
    return {
        **{name: environ[name] for name in _KEPT if name in environ},
        "JUPYTER_DEPLOY_HOME": str(paths.home),
        "JUPYTER_DEPLOY_RUNTIME": str(paths.runtime),
        WORKER_MARK: mark(spec.name, spec.version, worker),
        "BENTOML_HOME": spec.bento_home,
        # BentoML divides a service's limits by its number of workers
        "BENTOML_CONFIG_OPTIONS": f'services."{spec.name}".workers={spec.workers}',
        "BENTOML_DO_NOT_TRACK": "true",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        # one thread a worker: more workers is how a version uses more cores
        **dict.fromkeys(THREAD_VARIABLES, "1"),
        "PYTHONUNBUFFERED": "1",
    }


def check_interpreter(spec: VersionSpec) -> None:
    """Make sure that the interpreter which packed `spec` is still there.

    Raises
    ------
    ServiceError
        When it is gone.
    """
    if not os.access(spec.interpreter, os.X_OK):
        raise ServiceError(
            f"The Python that packed {spec.name} {spec.version} is gone: {spec.interpreter}",
            "Bring that environment back, or deploy the model again from one that exists.",
            interpreter=spec.interpreter,
        )


def diagnose(spec: VersionSpec, log: Sequence[str]) -> str:
    """Return what to do about a worker that died with `log`, in one sentence."""
    text = "\n".join(log)
    if ("_bentoml_impl" in text and "No module named" in text) or "No such option" in text:
        return (
            f"The BentoML of {spec.interpreter} has another worker command line; "
            f"bentoml=={KNOWN_GOOD} is known to work there."
        )
    if "ModuleNotFoundError" in text or "ImportError" in text:
        return (
            f"Install what is missing into the environment of {spec.interpreter}, "
            "or deploy again from an environment where the model loads."
        )
    if "FileNotFoundError" in text and "/src/user_modules/" in text:
        return (
            "A module of yours that stands alone is copied without the files beside it. Put both "
            "into a package, a folder with __init__.py, which is copied whole; import from that, "
            "and make the model again."
        )
    return f"Read all of it: {DEPLOY} logs {spec.name} --version {spec.version}"
