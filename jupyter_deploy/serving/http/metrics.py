"""What Prometheus reads: this package's names, and BentoML's own for the same traffic.

With PROMETHEUS_MULTIPROC_DIR set (every BentoML worker has it) values live in files of that
folder and one worker answers for all; else they are this process's own.

A request costs one observation in one histogram. Everything else that can be told from it, the
counters and all of BentoML's series, is made of it when somebody asks.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
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
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()

#: Seconds; a lane request takes 0.1 ms, a heavy native model seconds.
BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = "jupyter_deploy_requests_total"
SECONDS = "jupyter_deploy_request_duration_seconds"
ROWS = "jupyter_deploy_rows_total"
IN_FLIGHT = "jupyter_deploy_requests_in_flight"
BENTOML_REQUESTS = "bentoml_service_request_total"
BENTOML_SECONDS = "bentoml_service_request_duration_seconds"
BENTOML_IN_PROGRESS = "bentoml_service_request_in_progress"

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
        self._theirs = frozenset((*bentoml_buckets, math.inf))
        # not the global registry: BentoML registers its own metrics there, under the same names
        registry = self._registry = CollectorRegistry()
        ours = ("deployment", "model_version")
        self._ours = (deployment, version)
        self._seconds = Histogram(
            SECONDS,
            "Time from the request's head to its answer",
            (*ours, "route", "code"),
            buckets=sorted({*BUCKETS, *self._theirs}),
            registry=registry,
        )
        self._rows = Counter(ROWS, "Rows predicted", ours, registry=registry).labels(*self._ours)
        self._in_flight = Gauge(
            IN_FLIGHT,
            "Predictions being worked on",
            (*ours, "route"),
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._bound: dict[tuple[str, int], Histogram] = {}

    def in_flight(self, route: str) -> Gauge:
        """Return the gauge of predictions under way by `route`."""
        return self._in_flight.labels(*self._ours, route)

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
        bound.observe(seconds)
        if rows:
            self._rows.inc(rows)

    def render(self) -> bytes:
        """Return the exposition text, summed over all workers of the folder."""
        if self._folder is None:
            return generate_latest(_Complete(self._registry.collect(), self._theirs))
        _forget_the_dead(Path(self._folder))
        collector = multiprocess.MultiProcessCollector(None, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(_Complete(collector.collect(), self._theirs))  # type: ignore[no-untyped-call]

    def _bind(self, route: str, code: int) -> Histogram:
        bound = self._seconds.labels(*self._ours, route, str(code))
        self._bound[route, code] = bound
        return bound


class _Complete(CollectorRegistry):
    """The metrics that were kept, and those that follow from them.

    Parameters
    ----------
    kept
        What was collected; BentoML's own metrics of what the lane passed on may be among it.
    buckets
        Bounds of BentoML's own histogram.
    """

    def __init__(self, kept: Iterable[Metric], buckets: frozenset[float]) -> None:
        super().__init__()
        self._metrics = {metric.name: metric for metric in kept}
        self._buckets = buckets
        self._places = {
            _key(sample.name, sample.labels): (metric, place)
            for metric in self._metrics.values()
            for place, sample in enumerate(metric.samples)
        }
        self._derive()

    def collect(self) -> Iterable[Metric]:
        """Return all metrics."""
        return self._metrics.values()

    def _derive(self) -> None:
        seconds, in_flight = self._metrics.get(SECONDS), self._metrics.get(IN_FLIGHT)
        for sample in seconds.samples if seconds else ():
            theirs = _their_labels(sample)
            if sample.name == f"{SECONDS}_count":
                self._add(REQUESTS, "counter", "Requests answered", sample.labels, sample.value)
                self._add(
                    BENTOML_REQUESTS,
                    "counter",
                    "Total number of HTTP requests",
                    theirs,
                    sample.value,
                )
            if "le" not in sample.labels or float(sample.labels["le"]) in self._buckets:
                part = sample.name.removeprefix(SECONDS)
                text = "API HTTP request duration in seconds"
                self._add(BENTOML_SECONDS, "histogram", text, theirs, sample.value, part)
        for sample in in_flight.samples if in_flight else ():
            text = "Total number of HTTP requests in progress now"
            self._add(BENTOML_IN_PROGRESS, "gauge", text, _their_labels(sample), sample.value)

    def _add(  # noqa: PLR0917
        self, name: str, kind: str, text: str, labels: dict[str, str], value: float, part: str = ""
    ) -> None:
        """Add to a series, which BentoML may have begun."""
        base = name.removesuffix("_total") if kind == "counter" else name
        metric = self._metrics.setdefault(base, Metric(base, text, kind))
        name += part
        begun = self._places.get(_key(name, labels))
        if begun is None:
            metric.samples.append(Sample(name, labels, value))
        else:
            held, place = begun
            sample = held.samples[place]
            held.samples[place] = sample._replace(value=sample.value + value)


def _key(name: str, labels: dict[str, str]) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def _their_labels(sample: Sample) -> dict[str, str]:
    """BentoML's labels for a sample of ours."""
    own = sample.labels
    labels = {
        "endpoint": own["route"],
        "service_name": own["deployment"],
        "service_version": own["model_version"],
        "runner_name": own["deployment"],
    }
    if "code" in own:
        labels["http_response_code"] = own["code"]
    return labels | ({"le": own["le"]} if "le" in own else {})


def _forget_the_dead(folder: Path) -> None:
    """Drop what was in flight in workers that were killed; counters stay, they happened."""
    for file in folder.glob("gauge_live*.db"):
        found = _LIVE.fullmatch(file.name)
        if found and not Path(f"/proc/{found[1]}").exists() and Path("/proc/self").exists():
            file.unlink(missing_ok=True)
