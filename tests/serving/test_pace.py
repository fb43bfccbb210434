"""Which bodies are answered on the event loop."""

from __future__ import annotations

import time

import pytest

from jupyter_deploy.serving.http.pace import Pace
from jupyter_deploy.serving.runtime import INLINE_BYTES, INLINE_SECONDS

LONGER = 2 * INLINE_BYTES


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(time, "thread_time", lambda: now[0])
    return now


def learn(pace: Pace, clock: list[float], seconds: float, size: int = LONGER) -> None:
    def work(body: bytes) -> int:
        clock[0] += seconds
        return len(body)

    assert pace.measured(work, bytes(size)) == size


def test_of_longer_bodies_nothing_is_known_at_first() -> None:
    assert Pace().short(INLINE_BYTES)
    assert not Pace().short(INLINE_BYTES + 1)


def test_what_was_fast_is_short(clock: list[float]) -> None:
    pace = Pace()
    learn(pace, clock, INLINE_SECONDS / 2)
    assert pace.short(LONGER)
    assert pace.short(2 * LONGER - 1)
    # another body of that length may not be of that kind
    assert not pace.short(2 * LONGER + 1)
    learn(pace, clock, 0.0)
    assert not pace.short(2 * LONGER + 1)


def test_slower_at_once_and_faster_by_and_by(clock: list[float]) -> None:
    pace = Pace()
    learn(pace, clock, INLINE_SECONDS / 2)
    learn(pace, clock, INLINE_SECONDS * 1.5)
    assert not pace.short(LONGER)
    learn(pace, clock, 0.0)
    assert not pace.short(LONGER)
    learn(pace, clock, 0.0)
    assert pace.short(LONGER)


def test_what_raises_tells_nothing(clock: list[float]) -> None:
    pace = Pace()
    with pytest.raises(ZeroDivisionError):
        pace.measured(lambda body: 1 // 0, bytes(LONGER))
    assert not pace.short(LONGER)
