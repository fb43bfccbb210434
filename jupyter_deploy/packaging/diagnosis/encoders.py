"""Which columns a scikit-learn model knows as text and which as numbers, from its encoders.

An encoder keeps the categories it was trained on. One that ignores unknown ones answers a
column of another type, or spelt otherwise, without a word: all its values are unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError

if TYPE_CHECKING:
    from jupyter_deploy.packaging.samples import Sample
    from jupyter_deploy.serving.signature import Column

_SHOWN = 3


@dataclass(frozen=True)
class Encoded:
    """One column as an encoder knows it.

    Attributes
    ----------
    name
        Of the column.
    categories
        Those it was trained on.
    ignores
        Whether it answers unknown ones.
    """

    name: str
    categories: tuple[Any, ...]
    ignores: bool

    @property
    def text(self) -> bool:
        return any(isinstance(c, str) for c in self.categories)


def encoded(model: Any, names: Sequence[str]) -> list[Encoded]:
    """Find the columns that an encoder takes as they come in the sample."""
    return list(_walk(model, list(names)))


def check_encoded(model: Any, sample: Sample) -> list[str]:
    """Compare the sample's columns with what encoders were trained on.

    Returns
    -------
    list of str
        Notes on columns of which no value is known.

    Raises
    ------
    SampleError
        When a column holds numbers and was text in training, or the other way round.
    """
    columns = {c.name: c for c in sample.columns()}
    notes = []
    for found in encoded(model, list(columns)):
        column = columns.get(found.name)
        if column is None or column.null_share == 1 or not found.categories:
            continue
        text = column.kind == "string"
        if text != found.text and column.kind != "datetime":
            raise _other_type(found, column)
        known = set(found.categories)
        if found.ignores and column.categories and not known & set(column.categories):
            notes.append(
                f"No value of column {found.name!r} was there in training: the sample has "
                f"{_some(column.categories)}, and it was trained on {_some(found.categories)}."
            )
    return notes


def _other_type(found: Encoded, column: Column) -> SampleError:
    name = found.name
    has = "text" if column.kind == "string" else f"{column.kind}s"
    had = "text" if found.text else "numbers"
    cast = f"df[{name!r}].astype(str)" if found.text else f"pd.to_numeric(df[{name!r}])"
    dtype = "str" if found.text else "float"
    return SampleError(
        f"Column {name!r} was {had} in training ({_some(found.categories)}), and holds {has} in "
        "the sample.",
        f"Give it the type of training: df[{name!r}] = {cast}. Was it read from a file? Then "
        f"read it so: pd.read_csv(…, dtype={{{name!r}: {dtype}}})",
        column=name,
    )


def _some(values: Sequence[Any]) -> str:
    shown = ", ".join(repr(v) for v in values[:_SHOWN])
    return f"{shown}, …" if len(values) > _SHOWN else shown


def _walk(step: Any, names: list[str]) -> Iterator[Encoded]:
    """Encoders that `names` reach as they are."""
    for inner in ("best_estimator_", "regressor_"):
        if hasattr(step, inner):
            yield from _walk(getattr(step, inner), names)
            return
    if hasattr(step, "steps"):
        for _, part in step.steps:
            yield from _walk(part, names)
            if not _keeps_columns(part):
                return
        return
    if hasattr(step, "transformers_"):
        for _, part, chosen in step.transformers_:
            picked = _picked(chosen, names)
            if picked and not isinstance(part, str):
                yield from _walk(part, picked)
        return
    categories = getattr(step, "categories_", None)
    if isinstance(categories, list) and len(categories) == len(names):
        ignores = getattr(step, "handle_unknown", "error") != "error"
        for name, values in zip(names, categories, strict=True):
            plain = [v for v in getattr(values, "tolist", list)() if v is not None and v == v]  # noqa: PLR0124
            yield Encoded(name, tuple(plain), ignores)


def _keeps_columns(step: Any) -> bool:
    """Whether the columns behind a step are those before it: only imputers, to be sure."""
    return type(step).__name__ == "SimpleImputer" and not step.add_indicator


def _picked(chosen: Any, names: list[str]) -> list[str]:
    if isinstance(chosen, str):
        return [chosen]
    if isinstance(chosen, slice):
        return names[chosen] if not isinstance(chosen.start or chosen.stop, str) else []
    found = list(chosen)
    if all(isinstance(c, bool) for c in found):
        return [n for n, taken in zip(names, found, strict=False) if taken]
    if all(isinstance(c, int) for c in found):
        return [names[c] for c in found if -len(names) <= c < len(names)]
    return [str(c) for c in found]
