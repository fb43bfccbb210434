"""New plans reach a running Envoy without a failed request, or not at all."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway.files import KINDS
from jupyter_deploy.gateway.plan import Backend, Route, TrafficPlan
from tests.gateway.conftest import Bench
from tests.gateway.parts import KEY, Answer, Load, call, plan
from tests.waiting import wait_for


def _version(bench: Bench, deployment: str = "churn") -> str:
    answer = call(bench.port, f"/{deployment}/predict", {})
    assert answer.status == 200, answer.text
    version: str = answer.json["version"]
    return version


def test_forty_switches_under_load(bench: Bench) -> None:
    """Each adds the clusters of the new version and removes those of the old one."""
    versions = [bench.workers.start("churn", f"1.{n}.0") for n in range(2)]
    bench.run(bench.gateway.ensure(plan(bench.port, versions[0])))
    with Load(bench.port, "/churn/predict") as load:
        load.more()
        for n in range(1, 41):
            new = versions[n % 2]
            bench.run(bench.gateway.apply(plan(bench.port, new, revision=n + 1)))
            assert _version(bench) == new.version
            load.more(20)
    assert load.failed == []
    assert min(load.seen.values()) > 100


def test_replacing_workers_under_load(bench: Bench) -> None:
    """The same version on other sockets: as after a worker was started again."""
    version = bench.workers.start("churn", "1.0.0", 3)
    pairs = [version.sockets[:2], version.sockets[1:]]
    bench.run(bench.gateway.ensure(plan(bench.port, Backend("churn", "1.0.0", pairs[0]))))
    with Load(bench.port, "/churn/predict") as load:
        for n in range(10):
            moved = Backend("churn", "1.0.0", pairs[n % 2])
            bench.run(bench.gateway.apply(plan(bench.port, moved)))
            load.more(20)
    assert load.failed == []


def test_drained_waits_for_the_last_request(bench: Bench) -> None:
    old, new = (bench.workers.start("churn", version) for version in ("1.0.0", "1.1.0"))
    bench.run(bench.gateway.ensure(plan(bench.port, old)))
    answers: list[Answer] = []
    slow = threading.Thread(
        target=lambda: answers.append(call(bench.port, "/churn/predict", {"wait": 1.0}))
    )
    slow.start()
    wait_for(lambda: not bench.run(bench.gateway.drained("churn", "1.0.0", 0)), 5, "the request")
    bench.run(bench.gateway.apply(plan(bench.port, old, new)))
    assert _version(bench) == "1.1.0"
    assert bench.run(bench.gateway.drained("churn", "1.0.0", 0.1)) is False
    assert bench.run(bench.gateway.drained("churn", "1.0.0", 10)) is True
    slow.join()
    assert (answers[0].status, answers[0].json["version"]) == (200, "1.0.0")
    bench.run(bench.gateway.apply(plan(bench.port, new)))
    assert set(bench.run(bench.gateway.healthy())) == {("churn", "1.1.0")}
    assert bench.run(bench.gateway.drained("churn", "1.0.0", 0)) is True


def test_requests_outlive_their_cluster(bench: Bench) -> None:
    old, new = (bench.workers.start("churn", version) for version in ("1.0.0", "1.1.0"))
    bench.run(bench.gateway.ensure(plan(bench.port, old)))
    answers: list[Answer] = []
    slow = threading.Thread(
        target=lambda: answers.append(call(bench.port, "/churn/predict", {"wait": 0.8}))
    )
    slow.start()
    wait_for(lambda: not bench.run(bench.gateway.drained("churn", "1.0.0", 0)), 5, "the request")
    bench.run(bench.gateway.apply(plan(bench.port, new)))
    assert _version(bench) == "1.1.0"
    slow.join()
    assert (answers[0].status, answers[0].json["version"]) == (200, "1.0.0")


def test_split_and_version_by_path(bench: Bench) -> None:
    stable, canary = (bench.workers.start("churn", version) for version in ("1.0.0", "1.1.0"))

    def split(one: int, two: int) -> TrafficPlan:
        route = Route("churn", (("1.0.0", one), ("1.1.0", two)))
        return TrafficPlan(one, bench.port, KEY, (stable, canary), (route,))

    def shares(count: int) -> Counter[str]:
        return Counter(_version(bench) for _ in range(count))

    bench.run(bench.gateway.ensure(split(100, 0)))
    assert shares(50) == {"1.0.0": 50}
    for version in ("1.0.0", "1.1.0"):
        answer = call(bench.port, f"/v2/models/churn/versions/{version}/infer", {})
        assert answer.headers["x-model-version"] == version
    bench.run(bench.gateway.apply(split(70, 30)))
    found = shares(400)
    assert 60 < found["1.1.0"] < 180  # 120 expected, more than six standard deviations away
    bench.run(bench.gateway.apply(split(0, 100)))
    assert shares(50) == {"1.1.0": 50}


def test_new_key_at_once(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    bench.run(bench.gateway.ensure(plan(bench.port, version)))
    bench.run(bench.gateway.apply(plan(bench.port, version, key="a-second-key")))
    assert call(bench.port, "/churn/predict", {}).status == 401
    assert call(bench.port, "/churn/predict", {}, key="a-second-key").status == 200
    bench.run(bench.gateway.apply(plan(bench.port, version, key=None)))
    assert call(bench.port, "/churn/predict", {}, key=None).status == 200


def _files(bench: Bench) -> dict[str, str | None]:
    return {kind: bench.gateway.files.read(bench.gateway.files.watched(kind)) for kind in KINDS}


def _refused(bench: Bench, sockets: tuple[str, ...]) -> TrafficPlan:
    """Return a plan that only Envoy finds fault with: its path can't be matched."""
    return plan(bench.port, Backend("churn", "2.0.0?", sockets))


def test_refused_plan_changes_nothing(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    bench.run(bench.gateway.ensure(plan(bench.port, version)))
    before = _files(bench)
    with pytest.raises(GatewayError, match=r"Envoy refused the configuration: .*PathSeparated"):
        bench.run(bench.gateway.apply(_refused(bench, version.sockets)))
    assert _files(bench) == before
    assert _version(bench) == "1.0.0"


def test_refused_while_it_runs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What validation missed, Envoy still refuses, and the last good configuration is back."""
    old, new = (bench.workers.start("churn", version) for version in ("1.0.0", "1.1.0"))
    bench.run(bench.gateway.ensure(plan(bench.port, old)))
    before = _files(bench)

    async def content(*_: object) -> None:
        """Finds nothing wrong."""

    with Load(bench.port, "/churn/predict") as load:
        with monkeypatch.context() as patch:
            patch.setattr("jupyter_deploy.gateway.apply.validate", content)
            with pytest.raises(GatewayError, match="RDS"):
                bench.run(bench.gateway.apply(_refused(bench, new.sockets)))
        assert _files(bench) == before
        assert _version(bench) == "1.0.0"
        bench.run(bench.gateway.apply(plan(bench.port, new)))
        assert _version(bench) == "1.1.0"
    assert load.failed == []


def test_sick_version_gets_no_traffic(bench: Bench) -> None:
    old, new = (bench.workers.start("churn", version) for version in ("1.0.0", "1.1.0"))
    gateway = bench.another(health_timeout=1)
    bench.run(gateway.ensure(plan(bench.port, old)))
    bench.workers.kill(new.sockets[0])
    with Load(bench.port, "/churn/predict") as load:
        with pytest.raises(GatewayError, match=r"churn@1\.1\.0"):
            bench.run(gateway.apply(plan(bench.port, new)))
        load.more()
    assert load.failed == []
    assert set(load.seen) == {"1.0.0"}
    wait_for(lambda: set(bench.run(gateway.healthy())) == {("churn", "1.0.0")}, 5, "restored")
    bench.workers.start_one(new.sockets[0], "churn", "1.1.0")
    bench.run(gateway.apply(plan(bench.port, new)))
    assert _version(bench) == "1.1.0"


def test_broken_deployment_does_not_keep_others_out(bench: Bench) -> None:
    churn = bench.workers.start("churn", "1.0.0")
    bench.run(bench.gateway.ensure(plan(bench.port, churn)))
    bench.workers.kill(churn.sockets[0])
    wait_for(lambda: bench.run(bench.gateway.healthy())["churn", "1.0.0"] == 0, 10, "it is seen")
    fraud = bench.workers.start("fraud", "1.0.0")
    bench.run(bench.gateway.apply(plan(bench.port, churn, fraud)))
    assert _version(bench, "fraud") == "1.0.0"


def test_same_plan_again_does_nothing(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    same = plan(bench.port, version)
    bench.run(bench.gateway.ensure(same))

    def times() -> list[int]:
        return [bench.gateway.files.watched(kind).stat().st_mtime_ns for kind in KINDS]

    before = times()
    bench.run(bench.gateway.apply(same))
    bench.run(bench.gateway.ensure(same))
    assert times() == before


def test_many_deployments(bench: Bench) -> None:
    """The index outgrows Envoy's default for a body of its own."""
    version = bench.workers.start("churn", "1.0.0")
    many = tuple(Backend(f"model-{n}", "1.0.0", version.sockets) for n in range(100))
    bench.run(bench.gateway.ensure(plan(bench.port, version)))
    bench.run(bench.gateway.apply(plan(bench.port, version, *many)))
    assert call(bench.port, "/model-99/predict", {}).headers["x-model-version"] == "1.0.0"
    index = call(bench.port, "/v2/repository/index", b"")
    assert len(index.json) == 101


def test_no_deployments(bench: Bench) -> None:
    version = bench.workers.start("churn", "1.0.0")
    bench.run(bench.gateway.ensure(plan(bench.port)))
    assert call(bench.port, "/churn/predict", {}).status == 404
    assert call(bench.port, "/v2/health/ready").status == 200
    bench.run(bench.gateway.apply(plan(bench.port, version)))
    assert _version(bench) == "1.0.0"
    bench.run(bench.gateway.apply(plan(bench.port)))
    assert call(bench.port, "/churn/predict", {}).status == 404
    assert bench.run(bench.gateway.healthy()) == {}
