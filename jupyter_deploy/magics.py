"""``%deploy``: the notebook's face. It splits a line, has it done, and shows what came back."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_deploy.commands import nouns
from jupyter_deploy.commands.grammar import parse
from jupyter_deploy.commands.line import split
from jupyter_deploy.exceptions import DeployError, Told

if TYPE_CHECKING:
    from jupyter_deploy.client.deployment import Deployment
    from jupyter_deploy.commands.results import Deployed, LogLines, Result
    from jupyter_deploy.types import StageReport
    from jupyter_deploy.widgets.live import LiveProgress

#: ``{name}`` in a plain word, or ``$name``: IPython's own way to put a variable's value in a line.
_VARIABLE = re.compile(
    r"(?P<before>(?:--[a-z-]+=)?[\w.-]*)\{(?P<name>[A-Za-z_]\w*)\}(?P<after>[\w.-]*)"
    r"|\$(?P<dollar>[A-Za-z_]\w*)"
)

_HELP = """Deploy a trained model as a live service, and look after it.

    %deploy model --name churn --sample X_test      deploy a model
    %deploy list                                    what is live
    %deploy status churn
    %deploy signature churn                         what it takes and answers
    %deploy predict churn X_test[:3]
    %deploy logs churn -f
    %deploy stop churn                              … start churn, remove churn
    %deploy -- status --name churn --sample X_test  deploys a model called 'status'

MODEL, --sample and what predict takes are variables or expressions of this notebook. Each command
that shows something answers data with --json. ``%deploy COMMAND --help`` says more.
"""


def register(ipython: Any) -> None:
    """Add ``%deploy`` to a shell, and show deployments as cards in it.

    Parameters
    ----------
    ipython
        The :class:`~IPython.core.interactiveshell.InteractiveShell`.
    """
    from IPython.core.magic import no_var_expand

    from jupyter_deploy.widgets import formats

    face = Notebook(ipython)

    def deploy(line: str) -> Any:
        return face.run(line)

    deploy.__doc__ = _HELP
    # brackets of an expression are no variables to expand; see _expanded
    ipython.register_magic_function(no_var_expand(deploy), "line", "deploy")
    ipython.display_formatter.ipython_display_formatter.for_type_by_name(
        "jupyter_deploy.client.deployment", "Deployment", face.display
    )
    formats.register(ipython)


class Notebook:
    """A shell's session: operands are its variables, progress is one output of the cell."""

    face: nouns.Face = "magic"

    def __init__(self, ipython: Any) -> None:
        self._shell = ipython
        self._progress: LiveProgress | None = None
        self._carded: tuple[Any, int] | None = None

    def run(self, line: str) -> Any:
        """Do a line; what it answers is the value of the magic.

        Raises
        ------
        DeployError
            Shown by IPython as its message and hint, without a traceback of ours; the cell
            fails, also under papermill.
        """
        try:
            command = parse([self._expanded(word) for word in split(line)], "magic")
            return self._do(command)
        except DeployError as error:
            raise _short(error) from None
        except KeyboardInterrupt as interrupt:
            raise _short(interrupt) from None

    # what a Session offers to the commands

    def model(self, operand: str) -> Any:
        from jupyter_deploy.commands.namespace import load_model

        return load_model(operand, self._shell.user_ns)

    def function(self, operand: str) -> Any:
        return self._value(operand)

    def sample(self, operand: str) -> Any:
        return self._value(operand)

    def rows(self, operand: str) -> Any:
        return self._value(operand)

    def stage(self, report: StageReport) -> None:
        if self._progress is not None:
            self._progress.stage(report)

    def say(self, line: str) -> None:
        print(line, flush=True)

    def confirm(self, question: str) -> bool:
        return True  # the line itself was the decision, and nobody answers under papermill

    # showing

    def display(self, deployment: Deployment) -> None:
        """Show a deployment as its card, once a cell: ``%deploy`` has shown it already."""
        if self._carded == (deployment, self._shell.execution_count):
            return
        from IPython.display import publish_display_data

        from jupyter_deploy.commands.results import Deployed
        from jupyter_deploy.widgets.render import bundle

        try:
            detail = deployment.status()
            shown = bundle(Deployed(deployment, detail, deployment.key_header, deployment.stages))
        except DeployError as error:
            shown = {"text/plain": f"{deployment!r}\n{_told(error)}"}
        publish_display_data(shown)

    def _do(self, command: nouns.Command) -> Any:
        from jupyter_deploy.commands.run import run

        self._progress = None
        if isinstance(command, nouns.Deploy):
            from jupyter_deploy.widgets.live import LiveProgress

            self._progress = LiveProgress(
                f"Deploying {command.model} as {command.name}", updates=self._updates()
            )
        result = run(command, self)
        if command.json:
            return result.to_json()
        return self._show(result)

    def _show(self, result: Result) -> Any:
        from jupyter_deploy.commands import results

        match result:
            case results.Deployed():
                return self._show_deployed(result)
            case results.Predictions():
                return result.value
            case results.LogLines():
                return _print_log(result)
            case results.Said() | results.Removed():
                print(result.to_text())
            case _:
                from IPython.display import publish_display_data

                from jupyter_deploy.widgets.render import bundle

                publish_display_data(bundle(result))
        return None

    def _show_deployed(self, result: Deployed) -> Deployment:
        if self._progress is not None:
            self._progress.finish(result)
        self._carded = (result.deployment, self._shell.execution_count)
        return result.deployment

    def _updates(self) -> bool:
        """Whether an output can be changed: in a kernel, not in a terminal."""
        return hasattr(self._shell, "kernel")

    def _value(self, operand: str) -> Any:
        from jupyter_deploy.commands.namespace import evaluate

        return evaluate(operand, self._shell.user_ns)

    def _expanded(self, word: str) -> str:
        found = _VARIABLE.fullmatch(word)
        if not found:
            return word
        if found["dollar"]:
            return str(self._value(found["dollar"]))
        return f"{found['before']}{self._value(found['name'])}{found['after']}"


def _print_log(result: LogLines) -> None:
    print(result.to_text(), flush=True)
    if result.more is None:
        return
    try:
        for line in result.more:
            print(line, flush=True)
    except KeyboardInterrupt:
        pass  # the way to end it


def _short(error: Any) -> Any:
    """Let IPython render `error` as message and hint."""
    error._render_traceback_ = _rendering(error)
    return error


def _rendering(error: BaseException) -> Callable[[], list[str]]:
    def render() -> list[str]:
        return f"{type(error).__name__}: {_told(error)}".split("\n")

    return render


def _told(error: BaseException) -> str:
    """Return what an error says, in this face's words."""
    if isinstance(error, Told):
        return error.told(nouns.PROGRAM["magic"])
    return str(error) or "Interrupted."
