"""Log files of workers: where they are, how they stay small, how they are read.

A worker writes its file itself, so that its output needs no controller. One file per worker:
``LOGS/NAME/VERSION-workerI.log``, with one older half beside it (``.1``).
"""

from __future__ import annotations

import heapq
import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from jupyter_deploy.types import LogPage

#: A file larger than this is set aside when its worker is started again.
ROTATE_BYTES = 5_000_000

#: A file that grows so large while its worker runs is cut down to its last _KEPT_BYTES.
CUT_BYTES = 20_000_000
_KEPT_BYTES = 1_000_000

#: A position packs one offset per worker; JSON's integers in JavaScript are exact for one worker.
_OFFSET_BITS = 48

#: Most bytes read of one file in one answer.
_WINDOW = 2_000_000

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S*")
_SECRET = re.compile(
    r"(?i)\b([\w-]*(?:api[-_]?key|secret|token|passw(?:or)?d)[\w-]*[\"']?\s*[=:]\s*)\S+"
)


def log_file(logs: Path, name: str, version: str, worker: int) -> Path:
    """Return the log file of a worker."""
    return logs / name / f"{version}-worker{worker}.log"


def prepare(path: Path) -> None:
    """Make room for a worker that is about to start: its folder, and a small file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > ROTATE_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))


def cut(path: Path) -> None:
    """Keep the log of a running worker small: its end goes to ``.1``, and it begins anew.

    The worker goes on writing to the same file (it only ever appends); what it writes in the
    very moment is lost.
    """
    if _size(path) <= CUT_BYTES:
        return
    older = path.with_name(f"{path.name}.1")
    older.touch(mode=0o600)
    older.write_bytes(_read(path, _size(path) - _KEPT_BYTES, _size(path)))
    os.truncate(path, 0)


def mark_start(path: Path, worker: int, when: str) -> None:
    """Write the line that begins a worker's life into its log."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
        file.write(f"{_beginning(worker)} {when}\n")


def last_life(path: Path, worker: int, count: int = 20) -> list[str]:
    """Return the last `count` lines of a worker's last life, without secrets."""
    lines: deque[str] = deque(maxlen=count)
    for line in _lines(_read(path, max(0, _size(path) - _WINDOW), _size(path))):
        if line.startswith(_beginning(worker)):
            lines.clear()
        elif line.strip():
            lines.append(_SECRET.sub(r"\1***", line))
    return list(lines)


def reason(lines: Sequence[str]) -> str:
    """Return the line of a dead worker's log that says why: the last exception, else the last one.

    What a server logs after a traceback ("Application startup failed. Exiting.") explains nothing.
    """
    found, inside = lines[-1] if lines else "", False
    for line in lines:
        if line.startswith(("Traceback (most recent call last)", '  File "')):
            inside = True
        elif inside and not line[:1].isspace():
            found, inside = line, False
    return found


def _beginning(worker: int) -> str:
    return f"--- worker {worker} started"


def read(
    logs: Path, name: str, version: str, workers: int, *, tail: int, after: int | None = None
) -> LogPage:
    """Read the logs of a version's workers, merged by the time each line carries.

    Parameters
    ----------
    tail
        Lines at most, when `after` is None.
    after
        A position from an earlier answer: everything written since.
    """
    paths = [log_file(logs, name, version, worker) for worker in range(workers)]
    starts = _unpack(after, workers)
    streams, position = [], 0
    for worker, path in enumerate(paths):
        size = _size(path)
        # a file shorter than before was set aside: begin anew
        start = (starts[worker] if starts[worker] <= size else 0) if after is not None else 0
        start = max(start, size - _WINDOW)
        data = _read(path, start, size)
        if after is not None:
            # half a line waits for its other half
            data = data[: data.rfind(b"\n") + 1]
        position |= (start + len(data)) << (_OFFSET_BITS * worker)
        streams.append(_stamped(data, worker))
    merged = (line for _, _, line in heapq.merge(*streams))
    lines = deque(merged, maxlen=None if after is not None else tail)
    return LogPage(lines=list(lines), position=position)


def _stamped(data: bytes, worker: int) -> Iterator[tuple[str, int, str]]:
    """Lines with the last time seen before them, so that a traceback stays with its message."""
    stamp = ""
    for line in _lines(data):
        if found := _TIME.search(line[:60]):
            stamp = max(stamp, found[0].replace(" ", "T"))
        yield stamp, worker, f"worker {worker} | {line}"


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").splitlines()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, start: int, end: int) -> bytes:
    if end <= start:
        return b""
    with path.open("rb") as file:
        file.seek(start)
        return file.read(end - start)


def _unpack(position: int | None, workers: int) -> list[int]:
    mask = (1 << _OFFSET_BITS) - 1
    return [(position or 0) >> (_OFFSET_BITS * worker) & mask for worker in range(workers)]
