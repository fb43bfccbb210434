"""What is rendered, and that Envoy accepts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.exceptions import GatewayError
from jupyter_deploy.gateway.apply import prepare
from jupyter_deploy.gateway.binary import validate
from jupyter_deploy.gateway.files import GatewayFiles, encode
from jupyter_deploy.gateway.plan import Backend, Route, TrafficPlan
from jupyter_deploy.gateway.render import discovery, render

KEY = "correct-horse-battery-staple-42"
CHURN = Backend("churn", "1.0.0", ("/run/s/a", "/run/s/b"))
CANARY = Backend("churn", "1.1.0", ("/run/s/c",))
FRAUD = Backend("fraud", "3.2.1", ("/run/s/d",))


@pytest.fixture
def files(paths: Paths) -> GatewayFiles:
    files = GatewayFiles(paths.gateway, paths.logs)
    files.ensure()
    return files


def _plan(*routes: Route, key: str | None = KEY, revision: int = 1) -> TrafficPlan:
    return TrafficPlan(revision, 8123, key, (CHURN, CANARY, FRAUD), routes)


@pytest.mark.parametrize(
    "plan",
    [
        TrafficPlan(0, 8123, None),
        TrafficPlan(0, 8123, KEY),
        _plan(),
        _plan(Route("churn", (("1.0.0", 1),))),
        _plan(Route("churn", (("1.0.0", 95), ("1.1.0", 5))), Route("fraud", (("3.2.1", 100),))),
        _plan(Route("churn", (("1.0.0", 100), ("1.1.0", 0))), key=None),
        _plan(Route("churn", (("1.0.0", 1),), timeout=0.25, idempotent=True)),
        _plan(Route("churn", (("1.0.0", 1),), timeout=86400.0)),
        TrafficPlan(
            7,
            8123,
            "._~+/=-A9",
            tuple(Backend(f"model-{n}", "1.0.0", (f"/run/s/{n}",)) for n in range(200)),
            tuple(Route(f"model-{n}", (("1.0.0", 1),)) for n in range(200)),
        ),
    ],
    ids=["empty", "key", "no-route", "one", "split", "weight-0", "short", "long", "many"],
)
def test_envoy_accepts(plan: TrafficPlan, files: GatewayFiles) -> None:
    rendered = asyncio.run(prepare(plan, files))
    assert json.loads(encode(rendered.bootstrap)) == rendered.bootstrap
    assert list((files.run_dir / "new").iterdir()) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda routes: routes[-2]["route"].update(cluster="missing"), "missing"),
        (lambda routes: routes[-2].update(tipo="x"), "tipo"),
        (lambda routes: routes[-2]["route"].update(timeout="soon"), "duration"),
    ],
    ids=["unknown cluster", "unknown field", "not a duration"],
)
def test_validation_sees_what_is_watched(
    damage: Callable[[list[dict[str, Any]]], None], said: str, files: GatewayFiles
) -> None:
    """On the real bootstrap ``--mode validate`` would find nothing wrong with any of these."""
    static = render(_plan(Route("churn", (("1.0.0", 1),))), files).static
    (public, _) = static["static_resources"]["listeners"]
    manager = public["filter_chains"][0]["filters"][0]["typed_config"]
    damage(manager["route_config"]["virtual_hosts"][0]["routes"])
    check = files.run_dir / "new" / "static.json"
    files.write(check, encode(static))
    with pytest.raises(GatewayError, match=said) as error:
        asyncio.run(validate(check, KEY))
    assert KEY not in str(error.value)
    assert KEY not in json.dumps(error.value.problem())


def test_pure(files: GatewayFiles) -> None:
    plan = _plan(Route("churn", (("1.0.0", 1),)))
    first, second = render(plan, files), render(plan, files)
    assert first == second
    assert encode(first.static) == encode(second.static)


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        (_plan(Route("churn", (("1.1.0", 1),))), {"rds", "ecds"}),
        (_plan(Route("churn", (("1.0.0", 1),)), key=None), {"rds"}),
        (_plan(Route("churn", (("1.0.0", 1),)), key="another-key-entirely"), {"rds"}),
        (
            TrafficPlan(1, 8123, KEY, (CHURN, CANARY), (Route("churn", (("1.0.0", 1),)),)),
            {"cds"},
        ),
    ],
    ids=["switch", "open", "new key", "version gone"],
)
def test_no_change_of_a_deployment_touches_a_listener(
    changed: TrafficPlan, kinds: set[str], files: GatewayFiles
) -> None:
    before = render(_plan(Route("churn", (("1.0.0", 1),))), files)
    after = render(changed, files)
    assert before.bootstrap == after.bootstrap
    assert {
        kind for kind, found in before.resources.items() if after.resources[kind] != found
    } == kinds


def test_key_is_in_the_routes_only(files: GatewayFiles) -> None:
    rendered = render(_plan(Route("churn", (("1.0.0", 1),))), files)
    assert [kind for kind, found in rendered.resources.items() if KEY in encode(found)] == ["rds"]
    assert KEY not in encode(rendered.bootstrap)


def test_never_retries_an_answer(files: GatewayFiles) -> None:
    rendered = render(_plan(Route("churn", (("1.0.0", 1),), idempotent=True)), files)
    assert "5xx" not in encode(rendered.resources["rds"])
    assert "gateway-error" not in encode(rendered.resources["rds"])


def test_version_is_a_digest_of_the_content() -> None:
    one = discovery("cluster.v3.Cluster", [{"name": "a"}])
    assert one["version_info"] == discovery("cluster.v3.Cluster", [{"name": "a"}])["version_info"]
    assert one["version_info"] != discovery("cluster.v3.Cluster", [{"name": "b"}])["version_info"]


def test_json_only(files: GatewayFiles) -> None:
    """Envoy's YAML loader reads a bare ``n`` as false; JSON has no such surprises."""
    assert encode({"id": "n"}) == '{"id":"n"}'


def test_run_dir_must_be_short(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="too long"):
        GatewayFiles(tmp_path / ("x" * 100), tmp_path).ensure()


def test_files_are_private(files: GatewayFiles) -> None:
    files.write(files.watched("rds"), "{}")
    assert files.watched("rds").stat().st_mode & 0o777 == 0o600
    assert files.run_dir.stat().st_mode & 0o777 == 0o700
    assert files.read(files.good("rds")) is None
