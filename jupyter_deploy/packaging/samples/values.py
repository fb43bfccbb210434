"""One value a row, or rows of a kind we know nothing of: only what preprocess may return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.samples.base import Described, jsonable, row_count
from jupyter_deploy.packaging.samples.describe import array_column
from jupyter_deploy.packaging.samples.tensors import INPUT
from jupyter_deploy.serving.signature import Column, Layout

if TYPE_CHECKING:
    from jupyter_deploy.packaging.samples.base import Rows, Subject


class ValuesSample(Described):
    """A Series, an array of one dimension or a list, as text models take; a sample of rows.

    See :class:`.base.Sample`.
    """

    layout: Layout = "tensors"

    def __init__(self, data: Any, subject: Subject) -> None:
        self.data = data

    def __len__(self) -> int:
        return row_count(self.data)

    def _describe(self) -> tuple[Column, ...]:
        import numpy as np

        return (array_column(INPUT, np.asarray(self.data)),)

    def take(self, rows: Rows) -> Any:
        if hasattr(self.data, "iloc"):
            return self.data.iloc[rows]
        if isinstance(self.data, list | tuple):
            return [self.data[int(i)] for i in rows]
        return self.data[rows]

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        return [{INPUT: jsonable(value)} for value in self.take(rows)]

    def sha256(self) -> str:
        raise NotImplementedError("only what the user gave is hashed")


class OpaqueSample(ValuesSample):
    """Rows only the model understands, a sparse matrix for example: no columns are known."""

    def _describe(self) -> tuple[Column, ...]:
        return ()
