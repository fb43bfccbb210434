"""The sub-commands, one entry each: arguments, help and examples; ends in the table."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyter_deploy.commands import arguments, nouns
from jupyter_deploy.commands.nouns import Command, Face

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


def _same(*lines: str) -> dict[Face, tuple[str, ...]]:
    return {"magic": lines, "shell": lines}


VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            "deploy",
            "pack a trained model and make it a live service",
            nouns.Deploy,
            arguments.deploy,
            "MODEL --sample SAMPLE [--name NAME] [--engine auto|onnx|native] [--workers N] "
            "[--preprocess FUNCTION] [--postprocess FUNCTION] [--validate CHECK=POLICY,…] "
            "[--max-rows N] [--breaking] [--version VERSION]",
            {
                "magic": (
                    "model --name churn --sample X_test",
                    "search.best_estimator_ --name churn --sample X_test[:500] --workers 2",
                    "model --name churn --sample X_test --preprocess clean --validate range=reject",
                    "model --name churn --sample X_test --breaking",
                    "model.onnx --name churn --sample X_test",
                ),
                "shell": (
                    "train:model --name churn --sample X_test.csv",
                    "model.joblib --name churn --sample X_test.parquet --engine native",
                    "train.py:model --name churn --sample X_test.csv --preprocess train.py:clean",
                    "model.onnx --name churn --sample X_test.csv --version 2.0.0",
                ),
            },
            finish=arguments.finish_deploy,
        ),
        Verb(
            "status",
            "show one deployment with its versions and processes, or the whole installation",
            nouns.Status,
            arguments.maybe_name,
            "[NAME]",
            _same("status churn", "status"),
        ),
        Verb(
            "list",
            "list the deployments with version, state and endpoint",
            nouns.List,
            arguments.none,
            "",
            _same("list", "list --json"),
        ),
        Verb(
            "signature",
            "show what a version takes and answers",
            nouns.Signature,
            arguments.signature,
            "NAME [--version VERSION]",
            _same("signature churn", "signature churn --version 1.0.0"),
        ),
        Verb(
            "predict",
            "ask a deployment for predictions",
            nouns.Predict,
            arguments.predict,
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
            arguments.logs,
            "NAME [-f] [--tail N] [--version VERSION]",
            _same("logs churn --tail 50", "logs churn -f"),
        ),
        Verb(
            "stop",
            "stop serving a deployment; start brings it back",
            nouns.Stop,
            arguments.name,
            "NAME",
            _same("stop churn"),
        ),
        Verb(
            "start",
            "serve a stopped deployment again",
            nouns.Start,
            arguments.name,
            "NAME",
            _same("start churn"),
        ),
        Verb(
            "remove",
            "stop a deployment and forget it; its Bentos stay in the store",
            nouns.Remove,
            arguments.remove,
            "NAME [--yes]",
            _same("remove churn"),
        ),
        Verb(
            "up",
            "start the controller and everything that should be running, and wait for it",
            nouns.Up,
            arguments.up,
            "[--timeout SECONDS]",
            _same("up"),
            faces=_SHELL,
        ),
        Verb(
            "down",
            "stop controller, services and gateway; up brings all back",
            nouns.Down,
            arguments.none,
            "",
            _same("down"),
            faces=_SHELL,
        ),
        Verb(
            "demo",
            "run the quickstart notebook and leave its service running",
            nouns.Demo,
            arguments.demo,
            "[--lab]",
            _same("demo", "demo --lab"),
            faces=_SHELL,
            shows=False,
        ),
    )
}
