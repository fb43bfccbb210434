"""``jupyter model-deploy``: the shell's face.

=====  ==========================================================
exit   meaning
=====  ==========================================================
0      done
1      failed
2      could not decide (checks without enough data)
64     written wrongly
130    interrupted
=====  ==========================================================

Answers go to standard output, progress and errors to standard error.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from jupyter_deploy.commands import nouns
from jupyter_deploy.commands.grammar import parse
from jupyter_deploy.exceptions import DeployError, Told, UsageError

if TYPE_CHECKING:
    from jupyter_deploy.commands.results import LogLines, Result
    from jupyter_deploy.types import StageReport

OK, FAILED, UNDECIDED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 64, 130

_RED, _GREEN, _YELLOW, _PLAIN = "\033[31m", "\033[32m", "\033[33m", "\033[0m"
_COLOURS = {
    "running": _GREEN,
    "live": _GREEN,
    "starting": _YELLOW,
    "draining": _YELLOW,
    "degraded": _YELLOW,
    "failed": _RED,
}
_STATE = re.compile(rf"(?<=[ ])({'|'.join(_COLOURS)})(?=\s|:|$)", re.MULTILINE)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    try:
        return _run(words)
    except UsageError as error:
        _complain(error)
        return WRONG_USAGE
    except DeployError as error:
        _complain(error)
        return FAILED
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"\n{_told(interrupt)}\n")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read us has left; nothing may be written at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _run(words: list[str]) -> int:
    command = parse(words, "shell")
    if isinstance(command, nouns.Demo):
        from jupyter_deploy.demo import demo

        return demo(lab=command.lab)
    from jupyter_deploy.commands.run import run

    session = Shell(sys.stderr)
    try:
        result = run(command, session)
    finally:
        session.end()
    _show(command, result)
    sys.stdout.flush()
    return OK


def _show(command: nouns.Command, result: Result) -> None:
    from jupyter_deploy.commands import results

    if command.json:
        print(json.dumps(result.to_json(), indent=2, ensure_ascii=False))
    elif isinstance(result, results.LogLines):
        _print_log(result)
    elif isinstance(result, results.Predictions | results.Said):
        print(result.to_text())
    else:
        text = result.to_text()
        print(_STATE.sub(_painted, text) if _coloured(sys.stdout) else text)


def _print_log(result: LogLines) -> None:
    if result.more is None:
        print(result.to_text())
        return
    with suppress(KeyboardInterrupt):  # the way to end it, from the first line on
        print(result.to_text(), flush=True)
        for line in result.more:
            print(line, flush=True)


def _complain(error: DeployError) -> None:
    mark = f"{_RED}Error:{_PLAIN}" if _coloured(sys.stderr) else "Error:"
    sys.stderr.write(f"{mark} {_told(error)}\n")


def _told(error: BaseException) -> str:
    """Return what an error says, in this face's words."""
    if isinstance(error, Told):
        return error.told(nouns.PROGRAM["shell"])
    return str(error) or "Interrupted."


def _coloured(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def _painted(found: re.Match[str]) -> str:
    return f"{_COLOURS[found[0]]}{found[0]}{_PLAIN}"


class Shell:
    """A shell's session: operands are files, progress is lines on standard error."""

    face: nouns.Face = "shell"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._moves = out.isatty()
        self._open = False

    def model(self, operand: str) -> Any:
        from jupyter_deploy.commands.files import load_model

        return load_model(operand)

    def function(self, operand: str) -> Any:
        from jupyter_deploy.commands.files import load_function

        return load_function(operand)

    def sample(self, operand: str) -> Any:
        from jupyter_deploy.commands.files import load_sample

        return load_sample(operand)

    def rows(self, operand: str) -> Any:
        from jupyter_deploy.commands.files import load_rows

        return load_rows(operand)

    def stage(self, report: StageReport) -> None:
        from jupyter_deploy.commands.texts import stage

        running = report.state.value == "running"
        if self._moves:
            self._out.write(f"\r\033[K{stage(report)}" + ("" if running else "\n"))
            self._open = running
        elif not running:
            self._out.write(f"{stage(report)}\n")
        self._out.flush()

    def say(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()

    def confirm(self, question: str) -> bool:
        if not (sys.stdin.isatty() and self._moves):
            raise UsageError(f"{question} Nobody can be asked here.", "Say so with --yes.")
        self._out.write(f"{question} [y/N] ")
        self._out.flush()
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def end(self) -> None:
        """Leave a line that is still being rewritten."""
        if self._open:
            self._out.write("\n")
            self._open = False


if __name__ == "__main__":
    sys.exit(main())
