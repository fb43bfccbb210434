"""A list of dicts with the same keys, as a JSON API has it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples.base import Described, jsonable
from jupyter_deploy.packaging.samples.describe import object_column
from jupyter_deploy.serving.signature import Column, Layout

if TYPE_CHECKING:
    from jupyter_deploy.packaging.samples.base import Rows, Subject


class RecordsSample(Described):
    """See :class:`.base.Sample`."""

    layout: Layout = "records"

    def __init__(self, data: list[dict[str, Any]], subject: Subject) -> None:
        self.data = data
        self._subject = subject

    def __len__(self) -> int:
        return len(self.data)

    def _describe(self) -> tuple[Column, ...]:
        words = self._subject.words
        names = list(self.data[0])
        odd = next((n for n in names if not isinstance(n, str)), None)
        if odd is not None:
            raise SampleError(
                f"{words} has the key {odd!r}, which is no string.",
                "A request names its columns in JSON: use strings as keys.",
            )
        for i, record in enumerate(self.data):
            differs = next(iter(self.data[0].keys() ^ record.keys()), None)
            if differs is not None:
                row, other = (i, 0) if differs in names else (0, i)
                raise SampleError(
                    f"Row {row} of {words[0].lower()}{words[1:]} has no {differs!r}, "
                    f"which row {other} has.",
                    "Every row has the same keys; fill in None for a value that may be missing: "
                    f"[{{{differs!r}: None, **row}} for row in rows]",
                )
        return tuple(
            object_column(n, [record[n] for record in self.data], "", dates=True) for n in names
        )

    def take(self, rows: Rows) -> Any:
        # copies: a model may change what it is given
        return [dict(self.data[int(i)]) for i in rows]

    def records(self, rows: Rows) -> list[dict[str, Any]]:
        return [{k: jsonable(v) for k, v in self.data[int(i)].items()} for i in rows]

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for record in self.data:
            digest.update(repr(sorted(record.items())).encode())
        return digest.hexdigest()
