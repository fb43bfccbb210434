"""The caller's trace, by the W3C's Trace Context: read, kept while its request is worked on.

The lane records no spans, so it invents no ids either: what came in is passed on as it came, as
the specification has it for a participant that doesn't take part. Without a trace there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

Answer = TypeVar("Answer")

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MEMBER = re.compile(
    r"[a-z][a-z0-9_*/-]{0,255}(@[a-z0-9_*/-]{1,14})?=[\x20-\x7e]{0,255}[\x21-\x7e]"
    r"|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}=[\x20-\x7e]{0,255}[\x21-\x7e]"
)
_MEMBERS = 32


@dataclass(frozen=True, slots=True)
class Trace:
    """Where a request belongs.

    Attributes
    ----------
    traceparent
        ``00-TRACE-PARENT-FLAGS``: trace and parent ids, hex.
    tracestate
        The vendors' part of it; empty when there was none.
    """

    traceparent: str
    tracestate: str = ""

    @property
    def trace_id(self) -> str:
        """The 32 hex digits that all of a trace's requests share."""
        return self.traceparent[3:35]

    def headers(self) -> dict[str, str]:
        """Return the headers that a call on behalf of this request should carry."""
        state = {"tracestate": self.tracestate} if self.tracestate else {}
        return {"traceparent": self.traceparent, **state}


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace | None:
    """Return the trace of the request that is being answered; None when it came without.

    A model that calls other services passes it on with ``Trace.headers``.
    """
    return _current.get()


def within(trace: Trace, work: Callable[[bytes], Answer], body: bytes) -> Answer:
    """Return ``work(body)``, during which `trace` is the current one."""
    token = _current.set(trace)
    try:
        return work(body)
    finally:
        _current.reset(token)


def read(parents: Sequence[bytes], states: Sequence[bytes] = ()) -> Trace | None:
    """Read a request's ``traceparent`` and ``tracestate`` headers.

    Returns
    -------
    Trace or None
        None when there isn't exactly one valid ``traceparent``: the specification has an
        invalid one ignored, with its state. A state that is invalid is dropped alone.
    """
    if len(parents) != 1:
        return None
    found = _PARENT.fullmatch(parents[0])
    if found is None:
        return None
    version, trace, parent, flags, rest = found.groups()
    # of versions to come only what version 00 has is known
    if version == b"ff" or (version == b"00" and rest is not None):
        return None
    if not trace.strip(b"0") or not parent.strip(b"0"):
        return None
    if version != b"00":
        flags = b"%02x" % (int(flags, 16) & 1)
    parts = b"00-%b-%b-%b" % (trace, parent, flags)
    return Trace(parts.decode(), _state(states))


def _state(values: Sequence[bytes]) -> str:
    members = [m.strip(" \t") for v in values for m in v.decode("latin-1").split(",")]
    members = [m for m in members if m]
    keys = {m.partition("=")[0] for m in members}
    if len(members) > _MEMBERS or len(keys) != len(members):
        return ""
    if not all(_MEMBER.fullmatch(m) and not set(m.partition("=")[2]) & set(",=") for m in members):
        return ""
    return ",".join(members)
