"""A numpy array of two dimensions: rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.samples.base import Described, jsonable
from jupyter_deploy.packaging.samples.describe import array_column
from jupyter_deploy.packaging.samples.digest import array_sha256
from jupyter_deploy.serving.signature import Column, Layout

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.samples.base import Rows, Subject


class ArraySample(Described):
    """See :class:`.base.Sample`. Columns are called ``x0``, ``x1``, …"""

    layout: Layout = "array"

    def __init__(self, data: np.ndarray[Any, Any], subject: Subject) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def _describe(self) -> tuple[Column, ...]:
        return tuple(array_column(name, self.data[:, i]) for i, name in enumerate(self._names))

    def take(self, rows: Rows) -> Any:
        return self.data[rows]

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        part = self.data[rows]
        # dates stay dates: tolist would make numbers of nanoseconds of them
        cells = [list(row) if part.dtype.kind == "M" else row.tolist() for row in part]
        return [dict(zip(self._names, map(jsonable, row), strict=True)) for row in cells]

    def sha256(self) -> str:
        return array_sha256({"": self.data})

    @property
    def _names(self) -> list[str]:
        return [f"x{i}" for i in range(self.data.shape[1])]
