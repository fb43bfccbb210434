"""What every kind of sample can do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.serving.signature import Column, Layout

    #: Positions of rows.
    Rows = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Subject:
    """How a sample is spoken of in an error.

    Attributes
    ----------
    words
        Begins a sentence: ``The sample``.
    example
        Stands for it in a line of code: ``X_test``.
    give
        Begins a line of advice: ``Give``.
    """

    words: str
    example: str
    give: str


class Sample(Protocol):
    """Rows of the user's, in the type the model is called with.

    Attributes
    ----------
    data
        The user's own object.
    layout
        What the model is called with.
    """

    @property
    def layout(self) -> Layout: ...

    data: Any

    def __len__(self) -> int:
        """Count the rows."""

    def columns(self) -> tuple[Column, ...]:
        """Describe every column.

        Raises
        ------
        SampleError
            For names or values that a request can't carry.
        """

    def take(self, rows: Rows) -> Any:
        """Return rows by position, as a copy in the sample's own type."""

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        """Return rows by position as strict JSON, but for infinities: nulls for NaN."""

    def sha256(self) -> str:
        """Hash the values, the dtypes and the names of the columns, in order."""


class Described:
    """Describes its columns once: a sample may have millions of rows."""

    _described: tuple[Column, ...] | None = None

    def columns(self) -> tuple[Column, ...]:
        """See :meth:`Sample.columns`."""
        if self._described is None:
            self._described = self._describe()
        return self._described

    def _describe(self) -> tuple[Column, ...]:
        raise NotImplementedError


def jsonable(value: Any) -> Any:
    """One cell or label as JSON has it; None for NaN, NaT and NA, ISO 8601 for dates."""
    if type(value).__module__ == "numpy":
        # item() makes a number of a date in nanoseconds
        value = str(value) if type(value).__name__ == "datetime64" else value.item()
        return None if value == "NaT" else jsonable(value)
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list | tuple):
        return [jsonable(v) for v in value]
    if isinstance(value, str | bool | int):
        return value
    if type(value).__name__ == "NaTType" or not hasattr(value, "isoformat"):
        return None
    return value.isoformat()


def kin(data: Any, package: str, name: str) -> bool:
    """Whether `data` is an object of that class or of one derived from it.

    Asked by name, so that no library is imported for a sample of another one.
    """
    return any(
        c.__name__ == name and c.__module__.partition(".")[0] == package for c in type(data).__mro__
    )


def row_count(data: Any) -> int:
    """Count the rows of anything a model may be called with, a dict of arrays included."""
    if isinstance(data, dict):
        data = next(iter(data.values()), ())
    shape = getattr(data, "shape", None)
    # a sparse matrix has no length
    return int(shape[0]) if shape else len(data)


def article(word: str) -> str:
    """Put ``a`` or ``an`` before a word."""
    spelt = word[:1].lower() in "aeiou" or word.startswith(("xg", "xa"))
    return f"{'an' if spelt else 'a'} {word}"
