"""Runs uv's resolver: the one place that knows its command line and what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

#: What uv says, and what it means; the first that is found.
_REASONS = (
    (r"[Nn]o space left|os error 28", "there is no space left for uv's cache"),
    (
        r"network was disabled|not found in the cache",
        "uv works offline (UV_OFFLINE is set), and its cache doesn't have all of them",
    ),
    (
        r"Failed to fetch|Request failed|error sending|dns error|timed out",
        "the package index can't be reached",
    ),
    (
        r"[Rr]ead-only file system|[Pp]ermission denied|[Ff]ailed to create directory"
        r"|[Ff]ailed to initialize cache",
        "uv's cache can't be written (UV_CACHE_DIR names its folder)",
    ),
    ("unsatisfiable", "the installed versions contradict each other (see: pip check)"),
)


def find_uv() -> str | None:
    """Return the path of uv's program; None when it is not installed."""
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        return None


class Run:
    """One run of uv. Its files are in memory: a kill leaves none, a full disk doesn't matter."""

    def __init__(
        self,
        uv: str,
        lines: Sequence[str],
        known: Sequence[str],
        environment: Mapping[str, str],
        *options: str,
    ) -> None:
        self._answer = _memory()
        self._said = _memory()
        asked, pins = _memory(lines), _memory(known)
        command = [uv, "pip", "compile", "-", "--constraints", f"/dev/fd/{pins.fileno()}"]
        command += ["--python", sys.executable, "--generate-hashes", "--no-header"]
        command += ["--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--quiet", "--no-progress", "--color", "never", *options]
        with asked, pins:
            self._process = subprocess.Popen(
                command,
                # away from the user's project, whose settings are not about this
                cwd="/",
                env=environment,
                stdin=asked,
                stdout=self._answer,
                stderr=self._said,
                pass_fds=[pins.fileno()],
            )

    def wait(self, seconds: float) -> int | None:
        """Return the exit code; None when it still runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def answer(self) -> str:
        self._answer.seek(0)
        return self._answer.read().decode()

    def said(self) -> str:
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._answer.close()
        self._said.close()


def _memory(lines: Sequence[str] = ()) -> IO[bytes]:
    file = open(os.memfd_create("jupyter-deploy-lock"), "w+b")  # noqa: SIM115  closed by its user
    file.write("".join(f"{line}\n" for line in lines).encode())
    file.seek(0)
    return file


def reason(said: str) -> str:
    """One plain reason out of what uv said; it may hold addresses with passwords, so no more."""
    text = " ".join(said.split())
    version = re.search(r"there is no version of ([\w.-]+==[^\s,]+)", text)
    name = re.search(r"([\w.-]+) was not found in the (?:package registry|provided)", text)
    if version and "+" in version[1]:
        return (
            f"no package index that is set up here has {version[1]}, a build of its own "
            "(set PIP_EXTRA_INDEX_URL to the index it came from)"
        )
    if version or name:
        found = (version or name)[1]  # type: ignore[index]  # one of the two is
        return f"no package index that is set up here has {found}"
    return next((why for sign, why in _REASONS if re.search(sign, text)), "uv could not lock them")
