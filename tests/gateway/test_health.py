"""Dead, sick, slow and stuck workers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.gateway.conftest import Bench
from tests.gateway.parts import Load, call, plan
from tests.waiting import wait_for


def _ready(bench: Bench) -> bool:
    return call(bench.port, "/v2/health/ready").status == 200


def test_ready_only_when_every_live_version_is(bench: Bench) -> None:
    """Nobody but Envoy is asked: no controller runs here."""
    churn, fraud = (bench.workers.start(name, "1.0.0") for name in ("churn", "fraud"))
    bench.run(bench.gateway.ensure(plan(bench.port, churn, fraud)))
    wait_for(lambda: _ready(bench), 5, "ready")

    bench.workers.kill(churn.sockets[0])
    wait_for(lambda: not _ready(bench), 5, "not ready")
    answer = call(bench.port, "/v2/health/ready")
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    assert call(bench.port, "/v2/health/live").status == 200
    assert call(bench.port, "/fraud/predict", {}).status == 200

    missing = call(bench.port, "/churn/predict", {})
    assert missing.status == 503
    assert missing.headers["content-type"] == "application/problem+json"
    assert "ready" in missing.json["detail"]
    assert missing.json["request_id"] == missing.headers["x-request-id"]
    assert "x-model-version" not in missing.headers

    bench.workers.start_one(churn.sockets[0], "churn", "1.0.0")
    wait_for(lambda: _ready(bench), 10, "ready again")
    answer = call(bench.port, "/churn/predict", {})
    assert answer.status == 200, (answer.text, bench.run(bench.gateway.healthy()))


def test_a_version_without_traffic_does_not_count(bench: Bench) -> None:
    old, new = (bench.workers.start("churn", version) for version in ("1.0.0", "1.1.0"))
    bench.run(bench.gateway.ensure(plan(bench.port, old, new)))
    wait_for(lambda: _ready(bench), 5, "ready")
    bench.workers.kill(old.sockets[0])
    wait_for(lambda: bench.run(bench.gateway.healthy())["churn", "1.0.0"] == 0, 10, "seen")
    assert _ready(bench)


def test_sick_worker_is_left_out_and_comes_back(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0", 2)
    bench.run(bench.gateway.ensure(plan(bench.port, version)))
    sick = Path(f"{version.sockets[0]}.sick")
    sick.touch()

    def healthy() -> int:
        return int(bench.run(bench.gateway.healthy())["churn", "1.0.0"])

    wait_for(lambda: healthy() == 1, 5, "it is left out")
    assert len({call(bench.port, "/churn/predict", {}).json["pid"] for _ in range(20)}) == 1
    assert _ready(bench)
    sick.unlink()
    wait_for(lambda: healthy() == 2, 5, "it is back")


@pytest.mark.parametrize("idempotent", [True, False])
def test_one_of_two_workers_is_killed(bench: Bench, idempotent: bool) -> None:
    """What wasn't sent to the dead worker yet goes to the other one.

    What it was answering is lost, unless a second execution is allowed.
    """
    version = bench.workers.start("churn", "1.0.0", 2)
    bench.run(bench.gateway.ensure(plan(bench.port, version, idempotent=idempotent)))
    threads = 4
    with Load(bench.port, "/churn/predict", threads) as load:
        load.more(100)
        bench.workers.kill(version.sockets[0])
        load.more(400)
        bench.workers.start_one(version.sockets[0], "churn", "1.0.0")
        wait_for(lambda: bench.run(bench.gateway.healthy())["churn", "1.0.0"] == 2, 10, "both")
        load.more(100)
    assert len(load.failed) <= (0 if idempotent else threads)
    assert [line for line in load.failed if "went away while it answered" not in line] == []


def test_deadly_request_kills_one_worker_only(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0", 2)
    bench.run(bench.gateway.ensure(plan(bench.port, version)))
    answer = call(bench.port, "/churn/predict", {"die": True})
    assert answer.status == 503
    assert "went away while it answered" in answer.json["detail"]
    assert call(bench.port, "/churn/predict", {}).status == 200


def test_timeout(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    bench.run(bench.gateway.ensure(plan(bench.port, version, timeout=0.3)))
    for _ in range(3):
        answer = call(bench.port, "/churn/predict", {"wait": 5})
        assert answer.status == 504
        assert answer.headers["content-type"] == "application/problem+json"
        assert "timeout" in answer.json["detail"]
    # slow answers don't put its only worker out of service
    wait_for(lambda: call(bench.port, "/churn/predict", {}).status == 200, 2, "it serves")


def test_stuck_worker_does_not_delay_a_start(bench: Bench) -> None:
    churn, fraud = (bench.workers.start(name, "1.0.0") for name in ("churn", "fraud"))
    stuck = Path(f"{churn.sockets[0]}.stuck")
    stuck.touch()
    begun = time.monotonic()
    bench.run(bench.gateway.ensure(plan(bench.port, churn, fraud)))
    assert call(bench.port, "/fraud/predict", {}).status == 200
    assert time.monotonic() - begun < 4  # its health check may take 10
    stuck.unlink()
    wait_for(lambda: bench.run(bench.gateway.healthy())["churn", "1.0.0"] == 1, 5, "it is found")
    assert call(bench.port, "/churn/predict", {}).status == 200
