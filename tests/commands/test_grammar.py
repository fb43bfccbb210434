"""The grammar by tables: what each line means, and what each slip is answered."""

from __future__ import annotations

import pytest

from jupyter_deploy.commands import nouns
from jupyter_deploy.commands.arguments import derived_name
from jupyter_deploy.commands.grammar import parse
from jupyter_deploy.commands.line import split
from jupyter_deploy.commands.nouns import Command, Face
from jupyter_deploy.commands.verbs import VERBS, verbs_of
from jupyter_deploy.config import LOG_LINES_MAX
from jupyter_deploy.exceptions import UsageError

BOTH: tuple[Face, ...] = ("magic", "shell")

MEANINGS: list[tuple[str, Command]] = [
    (
        "model --name churn --sample X_test",
        nouns.Deploy(model="model", name="churn", sample="X_test"),
    ),
    (
        "deploy m --sample X[:9] --name a-b --engine native --workers 3 --json",
        nouns.Deploy(model="m", name="a-b", sample="X[:9]", engine="native", workers=3, json=True),
    ),
    ("--name c --sample X m", nouns.Deploy(model="m", name="c", sample="X")),
    ("-- status --name x --sample X", nouns.Deploy(model="status", name="x", sample="X")),
    ("deploy list --name x --sample X", nouns.Deploy(model="list", name="x", sample="X")),
    (
        "best_model --sample X --engine onnxruntime",
        nouns.Deploy(model="best_model", name="best-model", sample="X", engine="onnx"),
    ),
    (
        "m --sample X --preprocess clean --postprocess hooks.words --max-rows 100",
        nouns.Deploy(
            model="m",
            name="m",
            sample="X",
            preprocess="clean",
            postprocess="hooks.words",
            max_rows=100,
        ),
    ),
    (
        "m --sample X --validate range=reject,age.null=pass --breaking",
        nouns.Deploy(
            model="m",
            name="m",
            sample="X",
            validate={"range": "reject", "age": {"null": "pass"}},
            breaking=True,
        ),
    ),
    (
        "--version 2.3.1 --name c --sample X m",
        nouns.Deploy(model="m", name="c", sample="X", version="2.3.1"),
    ),
    (
        "models/churn.onnx --sample X",
        nouns.Deploy(model="models/churn.onnx", name="churn", sample="X"),
    ),
    ("signature churn", nouns.Signature(name="churn")),
    ("signature churn --version 1.0.0", nouns.Signature(name="churn", version="1.0.0")),
    ("-- signature --sample X", nouns.Deploy(model="signature", name="signature", sample="X")),
    ("list", nouns.List()),
    ("status", nouns.Status()),
    ("status churn", nouns.Status(name="churn")),
    ("predict churn X", nouns.Predict(name="churn", data="X")),
    ("predict churn X --proba", nouns.Predict(name="churn", data="X", proba=True)),
    ("logs churn", nouns.Logs(name="churn")),
    (
        "logs churn -f --tail 5 --version 1.0.0",
        nouns.Logs(name="churn", follow=True, tail=5, version="1.0.0"),
    ),
    ("stop churn", nouns.Stop(name="churn")),
    ("start churn", nouns.Start(name="churn")),
    ("remove churn", nouns.Remove(name="churn")),
    ("remove churn --yes", nouns.Remove(name="churn", yes=True)),
    ("--version", nouns.Version()),
]


@pytest.mark.parametrize("face", BOTH)
@pytest.mark.parametrize(("line", "command"), MEANINGS)
def test_both_faces_read_the_same(line: str, command: Command, face: Face) -> None:
    words = line.split()
    if face == "shell" and words[0] not in (*VERBS, "--", "--name") and len(words) > 1:
        words = ["deploy", *words]
    assert parse(words, face) == command


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("up", nouns.Up()),
        ("up --timeout 5", nouns.Up(timeout=5)),
        ("down", nouns.Down()),
        ("demo", nouns.Demo()),
        ("demo --lab", nouns.Demo(lab=True)),
    ],
)
def test_the_shell_has_more(line: str, command: Command) -> None:
    assert parse(line.split(), "shell") == command
    with pytest.raises(UsageError, match="command line only"):
        parse(line.split(), "magic")


_OPERANDS = {"deploy": ["m", "--sample", "X"], "predict": ["c", "X"], "list": [], "status": []}


@pytest.mark.parametrize("name", [verb.name for verb in VERBS.values() if verb.shows])
def test_every_command_that_shows_something_has_json(name: str) -> None:
    words = [name, *_OPERANDS.get(name, [] if name in ("up", "down") else ["c"])]
    assert not parse(words, "shell").json
    assert parse([*words, "--json"], "shell").json


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lst", r"no command 'lst'[\s\S]*%deploy list"),
        ("statsu churn", r"no command[\s\S]*%deploy status churn"),
        ("model --name churn", r"--sample is missing[\s\S]*%deploy model --name churn --sample"),
        ("--sample X", "No model is named"),
        ("model --smaple X", r"no option --smaple[\s\S]*'--sample'"),
        ("model --sample X --nmae=c", r"no option --nmae[\s\S]*'--name'"),
        ("list --jsno", r"no option --jsno[\s\S]*'--json'"),
        ("status --name x --sample X", r"no option --name[\s\S]*%deploy -- status"),
        ("model --sample X --engine onx", r"no engine 'onx'[\s\S]*'onnx'"),
        ("model --sample X --workers 0", "not a number from 1 to 64"),
        ("model --sample X --workers two", "not a number from 1 to 64"),
        ("model --sample X --name Churn_1", "can't name a deployment"),
        ("model --sample X --name v2", "path of the gateway"),
        ("f(x)[0] --sample X", r"No name for the deployment[\s\S]*--name NAME"),
        ("model --sample X --version 2.3", r"'2.3' is not a version[\s\S]*three numbers"),
        ("model --sample X --version latest", "'latest' is not a version"),
        ("model --sample X --verison 1.0.0", r"no option --verison[\s\S]*'--version'"),
        ("model --sample X --braking", r"no option --braking[\s\S]*'--breaking'"),
        ("model --sample X --breaking=yes", "ignored explicit argument 'yes'"),
        ("model --sample X --pre clean", "no option --pre"),
        ("model --sample X --preprocess", "expected one argument"),
        ("model --sample X --max-rows 0", "not a number from 1 to "),
        ("model --sample X --validate rnage=reject", r"no check 'rnage'[\s\S]*'range'"),
        ("model --sample X --validate range=rejct", r"no 'rejct' for 'range'[\s\S]*'reject'"),
        ("signature", "required: NAME"),
        ("signatur churn", r"no command[\s\S]*%deploy signature churn"),
        ("signature --name x --sample X", r"no option --name[\s\S]*%deploy -- signature"),
        ("stop", "required: NAME"),
        ("predict churn", "required: DATA"),
        ("status a b", "takes no 'b'"),
        ("model other --sample X", "takes no 'other'"),
        ("logs churn --tail many", "not a number"),
        (f"logs churn --tail {LOG_LINES_MAX + 1}", f"a number from 0 to {LOG_LINES_MAX}"),
    ],
)
def test_slips_are_answered_with_what_to_write(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(split(line), "magic")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("statu", "jupyter model-deploy status"),
        ("frobnicate", "The commands are: deploy, "),
        ("up --timeout never", "not a number of seconds"),
    ],
)
def test_slips_in_a_shell(line: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse(line.split(), "shell")


@pytest.mark.parametrize("face", BOTH)
def test_help_is_an_answer_not_an_exit(face: Face) -> None:
    for words in ([], ["--help"], ["help"]):
        found = parse(words, face)
        assert isinstance(found, nouns.Help)
        for name in verbs_of(face):
            assert f"  {name} " in found.text
    for name in verbs_of(face):
        for words in ([name, "--help"], ["help", name], [name, "-h"]):
            found = parse(words, face)
            assert isinstance(found, nouns.Help)
            assert "Examples:" in found.text
            assert ("--json" in found.text) == VERBS[name].shows


@pytest.mark.parametrize("face", BOTH)
def test_every_example_of_the_help_can_be_parsed(face: Face) -> None:
    for name in verbs_of(face):
        for example in VERBS[name].examples[face]:
            words = split(example.replace("< rows.json", ""))
            assert type(parse(words, face)) is VERBS[name].command


@pytest.mark.parametrize(
    ("operand", "name"),
    [
        ("model", "model"),
        ("churn_model", "churn-model"),
        ("search.best_estimator_", "best-estimator"),
        ("train:churn", "churn"),
        ("models/churn.pkl", "churn"),
        ("/x/Churn_v2.joblib", "churn-v2"),
        ("models/churn.onnx", "churn"),
        ("src/train.py:churn", "churn"),
    ],
)
def test_names_are_derived_from_operands(operand: str, name: str) -> None:
    assert derived_name(operand) == name


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (
            "m --sample X --validate range=reject a.null=pass",
            "Several checks are one word: --validate range=reject,a.null=pass\n",
        ),
        (
            "m --sample X --preprocess lambda df: df.T",
            "A value with spaces is quoted: --preprocess 'lambda df: df.T'\n",
        ),
    ],
)
def test_a_value_that_fell_apart_is_put_together(line: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(line.split(), "magic")
    assert caught.value.hint.startswith(hint)
    mended = hint.partition(": ")[2].strip()
    assert parse(split(f"m --sample X {mended}"), "magic")
