"""Heads of requests: what is taken for what, and what of them goes out again."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

from jupyter_deploy.serving.http.exchange import Head
from jupyter_deploy.serving.problems import UnsupportedMedia
from tests.fuzz.comparing import Finding

_JSON, _CSV, _OCTETS = b"application/json", b"text/csv", b"application/octet-stream"


def check(data: bytes) -> None:
    """Headers, one a line as ``name: value``."""
    pairs = [line.partition(b": ")[::2] for line in data.split(b"\n")]
    head = Head.of({"headers": pairs})
    _request_id(head.request_id)
    _lengths(head, [value for name, value in pairs if name == b"inference-header-content-length"])
    _trace(head, [value for name, value in pairs if name == b"traceparent"])
    types = [
        value.split(b";")[0].strip().lower() for name, value in pairs if name == b"content-type"
    ]
    kind = types[-1] if types else None
    encodings = [value for name, value in pairs if name == b"content-encoding"]
    plain = not encodings or encodings[-1] in (b"", b"identity")
    ways: list[tuple[Callable[[], object], tuple[bytes | None, ...]]] = [
        (head.require_json, (_JSON,)),
        (head.require_table, (_JSON, _CSV)),
        (head.require_tensors, (_JSON, _OCTETS, None)),
    ]
    for require, kinds in ways:
        with suppress(UnsupportedMedia):
            require()
            if kind not in kinds or not plain:
                raise Finding(f"{require.__name__} takes {kind!r} in {encodings!r}")


def _request_id(value: bytes) -> None:
    if not re.fullmatch(rb"[\x21-\x7e]{1,128}", value):
        raise Finding(f"the request id is {value!r}")


def _lengths(head: Head, given: list[bytes]) -> None:
    if head.length is not None and head.length < 0:
        raise Finding(f"a body of {head.length} bytes")
    wanted = None if not given else -1
    if len(given) == 1 and re.fullmatch(rb"[0-9]{1,18}", given[0]):
        wanted = int(given[0])
    if head.header_length != wanted:
        raise Finding(f"{head.header_length} bytes of JSON instead of {wanted}")


def _trace(head: Head, given: list[bytes]) -> None:
    """What is passed on is a header, and the caller's own."""
    if head.trace is None:
        return
    parent, state = head.trace.traceparent, head.trace.tracestate
    if not re.fullmatch(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", parent):
        raise Finding(f"passed on: {parent!r}")
    if len(given) != 1 or given[0][3:52].decode("latin-1") != parent[3:52]:
        raise Finding(f"{parent!r} is not what came: {given!r}")
    if not re.fullmatch(r"[\x20-\x7e]*", state):
        raise Finding(f"passed on: {state!r}")
