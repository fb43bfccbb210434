"""What sub-commands take: their arguments, and how a word of each is read."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from jupyter_deploy.commands import nouns
from jupyter_deploy.commands.nouns import Face
from jupyter_deploy.commands.suggest import did_you_mean
from jupyter_deploy.commands.validate import read_policies
from jupyter_deploy.exceptions import UsageError

_ENGINES = ("auto", "onnx", "native")
#: Most rows that ``--max-rows`` takes; a body has its own limit.
_ROWS = 10_000_000


def derived_name(operand: str) -> str:
    """Return the deployment name that a model's expression suggests; may not be a valid one."""
    word = operand.rsplit("/", 1)[-1]
    for ending in (".pkl", ".pickle", ".joblib", ".onnx"):
        word = word.removesuffix(ending)
    word = word.rsplit(":", 1)[-1].rsplit(".", 1)[-1]
    return word.lower().replace("_", "-").strip("-")


def deploy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="notebook: a variable, an expression, or FILE.onnx; shell: module:variable or "
        "FILE.py:variable, or FILE.pkl, FILE.joblib, FILE.onnx",
    )
    parser.add_argument("--name", metavar="NAME", help="name of the deployment (default: MODEL's)")
    parser.add_argument(
        "--sample",
        metavar="SAMPLE",
        help="rows the model can predict on, such as X_test; "
        "shell: module:variable, FILE.py:variable, or a .csv, .parquet, .npy or .json file",
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
    parser.add_argument(
        "--preprocess",
        metavar="FUNCTION",
        help="runs in front of the model, in the service too: takes rows like the sample's; "
        "shell: module:function or FILE.py:function",
    )
    parser.add_argument(
        "--postprocess",
        metavar="FUNCTION",
        help="runs behind the model: takes its predictions, with a second parameter also the "
        "probabilities",
    )
    parser.add_argument(
        "--validate",
        type=read_policies,
        metavar="CHECK=POLICY,…",
        help="what is done with inputs that the sample was not like, also COLUMN.CHECK=POLICY: "
        "reject, coerce or pass",
    )
    parser.add_argument(
        "--max-rows",
        type=_count(1, _ROWS),
        metavar="N",
        help="rows that one request may hold (default: as many as its body may)",
    )
    parser.add_argument(
        "--breaking",
        action="store_true",
        help="callers have to change: takes the next major version number",
    )
    parser.add_argument(
        "--version",
        type=_version,
        metavar="VERSION",
        help="the version number, as in 2.3.1 (default: the next minor one)",
    )


def finish_deploy(values: dict[str, Any], face: Face) -> dict[str, Any]:
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
        try:
            values["name"] = check_name(derived_name(model))
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


def _version(word: str) -> str:
    from jupyter_deploy.compatibility import check_version

    return check_version(word)


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{word!r} is not a number of seconds.")
    return seconds


def none(parser: argparse.ArgumentParser) -> None:
    pass


def name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the deployment")


def maybe_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="name of the deployment; else all")


def signature(parser: argparse.ArgumentParser) -> None:
    name(parser)
    parser.add_argument("--version", metavar="VERSION", help="default: the live one")


def predict(parser: argparse.ArgumentParser) -> None:
    name(parser)
    parser.add_argument(
        "data",
        metavar="DATA",
        help="notebook: an expression; shell: JSON, a file or @FILE "
        "(.json, .csv, .parquet, .npy), or - for JSON on standard input",
    )
    parser.add_argument("--proba", action="store_true", help="probabilities instead of labels")


def logs(parser: argparse.ArgumentParser) -> None:
    from jupyter_deploy.config import LOG_LINES_MAX

    name(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    parser.add_argument(
        "--tail",
        type=_count(0, LOG_LINES_MAX),
        metavar="N",
        help=f"newest lines, {LOG_LINES_MAX} at most (default: 200)",
    )
    parser.add_argument("--version", metavar="VERSION", help="default: the live one")


def remove(parser: argparse.ArgumentParser) -> None:
    name(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="don't ask")


def up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="give up after (default: 120)"
    )


def demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lab", action="store_true", help="then open JupyterLab on the notebook")
