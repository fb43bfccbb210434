"""Calling the user's code, and showing the user's own part of the traceback when it raises."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from jupyter_deploy.exceptions import SampleError

_PACKAGE = str(Path(__file__).resolve().parents[2])
#: Characters of an error with a list that are quoted.
_LISTED = 300
_HINT = (
    "The sample must be what the model takes: the same columns, in the same order and types, as "
    "it was trained on."
)


def call_on_sample(
    function: Callable[..., Any],
    sample: Any,
    what: str,
    *others: Any,
    on: str = "the sample",
    hint: str = _HINT,
) -> Any:
    """Call `function` with `sample`.

    Parameters
    ----------
    function
        ``predict``, ``predict_proba``, the model itself or one of its hooks.
    sample
        Rows of the user's sample.
    what
        How to name the call in an error, e.g. ``Pipeline.predict``.
    *others
        Further arguments.
    on
        What the arguments are, in an error.
    hint
        What to do when it raises.

    Raises
    ------
    SampleError
        When it raises; ``detail["traceback"]`` holds the frames in the user's own files and
        cells.
    """
    try:
        return function(sample, *others)
    # exit() in a function of the user's must not end the kernel
    except (Exception, SystemExit) as error:
        frames = user_frames(error.__traceback__)
        where = f", {_place(frames[-1])}" if frames else ""
        text = "".join(map(_shown, frames)).rstrip()
        raise SampleError(
            f"{what} raised {type(error).__name__} on {on}{where}: {_first_line(error)}",
            hint + (f"\n\n{text}" if text else ""),
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


def name_of(function: Any) -> str:
    """How a function is called in a sentence: ``clean()``, or ``a lambda``."""
    name = getattr(function, "__name__", None)
    if name == "<lambda>":
        return "a lambda"
    return f"{name or type(function).__name__}()"


def _cell(filename: str) -> str:
    """``Cell In[3]`` for the code of a notebook's cell, as IPython says; empty for files."""
    if "IPython" not in sys.modules:
        return ""
    shell = sys.modules["IPython"].get_ipython()
    label = getattr(getattr(shell, "compile", None), "format_code_name", lambda name: None)(
        filename
    )
    return " ".join(label) if label else ""


def _place(frame: traceback.FrameSummary) -> str:
    cell = _cell(frame.filename)
    where = f"line {frame.lineno} of {frame.name}"
    return f"{cell}, {where}" if cell else where


def _shown(frame: traceback.FrameSummary) -> str:
    cell = _cell(frame.filename)
    if not cell:
        return "".join(traceback.format_list([frame]))
    return f"  {cell}, line {frame.lineno}, in {frame.name}\n    {frame.line}\n"


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    if any(line.startswith("- ") for line in lines):
        # scikit-learn lists the columns at fault below
        text = " ".join(lines).replace(": - ", ": ").replace(" - ", ", ")
        return text if len(text) <= _LISTED else f"{text[:_LISTED]}…"
    return lines[0] if lines else "no message"
