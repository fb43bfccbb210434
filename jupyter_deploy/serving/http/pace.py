"""How long a longer body takes, learnt from the ones before it.

A body may be answered on the event loop when that is soon done; handing it to the model's thread
costs as much as a short answer. Of short bodies it is known beforehand. A hundred kilobytes may be
a thousand rows of bytes, which take a fast model a millisecond, or JSON for a slow one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ..runtime import INLINE_BYTES, INLINE_SECONDS

Answer = TypeVar("Answer")

#: Never is a longer body answered on the event loop, whatever the ones before it took.
_LONGEST = 4 * INLINE_BYTES
#: What is left of the pace after each body that took less.
_DECAY = 0.8


class Pace:
    """Seconds of CPU a byte, of bodies longer than :data:`~..runtime.INLINE_BYTES`."""

    def __init__(self) -> None:
        self._seconds: float | None = None

    def short(self, size: int) -> bool:
        """Whether a body of `size` bytes is soon answered."""
        if size <= INLINE_BYTES:
            return True
        return (
            self._seconds is not None and size <= _LONGEST and size * self._seconds < INLINE_SECONDS
        )

    def measured(self, work: Callable[[bytes], Answer], body: bytes) -> Answer:
        """Return ``work(body)``, having learnt what it took, unless it raises."""
        start = time.thread_time()
        answer = work(body)
        seconds = (time.thread_time() - start) / len(body)
        # slower at once, faster by and by
        self._seconds = max(seconds, _DECAY * (self._seconds or 0.0))
        return answer
