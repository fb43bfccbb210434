"""The Envoy process: started so that it outlives whoever starts it, and found again after.

The controller may die at any moment and its successor must find the gateway, so what says who
serves is a file, and behind it the kernel: whoever listens on our admin socket.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import struct
import subprocess
from dataclasses import asdict, dataclass

import psutil

from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway.binary import envoy_binary
from jupyter_deploy.gateway.files import GatewayFiles

#: Descriptors Envoy may open: two for each connection it carries, and then some.
_DESCRIPTORS = 16384

#: Size from which a log starts anew, in bytes; one older one is kept.
LOG_MAX = 32 * 1024 * 1024

# Children of this Python process. Kept for as long as it lives: a Popen that is collected while
# its process runs warns, and only the parent can reap a dead one.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class ProcessIdentity:
    """One process for good: a pid may be used again, but not with the same start time.

    Attributes
    ----------
    created
        Start time, seconds since the epoch.
    """

    pid: int
    created: float


def spawn(files: GatewayFiles) -> ProcessIdentity:
    """Start Envoy on the files as they are, and write down who it is."""
    command = [
        str(envoy_binary()),
        *("-c", str(files.bootstrap)),
        *("--concurrency", "1"),
        # no shared memory, and no limit of one Envoy per machine
        "--disable-hot-restart",
        # else a misspelt field of a live update would be ignored
        "--reject-unknown-dynamic-fields",
        *("--log-path", str(files.log)),
        *("--log-level", "warning"),
        *("--file-flush-interval-msec", "1000"),
    ]
    roll(files)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in ("PATH", "HOME", "LANG", "TZ", "TMPDIR") or name.startswith("JUPYTER_DEPLOY_")
    }
    try:
        with files.log.open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd="/",
                umask=0o077,
                # An interrupt of the kernel must not reach it, nor the controller's end.
                start_new_session=True,
                close_fds=True,
            )
    except OSError as error:
        raise GatewayError(f"Envoy can't be started: {error}.") from error
    _children[child.pid] = child
    _allow_descriptors(child.pid)
    identity = ProcessIdentity(child.pid, psutil.Process(child.pid).create_time())
    files.write(files.process, json.dumps(asdict(identity)))
    return identity


def _allow_descriptors(pid: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    soft = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


def roll(files: GatewayFiles) -> bool:
    """Rename logs that have grown too long; a running Envoy must then open them again."""
    rolled = False
    for path in (files.log, files.access_log):
        if path.exists() and path.stat().st_size > LOG_MAX:
            path.replace(path.with_name(f"{path.name}.1"))
            rolled = True
    return rolled


def find(files: GatewayFiles) -> ProcessIdentity | None:
    """Return the Envoy that serves these files, whoever started it; None when there is none."""
    _reap()
    for pid in (_recorded(files), _listening(files)):
        if pid is not None and (identity := _ours(pid, files)):
            return identity
    return None


def is_alive(identity: ProcessIdentity) -> bool:
    """Tell whether the process still runs; one that only waits to be reaped doesn't."""
    try:
        process = psutil.Process(identity.pid)
        # the clock may have been set since it was written down
        same = abs(process.create_time() - identity.created) < 2
        alive = same and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        alive = False
    if not alive and (child := _children.pop(identity.pid, None)):
        child.wait()  # it is dead: this only reaps it
    return alive


def end(identity: ProcessIdentity, how: signal.Signals) -> None:
    """Send a signal, unless the process is gone."""
    if is_alive(identity):
        try:
            os.kill(identity.pid, how)
        except ProcessLookupError:
            return


def _reap() -> None:
    """Take leave of children that died, so that they don't stay as zombies."""
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def _recorded(files: GatewayFiles) -> int | None:
    text = files.read(files.process)
    try:
        return int(json.loads(text)["pid"]) if text else None
    except (ValueError, KeyError, TypeError):
        return None


def _listening(files: GatewayFiles) -> int | None:
    """Return who listens on the admin socket: a starter may die before it writes the file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(files.admin_socket))
        except OSError:
            return None
        size = struct.calcsize("3i")
        peer = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    pid: int = struct.unpack("3i", peer)[0]
    return pid


def _ours(pid: int, files: GatewayFiles) -> ProcessIdentity | None:
    """Return the identity of `pid` when it is an Envoy that was started on these files."""
    try:
        process = psutil.Process(pid)
        if str(files.bootstrap) not in process.cmdline():
            return None
        identity = ProcessIdentity(pid, process.create_time())
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return None
    return identity if is_alive(identity) else None


def tail(files: GatewayFiles, size: int = 2000) -> str:
    """Return the end of Envoy's log."""
    try:
        with files.log.open("rb") as log:
            log.seek(max(0, files.log.stat().st_size - size))
            return log.read().decode(errors="replace").strip()
    except OSError:
        return ""


def port_is_free(port: int) -> bool:
    """Tell whether Envoy could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # as Envoy does: connections of a gateway that was killed may linger
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
