"""The sample held against what the model says it was trained on, before it is called.

A library that finds the difference itself says it in its own words, most often without what to
do; LightGBM, which goes by position, answers columns in another order without a word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.diagnosis.trained import Trained, trained

if TYPE_CHECKING:
    from jupyter_deploy.packaging.samples import Sample

#: Names of columns most often left in a sample by mistake.
_LABELS = ("target", "label", "labels", "class", "y", "outcome", "response")
_SHOWN = 5


def check_trained(model: Any, sample: Sample, *, preprocessed: bool = False) -> None:
    """Compare the sample with what the model says of its training.

    Parameters
    ----------
    preprocessed
        Whether the user's preprocess made these rows.

    Raises
    ------
    SampleError
        When columns are missing, too many, or in another order.
    """
    known = trained(model)
    _check_texts(model, sample, preprocessed)
    if sample.layout in ("dataframe", "polars"):
        got = [str(name) for name in sample.data.columns]
        if known.names:
            _check_names(known, got, _Words(preprocessed, sample.layout == "polars"))
            return
    elif sample.layout == "array":
        got = [f"x{i}" for i in range(sample.data.shape[1])]
    else:
        return
    if known.width and known.width != len(got):
        words = _Words(preprocessed, sample.layout == "polars")
        more = len(got) - known.width
        raise SampleError(
            f"The model was trained on {_columns(known.width)}, and {words.it} has {len(got)}.",
            f"{words.give} the columns it was trained on. "
            + (
                "The one too many is most often the label."
                if more == 1
                else f"The sample has {more} too many."
            )
            if more > 0
            else f"{words.give} all the columns it was trained on, in the same order.",
            expected=known.width,
            got=len(got),
        )


def _check_texts(model: Any, sample: Sample, preprocessed: bool) -> None:
    """A vectorizer of texts reads a DataFrame as the list of its columns' names."""
    steps = getattr(model, "steps", None)
    first = steps[0][1] if steps else None
    if sample.layout == "tensors" or not hasattr(first, "build_analyzer"):
        return
    column = next((c.name for c in sample.columns() if c.kind == "string"), "text")
    what = type(sample.data).__name__
    said = f"The model begins with a {type(first).__name__}, which takes texts, one a row; "
    if preprocessed:
        raise SampleError(f"{said}preprocess returned a {what}.", f"Return df[{column!r}]")
    raise SampleError(
        f"{said}the sample is a {what}.",
        f"Give the DataFrame, and preprocess=lambda df: df[{column!r}]",
    )


@dataclass(frozen=True)
class _Words:
    """How the rows are spoken of."""

    preprocessed: bool
    polars: bool

    @property
    def it(self) -> str:
        return "what preprocess returned" if self.preprocessed else "the sample"

    @property
    def give(self) -> str:
        return "Return" if self.preprocessed else "Give"

    def line(self, code: str) -> str:
        """Code that mends it: ``sample=df.drop(…)``."""
        return f"return {code}" if self.preprocessed else f"sample={code}"

    def drop(self, names: Sequence[str]) -> str:
        if self.polars:
            return self.line(f"df.drop({', '.join(map(repr, names))})")
        return self.line(f"df.drop(columns={list(names)!r})")

    def rename(self, pairs: dict[str, str]) -> str:
        return self.line(
            f"df.rename({pairs!r})" if self.polars else f"df.rename(columns={pairs!r})"
        )


def _check_names(known: Trained, got: list[str], words: _Words) -> None:
    if known.spaceless:
        spaced = {re.sub(r"\s", "_", name): name for name in got}
        known = replace(known, names=tuple(spaced.get(n, n) for n in known.names), source="")
    missing = [n for n in known.names if n not in got]
    extra = [n for n in got if n not in known.names]
    facts: dict[str, Any] = {"missing": missing, "extra": extra}
    pairs = _renamed(missing, extra)
    if pairs and len(pairs) == len(missing) == len(extra):
        raise _other_names(known, got, pairs, words, facts)
    if missing:
        raise SampleError(
            f"{_capital(words.it)} has no {_named(missing)}, on which the model was trained.",
            (f"It has {_named(extra)}, which the model doesn't know. " if extra else "")
            + f"{words.give} the {_columns(len(known.names))} of training: {_listed(known.names)}.",
            **facts,
        )
    if extra:
        label = [n for n in extra if n.lower() in _LABELS]
        what = "the label" if label and len(extra) == 1 else "what was no feature"
        raise SampleError(
            f"{_named(extra, capital=True)} {'was' if len(extra) == 1 else 'were'} not there in "
            "training.",
            f"Drop {what}: {words.drop(extra)}",
            **facts,
        )
    if not known.by_name and tuple(got) != known.names:
        first = next(i for i, (a, b) in enumerate(zip(got, known.names, strict=True)) if a != b)
        names = f"list({known.source})" if known.source and len(got) > _SHOWN else list(known.names)
        raise SampleError(
            f"The columns are in another order than in training: number {first + 1} is "
            f"{got[first]!r}, and was {known.names[first]!r}.",
            f"Order them as in training: {words.line(f'df[{names}]')}",
            expected=list(known.names),
            got=got,
        )


def _other_names(
    known: Trained, got: list[str], pairs: dict[str, str], words: _Words, facts: dict[str, Any]
) -> SampleError:
    some = list(pairs.items())[:3]
    said = ", ".join(f"{new!r} is called {old!r}" for old, new in some)
    rest = f", and so on for {len(pairs) - len(some)} more" if len(pairs) > len(some) else ""
    line = words.rename(pairs)
    in_order = [pairs.get(name, name) for name in got] == list(known.names)
    if len(pairs) > _SHOWN and in_order and known.source and not words.polars:
        line = words.line(f"df.set_axis({known.source}, axis=1)")
    return SampleError(
        f"The columns have other names than in training: {said}{rest} in {words.it}.",
        f"Give them the names of training: {line}",
        **facts,
    )


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _renamed(missing: list[str], extra: list[str]) -> dict[str, str]:
    """Pairs of old (the sample's) and new (the training's) names that are nearly the same."""
    plain = {_bare(n): n for n in missing}
    found = {}
    for name in extra:
        close = get_close_matches(_bare(name), plain, n=1, cutoff=0.85)
        if close:
            found[name] = plain.pop(close[0])
    return found


def _bare(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _columns(count: int) -> str:
    return f"{count} column{'s' * (count != 1)}"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    rest = len(names) - _SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def _named(names: Sequence[str], *, capital: bool = False) -> str:
    word = "column" if len(names) == 1 else "columns"
    return f"{_capital(word) if capital else word} {_listed(names)}"
