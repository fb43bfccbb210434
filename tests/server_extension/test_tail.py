"""Events: they arrive, in time, and carry nothing but a hint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.client.launch import ensure_controller
from jupyter_deploy.config import Paths
from jupyter_deploy.server_extension import DeployExtension
from jupyter_deploy.server_extension.schema import SCHEMA
from tests.server_extension.conftest import kill, until

Start = Callable[[], Awaitable[None]]


async def test_a_heartbeat_says_how_far_the_log_is(
    controller: ControllerClient, start: Start, subscribed: Any
) -> None:
    await start()
    async with subscribed() as events:

        def beat() -> dict[str, Any] | None:
            beats = [e for e in events if e["kind"] == "heartbeat" and e["state"] == "running"]
            return beats[-1] if beats else None

        event = await until(beat, 10, "a heartbeat")
    assert 1 <= event["seq"] <= controller.info().head
    assert set(SCHEMA["properties"]) <= set(event)
    assert set(event) <= {*SCHEMA["properties"], "schema_id"}


async def test_a_controller_started_elsewhere_is_seen_within_a_second(
    paths: Paths, start: Start, subscribed: Any, extension: DeployExtension
) -> None:
    await start()
    async with subscribed() as events:
        await until(lambda: events, 5, "a heartbeat")
        assert extension.link.state == "idle"
        client = await asyncio.to_thread(ensure_controller, paths)
        answered = time.monotonic()
        client.close()
        await until(
            lambda: any(
                e["kind"] == "controller.state" and e["state"] == "running" for e in events
            ),
            5,
            "the hint that a controller is there",
        )
        assert time.monotonic() - answered < 1


async def test_the_log_goes_on_after_the_controller_was_killed(
    controller: ControllerClient, start: Start, subscribed: Any, extension: DeployExtension
) -> None:
    await start()
    await until(lambda: extension.link.state == "running", 10, "the link")
    async with subscribed() as events:
        kill(controller)
        event = await until(
            lambda: next((e for e in events if e["kind"] == "controller.started"), None),
            20,
            "the next controller's event",
        )
    assert event["seq"] > 1


async def test_stopping_the_server_leaves_nothing_behind(
    controller: ControllerClient, start: Start, extension: DeployExtension
) -> None:
    before = asyncio.all_tasks()
    await start()
    await until(lambda: extension.link.state == "running", 10, "the link")
    assert asyncio.all_tasks() - before
    await extension.stop_extension()
    left = {task.get_name() for task in asyncio.all_tasks() - before}
    assert not {name for name in left if "jupyter_deploy" in name}
    assert controller.info().pid  # which is no business of the server's
