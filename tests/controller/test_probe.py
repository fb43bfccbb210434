"""When an answer counts as the packed model's."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.controller.probe import Probe, difference
from jupyter_deploy.exceptions import ServiceError
from jupyter_deploy.types import Golden


@pytest.mark.parametrize(
    ("expected", "got", "where"),
    [
        ({"a": [1.0, 2]}, {"a": [1.0005, 2], "more": 1}, None),
        ({"a": [1.0]}, {"a": [1.2]}, "answer.a[0] is 1.2, expected 1.0"),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, "answer.a has 2 items, expected 1"),
        ({"a": 1}, {}, "answer has no 'a'"),
        ({"a": "x"}, {"a": "y"}, "answer.a is 'y', expected 'x'"),
        ({"a": None}, {"a": None}, None),
        ({"a": None}, {"a": 0}, "answer.a is 0, expected None"),
        ({"a": True}, {"a": 1}, "answer.a is 1, expected True"),
        ({"a": 1}, {"a": "1"}, "answer.a is '1', expected 1"),
        ([float("nan")], [float("nan")], None),
        ([1.0], [float("nan")], "answer[0] is nan, expected 1.0"),
        ([float("inf")], [float("inf")], None),
        ([[1], [2]], [[1], [3]], "answer[1][0] is 3, expected 2"),
    ],
)
def test_difference(expected: Any, got: Any, where: str | None) -> None:
    assert difference(expected, got, atol=1e-3, rtol=0) == where


def test_tolerance_is_relative_to_the_expected_value() -> None:
    assert difference(1000.0, 1000.9, atol=0, rtol=1e-3) is None
    assert difference(1000.0, 1001.1, atol=0, rtol=1e-3)


def test_what_was_noted_when_it_was_packed_may_explain_a_difference(tmp_path: Path) -> None:
    """Such as a module's file that was edited after the notebook had imported it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b'{"predictions":[3.0]}'
        writer.write(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        writer.write(body)
        await writer.drain()
        writer.close()

    async def replayed() -> None:
        golden = Golden(request=[], response={"predictions": [2.0]}, atol=0, rtol=0)
        async with await asyncio.start_unix_server(answer, tmp_path / "s"):
            probe = Probe(str(tmp_path / "s"))
            try:
                await probe.replay([golden], 10, ["The file of the module shop was changed."])
            finally:
                await probe.close()

    with pytest.raises(ServiceError, match=r"predictions.0. is 3.0, expected 2.0") as told:
        asyncio.run(replayed())
    assert told.value.hint.endswith("when it was packed: The file of the module shop was changed.")
