"""Calling the user's model, and showing the user's own part of the traceback when it raises."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_deploy.exceptions import SampleError

_PACKAGE = str(Path(__file__).resolve().parents[1])


def call_on_sample(function: Callable[..., Any], sample: Any, what: str) -> Any:
    """Call `function` with `sample`.

    Parameters
    ----------
    function
        ``predict``, ``predict_proba`` or the model itself.
    sample
        Rows of the user's sample.
    what
        How to name the call in an error, e.g. ``Pipeline.predict``.

    Raises
    ------
    SampleError
        When it raises; ``detail["traceback"]`` holds the frames in the user's own files.
    """
    try:
        return function(sample)
    except Exception as error:
        frames = user_frames(error.__traceback__)
        where = f", line {frames[-1].lineno} of {frames[-1].name}" if frames else ""
        text = "".join(traceback.format_list(frames))
        raise SampleError(
            f"{what} raised {type(error).__name__} on the sample{where}: {_first_line(error)}",
            "The sample must be what the model takes: the same columns, in the same order and "
            "types, as it was trained on." + (f"\n\n{text.rstrip()}" if text else ""),
            error=type(error).__name__,
            traceback=text,
        ) from error


def user_frames(trace: TracebackType | None) -> list[traceback.FrameSummary]:
    """Frames that are neither of the standard library, of installed packages, nor of ours."""
    foreign = (
        _PACKAGE,
        "<frozen",
        *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
        *(p for p in sys.path if p.endswith(("site-packages", "dist-packages"))),
    )
    return [f for f in traceback.extract_tb(trace) if not f.filename.startswith(foreign)]


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no message"
