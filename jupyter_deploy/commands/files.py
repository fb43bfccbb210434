"""Operands in a shell: ``module:variable``, ``file.py:variable``, data files, JSON."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_deploy.commands.suggest import did_you_mean
from jupyter_deploy.exceptions import UsageError


def load_model(operand: str) -> Any:
    """Return the model that `operand` names: ``module:variable``, or a file.

    A pickle or joblib file is loaded; of an ONNX file the path is returned.

    Notes
    -----
    Loading a pickle runs code of whoever made it.

    Raises
    ------
    UsageError
        When there is none.
    """
    path = Path(operand)
    if path.suffix in (".pkl", ".pickle"):
        return _load(path, _unpickle)
    if path.suffix == ".joblib":
        import joblib  # type: ignore[import-untyped]  # comes with scikit-learn

        return _load(path, joblib.load)
    if path.suffix == ".onnx":
        return _load(path, _existing)
    return _imported(operand, "train:model, train.py:model, model.pkl, model.joblib or model.onnx")


def load_function(operand: str) -> Any:
    """Return the function that `operand` names: ``module:function`` or ``file.py:function``.

    Raises
    ------
    UsageError
        When there is none.
    """
    return _imported(operand, "hooks.py:clean or hooks:clean")


def load_sample(operand: str) -> Any:
    """Return the sample that `operand` names: ``module:variable``, or a data file.

    Raises
    ------
    UsageError
        When there is none.
    """
    path = Path(operand.removeprefix("@"))
    if path.suffix in _READERS:
        data = _load(path, _READERS[path.suffix])
        if not isinstance(data, list | dict):
            return data
        import pandas as pd

        return pd.DataFrame(data)
    return _imported(operand, f"X_test.csv or train:X_test ({', '.join(_READERS)})")


def load_rows(operand: str) -> Any:
    """Return the rows to predict on: JSON, ``-`` for JSON on standard input, or a data file.

    Raises
    ------
    UsageError
        When they can't be read.
    """
    if operand == "-":
        return _json(sys.stdin.read(), "standard input")
    if operand.lstrip()[:1] in ("[", "{"):
        return _json(operand, "the command line")
    path = Path(operand.removeprefix("@"))
    if path.suffix in _READERS:
        return _load(path, _READERS[path.suffix])
    if operand.startswith("@"):
        return _load(path, _read_json)
    return _imported(operand, "'[{…}]', rows.json, X_test.csv or - for standard input")


def _imported(operand: str, examples: str) -> Any:
    where, colon, variable = operand.rpartition(":")
    if not colon or not variable or not where:
        raise UsageError(f"{operand!r} names nothing to load.", f"Write for example {examples}.")
    found = _module_of_file(Path(where)) if where.endswith(".py") else _module(where)
    for part in variable.split("."):
        if not hasattr(found, part):
            known = [n for n in dir(found) if not n.startswith("_")]
            raise UsageError(
                f"There is no {part!r} in {operand.removesuffix(part).rstrip('.:')!r}.",
                did_you_mean(part, known),
            )
        found = getattr(found, part)
    return found


def _module_of_file(path: Path) -> Any:
    """Import a file as the module of its name, which is what a served function needs to be."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", f"Looked for in {Path.cwd()}.")
    module = _module(path.stem, str(path.absolute().parent))
    if not path.samefile(getattr(module, "__file__", None) or "/"):
        raise UsageError(
            f"{path} can't be imported: there is another module {path.stem!r}.",
            "Give the file another name.",
        )
    return module


def _module(name: str, folder: str = "") -> Any:
    if folder not in sys.path[:1]:
        sys.path.insert(0, folder)  # "" as `python -m` does: modules of the working folder
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(
            f"There is no module {error.name!r}.",
            f"It is looked for in {folder or Path.cwd()} and among the installed packages.",
        ) from None


def _load(path: Path, reader: Callable[[Path], Any]) -> Any:
    try:
        return reader(path)
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.", f"Looked for in {Path.cwd()}.") from None
    except UsageError:
        raise
    except Exception as error:
        said = str(error).splitlines() or [""]
        raise UsageError(
            f"{path} can't be read: {type(error).__name__}: {said[0]}",
            "Is it complete, and of the type that its ending says?",
        ) from error


def _unpickle(path: Path) -> Any:
    import pickle

    with path.open("rb") as file:
        return pickle.load(file)  # noqa: S301  the user named this very file as the model


def _existing(path: Path) -> Path:
    path.stat()
    return path


def _read_csv(path: Path) -> Any:
    import pandas as pd

    return pd.read_csv(path)


def _read_parquet(path: Path) -> Any:
    import pandas as pd

    path.stat()  # a file that isn't there is told first
    if _installed("pyarrow") or _installed("fastparquet"):
        return pd.read_parquet(path)
    if not _installed("polars"):
        raise UsageError(
            f"{path} can't be read: that takes pyarrow or polars, and neither is installed.",
            "Install one of them (pip install pyarrow), or write the rows as .csv.",
        )
    import polars as pl

    # polars' own way to pandas takes pyarrow
    return pd.DataFrame({column.name: column.to_numpy() for column in pl.read_parquet(path)})


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _read_npy(path: Path) -> Any:
    import numpy as np

    return np.load(path, allow_pickle=False)


def _read_json(path: Path) -> Any:
    return _json(path.read_text("utf-8"), str(path))


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"The JSON of {where} can't be read: {error}.",
            """Write for example '[{"age": 42, "plan": "basic"}]'.""",
        ) from None


_READERS: dict[str, Callable[[Path], Any]] = {
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".npy": _read_npy,
    ".json": _read_json,
}
