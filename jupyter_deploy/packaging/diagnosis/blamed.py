"""Which columns of the sample made a predict raise, when its words tell of what kind they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.diagnosis.encoders import encoded

if TYPE_CHECKING:
    from jupyter_deploy.packaging.samples import Sample
    from jupyter_deploy.serving.signature import Column

#: What libraries say when text or a date comes where a number is needed.
_NUMBERS_WANTED = re.compile(
    r"could not convert string|non-numeric|'isnan' not supported|dtypes (for data )?must be int"
    r"|ufunc .* (not supported|did not contain a loop)|must be real number|unsupported operand"
    r"|could not be cast|can't convert .*str|cannot compare|not supported between"
    r"|could not be promoted|invalid type promotion|cannot convert .*datetime|datetime64",
    re.IGNORECASE,
)
_NULLS = re.compile(r"contains? (NaN|missing|null)|NaN values?|missing values", re.IGNORECASE)
_INFINITE = re.compile(r"contains? infinity|infinity or a value too large", re.IGNORECASE)
_CATEGORICAL = ("category", "Categorical", "Enum")
_SHOWN = 3


def explain(model: Any, sample: Sample, refused: SampleError) -> SampleError:
    """Return the error of a predict that raised, naming the columns at fault where it can.

    Parameters
    ----------
    refused
        What was to be raised.
    """
    said = refused.message
    columns = sample.columns()
    if _NUMBERS_WANTED.search(said):
        known = {e.name for e in encoded(model, [c.name for c in columns])}
        for kind, word, hint in (
            (
                "string",
                "text",
                "Give the columns the types they had in training, for example df[{name!r}] = "
                "pd.to_numeric(df[{name!r}]), or .astype('category') where it was categorical.",
            ),
            (
                "datetime",
                "dates",
                "Make of them the number that the model was trained on, in the sample or by "
                "preprocess, for example df[{name!r}].dt.dayofyear",
            ),
        ):
            found = [
                c
                for c in columns
                if c.kind == kind and c.dtype not in _CATEGORICAL and c.name not in known
            ]
            if found:
                return _not_numbers(said, refused, found, word, hint)
        return refused
    for pattern, word, found in (
        (_NULLS, "nulls", [c for c in columns if c.nullable]),
        (_INFINITE, "infinities", [c for c in columns if c.infinite]),
    ):
        if pattern.search(said) and found:
            return SampleError(
                f"{_named(found)} {word}, which the model doesn't take: {said}",
                "Give rows without them; or, where they will be sent, put an imputer in front of "
                "the model (SimpleImputer) or fill them in by preprocess.",
                **refused.detail,
            )
    return refused


def _not_numbers(
    said: str, refused: SampleError, found: list[Column], word: str, hint: str
) -> SampleError:
    found = [c for c in found if c.name in said] or found
    name = found[0].name
    value = next(iter(found[0].categories or ()), None)
    shown = f" ({value!r})" if value is not None else ""
    more = f", as do {len(found) - 1} more" if len(found) > 1 else ""
    return SampleError(
        f"Column {name!r} holds {word}{shown}{more}, and the model takes numbers there: {said}",
        hint.format(name=name),
        **refused.detail,
    )


def _named(columns: list[Column]) -> str:
    names = ", ".join(repr(c.name) for c in columns[:_SHOWN])
    rest = len(columns) - _SHOWN
    if rest > 0:
        return f"Columns {names} and {rest} more hold"
    return f"Column {names} holds" if len(columns) == 1 else f"Columns {names} hold"
