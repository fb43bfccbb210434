"""What Prometheus reads: this package's names, and BentoML's own for the same traffic.

With PROMETHEUS_MULTIPROC_DIR set (every BentoML worker has it) values live in files of that
folder and one worker answers for all; else they are this process's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()

#: Seconds; a lane request takes 0.1 ms, a heavy native model seconds.
BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LIVE = re.compile(r"gauge_live\w+_(\d+)\.db")


class Metrics:
    """Metrics of one worker.

    Parameters
    ----------
    deployment, version
        Labels of every series.
    bentoml_buckets
        Buckets of BentoML's own latency histogram.
    """

    def __init__(
        self, deployment: str, version: str, bentoml_buckets: Sequence[float] = BUCKETS
    ) -> None:
        self._folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        # not the global registry: BentoML registers its own metrics there, under the same names
        registry = self._registry = CollectorRegistry()
        ours = ("deployment", "model_version")
        self._ours = (deployment, version)
        self._requests = Counter(
            "jupyter_deploy_requests_total",
            "Requests answered",
            (*ours, "route", "code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "jupyter_deploy_request_duration_seconds",
            "Time from the request's head to its answer",
            (*ours, "route"),
            buckets=BUCKETS,
            registry=registry,
        )
        self._rows = Counter(
            "jupyter_deploy_rows_total", "Rows predicted", ours, registry=registry
        ).labels(*self._ours)
        self.in_flight = Gauge(
            "jupyter_deploy_requests_in_flight",
            "Predictions being worked on",
            ours,
            multiprocess_mode="livesum",
            registry=registry,
        ).labels(*self._ours)
        theirs = (
            "endpoint",
            "service_name",
            "service_version",
            "http_response_code",
            "runner_name",
        )
        self._bentoml_requests = Counter(
            "bentoml_service_request_total",
            "Total number of HTTP requests",
            theirs,
            registry=registry,
        )
        self._bentoml_seconds = Histogram(
            "bentoml_service_request_duration_seconds",
            "API HTTP request duration in seconds",
            theirs,
            buckets=tuple(bentoml_buckets),
            registry=registry,
        )
        self._bound: dict[tuple[str, int], tuple[Counter, Histogram, Counter, Histogram]] = {}

    def observe(self, route: str, code: int, seconds: float, rows: int) -> None:
        """Count one answered request.

        Parameters
        ----------
        route
            One of the lane's routes, never a path that a client made up.
        code
            HTTP status.
        seconds
            Time it took.
        rows
            Rows predicted, 0 for anything else.
        """
        # label children are looked up by dict once per route and code, not by name every time
        bound = self._bound.get((route, code)) or self._bind(route, code)
        requests, histogram, bentoml_requests, bentoml_histogram = bound
        requests.inc()
        histogram.observe(seconds)
        bentoml_requests.inc()
        bentoml_histogram.observe(seconds)
        if rows:
            self._rows.inc(rows)

    def render(self) -> bytes:
        """Return the exposition text, summed over all workers of the folder."""
        if self._folder is None:
            return generate_latest(self._registry)
        _forget_the_dead(Path(self._folder))
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _bind(self, route: str, code: int) -> tuple[Counter, Histogram, Counter, Histogram]:
        theirs = (route, *self._ours, str(code), self._ours[0])
        bound = (
            self._requests.labels(*self._ours, route, str(code)),
            self._seconds.labels(*self._ours, route),
            self._bentoml_requests.labels(*theirs),
            self._bentoml_seconds.labels(*theirs),
        )
        self._bound[route, code] = bound
        return bound


def _forget_the_dead(folder: Path) -> None:
    """Drop what was in flight in workers that were killed; counters stay, they happened."""
    for file in folder.glob("gauge_live*.db"):
        found = _LIVE.fullmatch(file.name)
        if found and not Path(f"/proc/{found[1]}").exists() and Path("/proc/self").exists():
            file.unlink(missing_ok=True)
