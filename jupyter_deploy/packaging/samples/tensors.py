"""Named tensors: a dict of numpy arrays, or one array of more than two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples.base import Described, jsonable
from jupyter_deploy.packaging.samples.describe import array_column
from jupyter_deploy.packaging.samples.digest import array_sha256
from jupyter_deploy.serving.signature import Column, Layout

if TYPE_CHECKING:
    import numpy as np

    from jupyter_deploy.packaging.samples.base import Rows, Subject

#: Name of the only tensor, when the model has none for it.
INPUT = "input"


class TensorSample(Described):
    """See :class:`.base.Sample`.

    Parameters
    ----------
    data
        The model is called with rows of it, in the same form: one array or a dict.
    name
        Of the tensor, when `data` is one array.
    """

    layout: Layout = "tensors"

    def __init__(self, data: Any, subject: Subject, name: str = INPUT) -> None:
        self.data = data
        self._subject = subject
        self._single = not isinstance(data, dict)
        self._arrays: dict[str, np.ndarray[Any, Any]] = {name: data} if self._single else data

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def _describe(self) -> tuple[Column, ...]:
        first = next(iter(self._arrays))
        for name, array in self._arrays.items():
            if len(array) != len(self):
                raise SampleError(
                    f"Tensor {name!r} has {len(array)} rows, and {first!r} has {len(self)}.",
                    "The first axis of every tensor is the rows, as many in each.",
                )
        return tuple(array_column(n, a, shape=a.shape[1:]) for n, a in self._arrays.items())

    def take(self, rows: Rows) -> Any:
        taken = {name: array[rows] for name, array in self._arrays.items()}
        return next(iter(taken.values())) if self._single else taken

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        cells = {
            name: [jsonable(_plain(value)) for value in array[rows]]
            for name, array in self._arrays.items()
        }
        return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]

    def sha256(self) -> str:
        return array_sha256(self._arrays)


def _plain(value: Any) -> Any:
    """One row's value as nested lists; dates as text, since tolist makes numbers of some."""
    if not hasattr(value, "tolist"):
        return value
    return value.astype(str).tolist() if value.dtype.kind == "M" else value.tolist()
