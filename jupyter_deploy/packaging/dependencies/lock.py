"""Lock a version's requirements with hashes: all of them, as they are installed here, by uv.

uv is asked for nothing but hashes: the versions are those of this environment. First without
the network, since its cache most often knows them; then with it, beside the rest of packing, for
:data:`SECONDS` at most. A lock once made is kept for the next version of the same environment.
Without a lock the version is packed all the same, with exact versions and without hashes.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from jupyter_deploy.config import paths
from jupyter_deploy.packaging.dependencies.indexes import uv_environment
from jupyter_deploy.packaging.dependencies.installed import constraints
from jupyter_deploy.packaging.dependencies.requirements import Requirement
from jupyter_deploy.packaging.dependencies.resolver import Run, find_uv, reason

#: What the network may take of a deploy.
SECONDS = 8.0
#: Locks kept for the next time.
KEPT = 50

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*==[^\s\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class Lock:
    """Requirements as they are written into a Bento.

    Attributes
    ----------
    text
        Of requirements.txt.
    missing
        Why there are no hashes, in one sentence; empty when there are.
    """

    text: str
    missing: str = ""

    @property
    def pins(self) -> list[str]:
        """Its requirements without their hashes."""
        found = _PIN.findall(self.text)
        return found if not self.missing else self.text.split("\n")[:-1]


class Locking:
    """A lock that is being made: begin, advance when some time has passed, take the result."""

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self._requirements = requirements
        self._deadline = time.monotonic() + SECONDS
        self._key = ""
        self._run: Run | None = None
        self._again: Callable[[], Run] | None = None
        self._found: Lock | None = None

    def begin(self) -> None:
        """Look among the kept ones, then ask uv's cache."""
        from_repository = [r.name for r in self._requirements if r.source]
        uv = find_uv()
        if from_repository:
            self._found = self._without(
                f"{', '.join(from_repository)} came from a repository, of which there are none"
            )
        elif uv is None:
            self._found = self._without("uv is not installed")
        else:
            lines = [r.line for r in self._requirements]
            known = constraints()
            environment = uv_environment(os.environ)
            self._key = _key(lines, known, environment)
            kept = _kept(self._key)
            if kept is not None:
                self._found = Lock(kept)
                return
            self._again = lambda: Run(uv, lines, known, environment)
            self._run = Run(uv, lines, known, environment, "--offline")

    def advance(self) -> None:
        """Take what uv's cache knew; when it knew too little, ask the index."""
        if self._found is not None or self._again is None:
            return
        offline = self._running()
        if offline.wait(SECONDS / 2) == 0:
            self._found = self._read(offline)
            return
        offline.stop()
        self._run, self._again = self._again(), None

    def result(self) -> Lock:
        """Return the lock, or the pins with the reason why there is none."""
        self.advance()
        if self._found is None:
            run = self._running()
            ended = run.wait(max(0.0, self._deadline - time.monotonic()))
            if ended is None:
                found = self._without(f"the package index did not answer within {SECONDS:.0f} s")
            elif ended == 0:
                found = self._read(run)
            else:
                found = self._without(reason(run.said()))
            self._found = found
        return self._found

    def _running(self) -> Run:
        assert self._run is not None  # noqa: S101  begun, and not found at once
        return self._run

    def stop(self) -> None:
        """End what still runs."""
        if self._run is not None:
            self._run.stop()

    def _read(self, run: Run) -> Lock:
        text = run.answer()
        if "--hash=" not in text or "://" in text:
            return self._without("uv's answer is not as expected")
        _keep(self._key, text)
        return Lock(text)

    def _without(self, why: str) -> Lock:
        text = "".join(f"{r.line}\n" for r in self._requirements)
        return Lock(text, f"The requirements have exact versions but no hashes: {why}.")


@contextmanager
def locking(requirements: Sequence[Requirement]) -> Iterator[Locking]:
    """Lock `requirements` beside what the block does; ends with the block, however it ends."""
    lock = Locking(requirements)
    try:
        lock.begin()
        yield lock
    finally:
        lock.stop()


def _key(lines: Sequence[str], known: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a lock depends on; the index settings may hold passwords, and are only hashed."""
    indexes = sorted((k, v) for k, v in environment.items() if k.startswith("UV_"))
    facts = [1, list(lines), list(known), indexes, sys.version, platform.platform()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _kept(key: str) -> str | None:
    with suppress(OSError):
        file = paths().locks / f"{key}.txt"
        text = file.read_text()
        os.utime(file)
        return text
    return None


def _keep(key: str, text: str) -> None:
    """Keep a lock; a failure costs the next deploy a second, and nobody needs to know."""
    with suppress(OSError):
        folder = paths().locks
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder, suffix=".part")
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(text)
            os.replace(name, folder / f"{key}.txt")
        except BaseException:
            os.unlink(name)
            raise
        kept = sorted(folder.glob("*.txt"), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in (*kept[KEPT:], *_abandoned(folder)):
            old.unlink(missing_ok=True)


def _abandoned(folder: Path) -> Iterator[Path]:
    """What a kill left half-written; nobody writes for a minute."""
    return (f for f in folder.glob("*.part") if time.time() - f.stat().st_mtime > 60)
