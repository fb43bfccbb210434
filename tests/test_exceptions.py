"""Errors: what they say, where, and that it survives the wire."""

from __future__ import annotations

import ast
import pickle
import re
from pathlib import Path

import pytest

from jupyter_deploy.client.deploy import DeployInterrupted
from jupyter_deploy.commands.nouns import PROGRAM, Face
from jupyter_deploy.exceptions import DEPLOY, ServiceError, from_problem

PACKAGE = Path(__file__).parents[1] / "jupyter_deploy"
ERROR = ServiceError("It broke.", f"See: {DEPLOY} logs churn", log=["x"])


@pytest.mark.parametrize("face", ["magic", "shell"])
def test_a_hint_is_in_the_words_of_whoever_shows_it(face: Face) -> None:
    for error in (ERROR, DeployInterrupted(ERROR.message, f"See: {DEPLOY} logs churn")):
        assert error.told(PROGRAM[face]) == f"It broke.\nSee: {PROGRAM[face]} logs churn"


def test_in_plain_python_it_is_in_the_words_of_a_terminal() -> None:
    assert str(ERROR) == "It broke.\nSee: jupyter model-deploy logs churn"
    assert ERROR.hint == "See: jupyter model-deploy logs churn"
    assert str(ServiceError("It broke.")) == "It broke."


def test_the_wire_keeps_a_hint_open() -> None:
    assert ERROR.problem()["hint"] == "See: {deploy} logs churn"
    for error in (from_problem(ERROR.problem()), pickle.loads(pickle.dumps(ERROR))):  # noqa: S301
        assert type(error) is ServiceError
        assert error.told("%deploy") == "It broke.\nSee: %deploy logs churn"
        assert error.detail == {"log": ["x"]}


def test_no_hint_below_the_faces_is_in_the_words_of_one() -> None:
    # `up` and `down` are the shell's alone
    words = re.compile(r"%deploy |jupyter model-deploy (?!up\b|down\b)")
    strays = []
    for room in ("client", "controller"):
        for file in sorted((PACKAGE / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and words.search(str(node.value)):
                    strays.append(f"{file.name}:{node.lineno}")
    assert strays == []
