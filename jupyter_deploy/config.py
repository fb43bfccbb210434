"""Where things live and what the environment sets.

=============================  =====================================================
``JUPYTER_DEPLOY_HOME``        state folder (default: Jupyter's data folder + ``deploy``)
``JUPYTER_DEPLOY_RUNTIME``     sockets, locks, gateway files (default: see :func:`_runtime`)
=============================  =====================================================

Nothing here starts a process or talks to one.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.exceptions import ControllerError, UsageError

#: ``sun_path`` of a Unix socket holds 108 bytes with its final NUL.
SOCKET_PATH_MAX = 107

#: First segments of the gateway's URL space that are not deployment names.
RESERVED_NAMES = frozenset({"v1", "v2", "healthz", "metrics", "docs"})

#: Most log lines that can be asked for at once; 0 is none, to follow what comes.
LOG_LINES_MAX = 10_000

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def check_name(name: str) -> str:
    """Return `name` when it can name a deployment.

    Raises
    ------
    UsageError
        When it is not 1 to 40 lower-case letters, digits and hyphens starting with a
        letter, or is reserved.
    """
    if not _NAME.fullmatch(name) or name.endswith("-"):
        raise UsageError(
            f"{name!r} can't name a deployment.",
            "Use lower-case letters, digits and hyphens, starting with a letter, "
            "40 at most: for example 'churn' or 'churn-eu'.",
        )
    if name in RESERVED_NAMES:
        raise UsageError(
            f"{name!r} is a path of the gateway itself and can't name a deployment.",
            f"Choose another name; reserved are: {', '.join(sorted(RESERVED_NAMES))}.",
        )
    return name


@dataclass(frozen=True)
class Paths:
    """Every path of one installation; folders are private (0700)."""

    home: Path
    runtime: Path

    @property
    def database(self) -> Path:
        return self.home / "state.db"

    @property
    def key_header(self) -> Path:
        """The gateway's key as a header line, for ``curl -H @FILE`` (0600)."""
        return self.home / "key.header"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def metrics(self) -> Path:
        return self.home / "metrics"

    @property
    def locks(self) -> Path:
        """Requirements of packed versions with their hashes, kept for the next of the same."""
        return self.home / "locks"

    @property
    def controller_log(self) -> Path:
        return self.logs / "controller.log"

    @property
    def controller_socket(self) -> Path:
        return self.runtime / "controller.sock"

    @property
    def controller_lock(self) -> Path:
        return self.runtime / "controller.lock"

    @property
    def gateway(self) -> Path:
        return self.runtime / "gateway"

    @property
    def sockets(self) -> Path:
        """Folder of the workers' sockets; names in it must stay short."""
        return self.runtime / "s"

    def ensure(self) -> Paths:
        """Create the folders that are missing, all 0700, and return self.

        Raises
        ------
        ControllerError
            When a folder can't be made, belongs to someone else or is open to others, or when
            the runtime folder is too long for a socket path.
        """
        if len(os.fsencode(self.sockets / ("x" * 20))) > SOCKET_PATH_MAX:
            raise ControllerError(
                f"The runtime folder {self.runtime} is too long for a Unix socket.",
                "Set JUPYTER_DEPLOY_RUNTIME to a short private folder on a local disk.",
            )
        for folder in (
            self.home,
            self.runtime,
            self.logs,
            self.metrics,
            self.sockets,
            self.gateway,
        ):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise ControllerError(
                    f"The folder {folder} can't be made: {error.strerror}.",
                    "Set JUPYTER_DEPLOY_HOME (what is deployed is kept there) and "
                    "JUPYTER_DEPLOY_RUNTIME (sockets; a short path) to folders on a disk with "
                    "space that you may write to.",
                ) from error
            _check_private(folder)
        return self


def _check_private(folder: Path) -> None:
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise ControllerError(
            f"{folder} is not a folder of yours.",
            "Remove it, or set JUPYTER_DEPLOY_HOME and JUPYTER_DEPLOY_RUNTIME to private folders.",
        )
    if info.st_mode & 0o077:
        folder.chmod(0o700)


def paths() -> Paths:
    """Return the paths that the environment asks for; creates nothing."""
    home = _home()
    return Paths(home=home, runtime=_runtime(home))


def _home() -> Path:
    set_by_user = os.environ.get("JUPYTER_DEPLOY_HOME")
    if set_by_user:
        return Path(set_by_user).expanduser().absolute()
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()).absolute() / "deploy"


def _runtime(home: Path) -> Path:
    """Short and local: ``$XDG_RUNTIME_DIR/jd-HASH``, or a 0700 folder in the temporary folder."""
    set_by_user = os.environ.get("JUPYTER_DEPLOY_RUNTIME")
    if set_by_user:
        return Path(set_by_user).expanduser().absolute()
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:10]
    xdg = os.environ.get("XDG_RUNTIME_DIR")
    if xdg and Path(xdg).is_dir():
        return Path(xdg) / f"jd-{digest}"
    return Path(tempfile.gettempdir()) / f"jd-{os.getuid()}-{digest}"
