"""Every error an endpoint answers with, as RFC 9457 problem documents.

::

    Problem                 status, code, title, detail
    ├── MalformedBody       400  not JSON, or not CSV
    ├── BodyTooLarge        413
    ├── UnsupportedMedia    415
    ├── InvalidInput        422  names the cells: row, column, got, expected
    ├── ModelFailed         500  the model raised; the traceback is in the log only
    └── Busy, NotReady      503  with Retry-After
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

#: Cells named in one answer, at most.
MAX_CELLS = 20


@dataclass(frozen=True)
class Cell:
    """One value that can't be taken.

    Attributes
    ----------
    row
        Position in the batch, from 0; None when it isn't about one row.
    column
        Column name; None when it is about the row as a whole.
    got, expected
        In words, for people.
    """

    row: int | None
    column: str | None
    got: str
    expected: str

    def __str__(self) -> str:
        where = "" if self.row is None else f"row {self.row}"
        if self.column is not None:
            where += f"{', ' if where else ''}column {self.column!r}"
        return f"{where or 'body'}: got {self.got}, expected {self.expected}"


class Problem(Exception):  # noqa: N818  named as RFC 9457 names it
    """Base: an answer other than 2xx.

    Parameters
    ----------
    detail
        What is wrong with this request, in one sentence.
    cells
        The values at fault.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"
    #: Seconds after which trying again makes sense.
    retry_after: ClassVar[int | None] = None

    def __init__(self, detail: str, cells: Sequence[Cell] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.cells = cells

    def document(self, request_id: str) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": f"urn:jupyter-deploy:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "errors": [asdict(cell) for cell in self.cells],
            "request_id": request_id,
        }


class MalformedBody(Problem):
    status = 400
    code = "malformed-body"
    title = "The body can't be read"


class NotFound(Problem):
    status = 404
    code = "not-found"
    title = "Not found"


class MethodNotAllowed(Problem):
    """Carries the methods that are allowed, for the ``allow`` header."""

    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self, method: str, allowed: str) -> None:
        super().__init__(f"{method} is not supported here; use {allowed}.")
        self.allowed = allowed


class BodyTooLarge(Problem):
    status = 413
    code = "body-too-large"
    title = "The body is too large"


class UnsupportedMedia(Problem):
    status = 415
    code = "unsupported-media-type"
    title = "Unsupported media type"


class InvalidInput(Problem):
    status = 422
    code = "invalid-input"
    title = "The input doesn't match the model's signature"

    @classmethod
    def of(cls, cells: Sequence[Cell], more: bool = False) -> InvalidInput:
        """Make the problem of these cells; `more` says that there are others."""
        count = f"{'More than ' if more else ''}{len(cells)}"
        first = str(cells[0])
        detail = first if len(cells) == 1 and not more else f"{count} values are wrong; {first}"
        return cls(f"{detail}.", cells)


class ModelFailed(Problem):
    status = 500
    code = "model-failed"
    title = "The model raised an error"


class Busy(Problem):
    status = 503
    code = "busy"
    title = "Too many requests at once"
    retry_after = 1


class NotReady(Problem):
    status = 503
    code = "not-ready"
    title = "The model is not loaded yet"
    retry_after = 1
