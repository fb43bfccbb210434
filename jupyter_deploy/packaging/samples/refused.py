"""What is no sample, with the line that makes one of it."""

from __future__ import annotations

from typing import Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples.base import Subject, article, kin

#: Package and class, and the line; ``{x}`` stands for the object.
_CONVERSIONS: tuple[tuple[str, str, str], ...] = (
    ("tensorflow", "Tensor", "{x}.numpy()"),
    ("jax", "Array", "np.asarray({x})"),
    ("jaxlib", "Array", "np.asarray({x})"),
    ("jaxlib", "ArrayImpl", "np.asarray({x})"),
    ("cupy", "ndarray", "{x}.get()"),
    ("cudf", "DataFrame", "{x}.to_pandas()"),
    ("polars", "LazyFrame", "{x}.collect()"),
    ("polars", "Series", "{x}.to_frame()"),
    ("pyarrow", "Table", "{x}.to_pandas()"),
    ("pyarrow", "RecordBatch", "{x}.to_pandas()"),
    ("dask", "DataFrame", "{x}.head(1000)"),
    ("pyspark", "DataFrame", "{x}.limit(1000).toPandas()"),
    ("modin", "DataFrame", "{x}.modin.to_pandas()"),
    ("xarray", "DataArray", "{x}.to_numpy()"),
    ("xarray", "Dataset", "{x}.to_dataframe()"),
)
_ARRAYS = ("Tensor", "Array", "ArrayImpl", "ndarray", "DataArray")
_TAKEN = (
    "a pandas or polars DataFrame, a numpy array, a list of dicts, or a dict of numpy arrays, "
    "with some rows the model can predict on"
)


def refusal(data: Any, subject: Subject) -> SampleError:
    """Return the error for an object that is no sample."""
    if data is None:
        return _none(subject)
    found = _library(data, subject) or _python(data, subject)
    if found is not None:
        return found
    kind = type(data)
    where = "" if kind.__module__ == "builtins" else f"{kind.__module__.partition('.')[0]} "
    return SampleError(
        f"{subject.words} is {article(where + kind.__name__)}.", f"{subject.give} {_TAKEN}."
    )


def _library(data: Any, subject: Subject) -> SampleError | None:
    """What other libraries keep rows in."""
    words, x, give = subject.words, subject.example, subject.give
    kind = type(data)
    top = kind.__module__.partition(".")[0]
    line = what = ""
    if top == "scipy" and hasattr(data, "toarray"):
        what = f"a scipy {kind.__name__}, a sparse matrix"
        line = f"an array: {x}.toarray()  (a few hundred rows are enough: {x}[:500].toarray())"
    elif kin(data, "torch", "Tensor"):
        what, line = "a torch Tensor", f"an array: {_torch_line(data, x)}"
    for package, name, form in _CONVERSIONS:
        if kin(data, package, name):
            what = article(f"{package} {kind.__name__}")
            to = "an array" if name in _ARRAYS else "a DataFrame"
            line = f"{to}: {form.format(x=x)}"
    if what:
        return SampleError(f"{words} is {what}.", f"{give} it as {line}")
    if kin(data, "xgboost", "DMatrix") or kin(data, "lightgbm", "Dataset"):
        return SampleError(
            f"{words} is {article(f'{top} {kind.__name__}')}, which doesn't give its rows back.",
            f"{give} the DataFrame or the array it was made of.",
        )
    if kin(data, "pandas", "Series"):
        return SampleError(
            f"{words} is a Series, one row or one column.",
            f"{give} a DataFrame: {x}.to_frame() for one column, {x}.to_frame().T for one row. "
            "Does the model take a Series, of texts for example? Give the DataFrame, and "
            "preprocess=lambda df: df['NAME'].",
        )
    return None


def _none(subject: Subject) -> SampleError:
    if subject.give == "Return":
        return SampleError("preprocess returned None.", "Its last line must return the rows.")
    return SampleError(
        "There is no sample.",
        f"Give {_TAKEN}: sample={subject.example}. A trained model doesn't keep the rows it was "
        "trained on, and which of the notebook's variables they are can't be guessed.",
    )


def _python(data: Any, subject: Subject) -> SampleError | None:
    """What Python and numpy have by themselves."""
    words, x, give = subject.words, subject.example, subject.give
    kind = type(data).__name__
    found = hint = ""
    if kin(data, "numpy", "ndarray"):
        found = f"a numpy array of {data.ndim} dimension{'s' * (not data.ndim)} ({data.size} value"
        found += f"{'s' * (data.size != 1)})"
        hint = (
            f"Rows and columns are needed: {x}.reshape(1, -1) for one row, "
            f"{x}.reshape(-1, 1) for one column."
        )
    elif isinstance(data, str | bytes) or hasattr(data, "__fspath__"):
        found = "a path, not rows" if hasattr(data, "__fspath__") else "text, not rows"
        hint = f"{give} what is in the file: pd.read_csv({str(data)!r})"
    elif isinstance(data, tuple) and any(hasattr(part, "shape") for part in data):
        found = f"a tuple of {len(data)} parts"
        hint = f"{give} the rows alone, without their labels: {x}[0]"
    elif isinstance(data, dict):
        return _dict(data, subject)
    elif isinstance(data, list | tuple):
        return _list(data, subject)
    elif hasattr(data, "__next__"):
        found = f"{article(kind)}, which can be read only once"
        hint = f"{give} its rows: list({x}), when each is a dict; np.array(list({x})) otherwise."
    return SampleError(f"{words} is {found}.", hint) if found else None


def _dict(data: dict[Any, Any], subject: Subject) -> SampleError:
    words, x, give = subject.words, subject.example, subject.give
    if data and not any(isinstance(v, list | tuple) or hasattr(v, "shape") for v in data.values()):
        return SampleError(
            f"{words} is one dict, of one row.", f"{give} a list of such dicts: [{x}]"
        )
    return SampleError(
        f"{words} is a dict of columns.",
        f"{give} a DataFrame: pd.DataFrame({x}). A model that takes a dict of arrays is given "
        f"one: {{name: np.asarray(values) for name, values in {x}.items()}}",
    )


def _list(data: Any, subject: Subject) -> SampleError:
    words, x, give = subject.words, subject.example, subject.give
    kind = type(data).__name__
    if not data:
        return SampleError(f"{words} is an empty {kind}.", f"{give} {_TAKEN}.")
    if any(isinstance(row, dict) for row in data):
        if kind != "list":
            return SampleError(f"{words} is a {kind} of dicts.", f"{give} a list: list({x})")
        odd = next(i for i, row in enumerate(data) if not isinstance(row, dict))
        return SampleError(
            f"Row {odd} of {words[0].lower()}{words[1:]} is {article(type(data[odd]).__name__)}, "
            "and others are dicts.",
            f"{give} rows of one kind, every one a dict.",
        )
    if all(isinstance(row, list | tuple) or hasattr(row, "shape") for row in data):
        return SampleError(
            f"{words} is a {kind} of rows without names.",
            f"{give} an array: np.array({x}); or a DataFrame, with the names the model was "
            f"trained on: pd.DataFrame({x}, columns=[…])",
        )
    return SampleError(
        f"{words} is a {kind} of {type(data[0]).__name__} values, one value a row.",
        f"{give} a DataFrame with one column: pd.DataFrame({{'value': {x}}}). Does the model take "
        "the values themselves, texts for example? Add preprocess=lambda df: df['value'].",
    )


def _torch_line(tensor: Any, x: str) -> str:
    """Only what this tensor needs: a detour too many is one the reader has to understand."""
    detach = ".detach()" if getattr(tensor, "requires_grad", False) else ""
    device = getattr(getattr(tensor, "device", None), "type", "cpu")
    return f"{x}{detach}{'' if device == 'cpu' else '.cpu()'}.numpy()"
