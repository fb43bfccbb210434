"""A steady load of predictions from threads, counting what failed and for how long."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlsplit


@dataclass
class Outcome:
    """What the load saw; `failures` are status codes other than 200, or exception names."""

    answered: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    first_failure: float | None = None
    last_failure: float | None = None

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    @property
    def outage(self) -> float:
        """Seconds from the first failure to the last."""
        if self.first_failure is None or self.last_failure is None:
            return 0.0
        return self.last_failure - self.first_failure

    def __str__(self) -> str:
        why = ", ".join(f"{n} x {k}" for k, n in self.failures.most_common())
        return (
            f"{self.answered} answered, {self.failed} failed"
            + (f" ({why}) within {self.outage:.2f} s" if self.failed else "")
            + f", versions {dict(self.versions)}"
        )


class Load:
    """Post `body` to `url` from `clients` keep-alive connections until the block ends.

    A client that gets no answer opens a new connection and goes on, as a caller would.
    """

    def __init__(self, url: str, body: object, headers: dict[str, str], clients: int = 4) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._address = parts.hostname, parts.port
        payload = json.dumps(body).encode()
        head = {
            "host": parts.netloc,
            "content-type": "application/json",
            "content-length": str(len(payload)),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        # head and body in one packet, as fast clients send them
        self._request = f"POST {parts.path} HTTP/1.1\r\n{lines}\r\n".encode() + payload
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        self.outcome = Outcome()

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=40)

    def answered_more_than(self, count: int) -> bool:
        """For waiting until the load really flows."""
        return self.outcome.answered > count

    def _run(self) -> None:
        connection: socket.socket | None = None
        while not self._stop.is_set():
            try:
                connection = connection or socket.create_connection(self._address, timeout=35)
                connection.sendall(self._request)
                answer = http.client.HTTPResponse(connection, method="POST")
                answer.begin()
                answer.read()
                self._record(str(answer.status), answer.headers.get("x-model-version", "?"))
                lost = answer.will_close
            except (OSError, http.client.HTTPException) as error:
                self._record(type(error).__name__, "?")
                lost = True
                self._stop.wait(0.01)  # a refused connection must not become a busy loop
            if lost and connection is not None:
                connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _record(self, result: str, version: str) -> None:
        now = time.monotonic()
        with self._lock:
            if result == "200":
                self.outcome.answered += 1
                self.outcome.versions[version] += 1
            else:
                self.outcome.failures[result] += 1
                if self.outcome.first_failure is None:
                    self.outcome.first_failure = now
                self.outcome.last_failure = now
