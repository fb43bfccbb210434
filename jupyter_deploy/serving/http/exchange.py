"""One HTTP request as the lane sees it: its head, its body, and the reply to it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

from ..problems import BodyTooLarge, MalformedBody, UnsupportedMedia
from ..trace import Trace
from ..trace import read as read_trace
from .fallthrough import Receive, Scope

JSON = b"application/json"
CSV = b"text/csv"
OCTETS = b"application/octet-stream"
_LONGEST_ID = 128
_UTF8 = re.compile(rb'charset="?(utf-?8|us-ascii)"?(;|$)')
#: Digits of a length; longer ones are no lengths of anything.
_LONGEST_COUNT = 18


class DisconnectedError(Exception):
    """The client went away before its body was complete; there is nobody to answer."""


@dataclass(slots=True)
class Head:
    """What the lane reads of a request's headers.

    Attributes
    ----------
    header_length
        Bytes of JSON before binary tensors; -1 when the header isn't one whole number.
    trace
        The caller's trace; None without a valid one.
    """

    request_id: bytes = b""
    content_type: bytes | None = None
    encoding: bytes | None = None
    length: int | None = None
    header_length: int | None = None
    trace: Trace | None = None

    @classmethod
    def of(cls, scope: Scope) -> Head:
        """Read the headers in one pass."""
        head = cls()
        traced = False
        for name, value in scope["headers"]:
            if name == b"content-type":
                head.content_type = value
            elif name == b"content-length":
                head.length = _length(value)
            elif name == b"x-request-id":
                head.request_id = head.request_id or value
            elif name == b"content-encoding":
                head.encoding = value
            elif name == b"inference-header-content-length":
                head.header_length = _count(value) if head.header_length is None else -1
            elif name == b"traceparent":
                traced = True
        if traced:
            head.trace = _trace(scope)
        if not _sane(head.request_id):
            head.request_id = secrets.token_hex(16).encode()
        return head

    def require_json(self) -> None:
        """Refuse any body that doesn't say it is plain JSON.

        Raises
        ------
        UnsupportedMedia
            For another content type or encoding.
        """
        kind = self.content_type
        if kind is None:
            raise UnsupportedMedia("Send a content-type header: application/json.")
        if kind != JSON and _bare(kind) != JSON:
            shown = kind[:60].decode("latin-1")
            raise UnsupportedMedia(f"The body is {shown!r}; send application/json.")
        self._require_plain()

    def require_table(self) -> bool:
        """Refuse any body that is neither JSON nor CSV; return whether it is CSV.

        Raises
        ------
        UnsupportedMedia
            For another content type, character set or encoding.
        """
        if self.content_type is None or _bare(self.content_type) != CSV:
            self.require_json()
            return False
        parameters = self.content_type.lower().partition(b";")[2].replace(b" ", b"")
        if b"charset=" in parameters and not _UTF8.search(parameters):
            raise UnsupportedMedia("The body has another character set; send UTF-8.")
        self._require_plain()
        return True

    def require_tensors(self) -> None:
        """Refuse a body that can't be a request of the inference protocol.

        Its clients send JSON and binary tensors under the same content types, or none at all.

        Raises
        ------
        UnsupportedMedia
            For another content type or encoding.
        """
        kind = self.content_type
        if kind is not None and kind != JSON and _bare(kind) not in (JSON, OCTETS):
            shown = kind[:60].decode("latin-1")
            raise UnsupportedMedia(
                f"The body is {shown!r}; send application/json, "
                "or application/octet-stream with binary tensors."
            )
        self._require_plain()

    def _require_plain(self) -> None:
        if self.encoding not in (None, b"", b"identity"):
            raise UnsupportedMedia("Compressed bodies are not supported; send it as it is.")


@dataclass(slots=True)
class Reply:
    """An answer; `headers` come on top of those every answer has."""

    status: int
    body: bytes
    content_type: bytes = JSON
    rows: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)


async def read_body(receive: Receive, head: Head, limit: int) -> bytes:
    """Read the whole body.

    Raises
    ------
    BodyTooLarge
        As soon as it is known to be longer than `limit` bytes.
    DisconnectedError
        When the client goes away.
    """
    if head.length is not None and head.length > limit:
        raise BodyTooLarge(f"The body has {head.length} bytes; {limit} are allowed.")
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise BodyTooLarge(f"More than the {limit} bytes that are allowed.")
        return body
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise BodyTooLarge(f"More than the {limit} bytes that are allowed.")
        parts.append(part)
        if not message.get("more_body"):
            break
        message = await receive()
    if head.length is not None and size != head.length:
        raise MalformedBody(f"it has {size} bytes, its content-length says {head.length}")
    return b"".join(parts)


def _trace(scope: Scope) -> Trace | None:
    headers = scope["headers"]
    return read_trace(
        [value for name, value in headers if name == b"traceparent"],
        [value for name, value in headers if name == b"tracestate"],
    )


def _bare(content_type: bytes) -> bytes:
    """The content type without its parameters."""
    return content_type.split(b";", 1)[0].strip().lower()


def _length(value: bytes) -> int | None:
    # servers take any number of leading zeros, int() doesn't take that many digits
    return int(value.lstrip(b"0")[: _LONGEST_COUNT + 1] or b"0") if value.isdigit() else None


def _count(value: bytes) -> int:
    return int(value) if value.isdigit() and len(value) <= _LONGEST_COUNT else -1


def _sane(value: bytes) -> bool:
    """Printable ASCII without spaces, of a length that fits a log line."""
    return 0 < len(value) <= _LONGEST_ID and value.isascii() and not _unprintable(value)


def _unprintable(value: bytes) -> bool:
    return min(value) <= 0x20 or max(value) >= 0x7F
