"""The sub-commands, one entry each: arguments, help and examples; ends in the table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.commands import nouns
from jupyter_deploy.commands.nouns import Command, Face
from jupyter_deploy.commands.suggest import did_you_mean
from jupyter_deploy.exceptions import UsageError

_ENGINES = ("auto", "onnx", "native")
_BOTH: frozenset[Face] = frozenset({"magic", "shell"})
_SHELL: frozenset[Face] = frozenset({"shell"})


@dataclass(frozen=True)
class Verb:
    """One sub-command.

    Attributes
    ----------
    shows
        It answers something, so it has ``--json``.
    syntax
        What follows the name, in the usage line.
    examples
        By face: lines without the program's name.
    """

    name: str
    help: str
    command: type[Command]
    arguments: Callable[[argparse.ArgumentParser], None]
    syntax: str
    examples: dict[Face, tuple[str, ...]]
    faces: frozenset[Face] = _BOTH
    shows: bool = True
    finish: Callable[[dict[str, Any], Face], dict[str, Any]] = lambda values, face: values

    def usage(self, face: Face) -> str:
        """Return the usage line without the program's name."""
        return " ".join(filter(None, [self.name, self.syntax, "[--json]" if self.shows else ""]))

    def build(self, values: dict[str, Any], face: Face) -> Command:
        """Make the command from parsed values."""
        return self.command(**self.finish(values, face))


def verbs_of(face: Face) -> list[str]:
    """Return the names of the sub-commands of a face."""
    return [verb.name for verb in VERBS.values() if face in verb.faces]


def overview(program: str, face: Face) -> str:
    """Return the help of the whole grammar."""
    width = max(map(len, VERBS)) + 2
    lines = [
        "From a trained model to a live service.",
        "",
        f"  {program} MODEL --name NAME --sample SAMPLE     deploy a model",
        f"  {program} COMMAND …",
        "",
        "Commands:",
        *(f"  {name:<{width}}{VERBS[name].help}" for name in verbs_of(face)),
        "",
        "Examples:",
        *(f"  {program} {line}" for line in VERBS["deploy"].examples[face]),
        *(f"  {program} {VERBS[name].examples[face][0]}" for name in ("list", "predict", "stop")),
        "",
        f"Names of commands are reserved; a model called 'status': {program} -- status …",
        f"More on one command: {program} COMMAND --help",
    ]
    return "\n".join(lines)


def help_of(verb: Verb, program: str, face: Face) -> str:
    """Return the help of one sub-command."""
    parser = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS)
    verb.arguments(parser)
    if verb.shows:
        parser.add_argument("--json", action="store_true", help="answer as JSON, for programs")
    return "\n".join(
        [
            f"{verb.help[0].upper()}{verb.help[1:]}.",
            "",
            f"  {program} {verb.usage(face)}",
            "",
            parser.format_help().strip(),
            "",
            "Examples:",
            *(f"  {program} {line}" for line in verb.examples[face]),
        ]
    )


def derived_name(operand: str) -> str:
    """Return the deployment name that a model's expression suggests; may not be a valid one."""
    word = operand.rsplit("/", 1)[-1]
    for ending in (".pkl", ".pickle", ".joblib"):
        word = word.removesuffix(ending)
    word = word.rsplit(":", 1)[-1].rsplit(".", 1)[-1]
    return word.lower().replace("_", "-").strip("-")


def _deploy_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="notebook: a variable or expression; shell: module:variable, or FILE.pkl, FILE.joblib",
    )
    parser.add_argument("--name", metavar="NAME", help="name of the deployment (default: MODEL's)")
    parser.add_argument(
        "--sample",
        metavar="SAMPLE",
        help="rows the model can predict on, such as X_test; "
        "shell: module:variable, or a .csv, .parquet, .npy or .json file",
    )
    parser.add_argument(
        "--engine",
        type=_engine,
        metavar="ENGINE",
        help="auto (ONNX Runtime when it answers the same, else native), onnx or native",
    )
    parser.add_argument(
        "--workers", type=_count(1, 64), metavar="N", help="worker processes (default: 1)"
    )


def _finish_deploy(values: dict[str, Any], face: Face) -> dict[str, Any]:
    from jupyter_deploy.config import check_name

    program = nouns.PROGRAM[face]
    sample = "X_test" if face == "magic" else "X_test.csv"
    if "model" not in values:
        raise UsageError(
            "No model is named.", f"Write: {program} MODEL --name NAME --sample {sample}"
        )
    model = values["model"]
    if "sample" not in values:
        raise UsageError(
            "--sample is missing: rows the model can predict on. The signature is learnt from "
            "them, and the packed model is checked on them.",
            f"Write: {program} {model} --name {values.get('name', 'NAME')} --sample {sample}",
        )
    if "name" in values:
        check_name(values["name"])
    else:
        name = derived_name(model)
        try:
            values["name"] = check_name(name)
        except UsageError as error:
            raise UsageError(
                f"No name for the deployment: {error.message}",
                f"Give one: {program} {model} --name NAME --sample {values['sample']}",
            ) from None
    return values


def _engine(word: str) -> str:
    word = {"onnxruntime": "onnx"}.get(word, word)
    if word not in _ENGINES:
        raise UsageError(
            f"There is no engine {word!r}.",
            did_you_mean(word, _ENGINES) or f"Choose one of: {', '.join(_ENGINES)}.",
        )
    return word


def _count(low: int, high: int) -> Callable[[str], int]:
    def number(word: str) -> int:
        if not word.isdecimal() or not low <= int(word) <= high:
            raise UsageError(f"{word!r} is not a number from {low} to {high}.")
        return int(word)

    return number


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{word!r} is not a number of seconds.")
    return seconds


def _no_arguments(parser: argparse.ArgumentParser) -> None:
    pass


def _name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the deployment")


def _maybe_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of the deployment; else all")


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument(
        "data",
        metavar="DATA",
        help="notebook: an expression; shell: JSON, a file or @FILE "
        "(.json, .csv, .parquet, .npy), or - for JSON on standard input",
    )
    parser.add_argument("--proba", action="store_true", help="probabilities instead of labels")


def _logs_arguments(parser: argparse.ArgumentParser) -> None:
    from jupyter_deploy.config import LOG_LINES_MAX

    _name(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    parser.add_argument(
        "--tail",
        type=_count(0, LOG_LINES_MAX),
        metavar="N",
        help=f"newest lines, {LOG_LINES_MAX} at most (default: 200)",
    )
    parser.add_argument("--version", metavar="VERSION", help="default: the live one")


def _remove_arguments(parser: argparse.ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="don't ask")


def _up_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="give up after (default: 120)"
    )


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lab", action="store_true", help="then open JupyterLab on the notebook")


def _same(*lines: str) -> dict[Face, tuple[str, ...]]:
    return {"magic": lines, "shell": lines}


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            "deploy",
            "pack a trained model and make it a live service",
            nouns.Deploy,
            _deploy_arguments,
            "MODEL --sample SAMPLE [--name NAME] [--engine auto|onnx|native] [--workers N]",
            {
                "magic": (
                    "model --name churn --sample X_test",
                    "search.best_estimator_ --name churn --sample X_test[:500] --workers 2",
                ),
                "shell": (
                    "train:model --name churn --sample X_test.csv",
                    "model.joblib --name churn --sample X_test.parquet --engine native",
                ),
            },
            finish=_finish_deploy,
        ),
        Verb(
            "status",
            "show one deployment with its versions and processes, or the whole installation",
            nouns.Status,
            _maybe_name,
            "[NAME]",
            _same("status churn", "status"),
        ),
        Verb(
            "list",
            "list the deployments with version, state and endpoint",
            nouns.List,
            _no_arguments,
            "",
            _same("list", "list --json"),
        ),
        Verb(
            "predict",
            "ask a deployment for predictions",
            nouns.Predict,
            _predict_arguments,
            "NAME DATA [--proba]",
            {
                "magic": ("predict churn X_test[:3]", "predict churn X_test --proba"),
                "shell": (
                    "predict churn X_test.csv",
                    """predict churn '[{"age": 42, "plan": "basic"}]'""",
                    "predict churn - < rows.json",
                ),
            },
        ),
        Verb(
            "logs",
            "show the log of a deployment's workers",
            nouns.Logs,
            _logs_arguments,
            "NAME [-f] [--tail N] [--version VERSION]",
            _same("logs churn --tail 50", "logs churn -f"),
        ),
        Verb(
            "stop",
            "stop serving a deployment; start brings it back",
            nouns.Stop,
            _name,
            "NAME",
            _same("stop churn"),
        ),
        Verb(
            "start",
            "serve a stopped deployment again",
            nouns.Start,
            _name,
            "NAME",
            _same("start churn"),
        ),
        Verb(
            "remove",
            "stop a deployment and forget it; its Bentos stay in the store",
            nouns.Remove,
            _remove_arguments,
            "NAME [--yes]",
            _same("remove churn"),
        ),
        Verb(
            "up",
            "start the controller and everything that should be running, and wait for it",
            nouns.Up,
            _up_arguments,
            "[--timeout SECONDS]",
            _same("up"),
            faces=_SHELL,
        ),
        Verb(
            "down",
            "stop controller, services and gateway; up brings all back",
            nouns.Down,
            _no_arguments,
            "",
            _same("down"),
            faces=_SHELL,
        ),
        Verb(
            "demo",
            "run the quickstart notebook and leave its service running",
            nouns.Demo,
            _demo_arguments,
            "[--lab]",
            _same("demo", "demo --lab"),
            faces=_SHELL,
            shows=False,
        ),
    )
}
