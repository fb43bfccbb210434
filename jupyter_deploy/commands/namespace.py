"""Operands in a notebook: expressions over the user's own names, and files of ONNX models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_deploy.commands.suggest import did_you_mean
from jupyter_deploy.exceptions import UsageError

#: So that JSON pasted into a line reads as what it says.
_JSON_WORDS = {"null": None, "true": True, "false": False}


def load_model(operand: str, namespace: dict[str, Any]) -> Any:
    """Return the model that `operand` names: an ONNX file's path, or the value of an expression.

    Raises
    ------
    UsageError
        When there is none.
    """
    path = Path(operand).expanduser()
    if path.suffix != ".onnx":
        return evaluate(operand, namespace)
    # before the expression: `model.onnx` is rather a file that is there than an attribute
    if path.is_file():
        return path
    try:
        return evaluate(operand, namespace)
    except UsageError:
        raise UsageError(f"There is no file {path}.", f"Looked for in {Path.cwd()}.") from None


def evaluate(expression: str, namespace: dict[str, Any]) -> Any:
    """Return the value of a user's expression in the user's namespace.

    Parameters
    ----------
    expression
        A name, or an expression such as ``X_test[:5]`` or ``search.best_estimator_``.
    namespace
        The notebook's variables.

    Raises
    ------
    UsageError
        When it is no expression, names nothing that exists, or raises.
    """
    try:
        code = compile(expression.strip(), "<%deploy>", "eval")
    except (SyntaxError, ValueError) as error:
        raise UsageError(
            f"{expression!r} is not a Python expression: {getattr(error, 'msg', error)}.",
            "Write a variable such as X_test, or an expression such as X_test[:5].",
        ) from None
    words = {k: v for k, v in _JSON_WORDS.items() if k not in namespace}
    try:
        # the user's own line, in the user's own kernel: no more than a cell could do
        return eval(code, namespace, words)  # noqa: S307
    except NameError as error:
        known = [name for name in namespace if not name.startswith("_")]
        name = error.name or expression
        raise UsageError(
            f"There is no variable {name!r} in this notebook.",
            did_you_mean(name, known) or "Run the cell that defines it first.",
        ) from None
    except Exception as error:
        said = str(error).splitlines()
        raise UsageError(
            f"{expression!r} raised {type(error).__name__}{': ' + said[0] if said else ''}.",
            "Try the expression in a cell of its own to see the traceback.",
        ) from error
