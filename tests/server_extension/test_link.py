"""What the extension does when the controller comes, hangs, dies or is shut down."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable
from typing import Any

import psutil
import pytest

from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.client.launch import ensure_controller
from jupyter_deploy.config import Paths
from jupyter_deploy.server_extension import DeployExtension, link
from tests.server_extension.conftest import Call, kill, until

Start = Callable[[], Awaitable[None]]


async def state(call: Call) -> str:
    return (await call("GET", "status"))[1]["controller"]["state"]


async def test_after_a_reboot_the_controller_is_started(
    controller: ControllerClient, paths: Paths, extension: DeployExtension, start: Start
) -> None:
    kill(controller)
    for file in (paths.controller_socket, paths.controller_lock):
        file.unlink()
    await start()
    await until(lambda: extension.link.state == "running", 15, "the controller")


async def test_what_was_shut_down_before_the_server_started_stays_down(
    controller: ControllerClient, paths: Paths, call: Call, start: Start
) -> None:
    process = psutil.Process(controller.info().pid)
    controller.shutdown(services=True)
    await until(lambda: not process.is_running(), 15, "the controller's end")
    await start()
    assert await state(call) == "stopped"
    assert not paths.controller_socket.exists()


async def test_a_killed_controller_is_started_again(
    controller: ControllerClient, call: Call, extension: DeployExtension, start: Start
) -> None:
    await start()
    await until(lambda: extension.link.state == "running", 10, "the link")
    before = kill(controller)
    await until(lambda: extension.link.state != "running", 5, "the loss to be noticed")
    await until(lambda: extension.link.state == "running", 15, "another controller")
    assert controller.info().pid != before.pid
    assert (await call("GET", "deployments"))[1]["deployments"] == []


@pytest.mark.parametrize("services", [True, False])
async def test_a_controller_that_was_shut_down_stays_down(
    controller: ControllerClient,
    paths: Paths,
    call: Call,
    *,
    extension: DeployExtension,
    start: Start,
    services: bool,
) -> None:
    await start()
    await until(lambda: extension.link.state == "running", 10, "the link")
    process = psutil.Process(controller.info().pid)
    controller.shutdown(services)
    await until(lambda: extension.link.state == "stopped", 15, "the end to be noticed")
    await until(lambda: not process.is_running(), 15, "the controller's end")
    assert await state(call) == "stopped"
    assert not paths.controller_socket.exists()
    assert (await call("GET", "deployments"))[1]["deployments"] is None

    # started by whoever it is, it is found
    ensure_controller(paths).close()
    await until(lambda: extension.link.state == "running", 5, "the link")


async def test_a_controller_that_hangs_is_called_unreachable(
    controller: ControllerClient,
    call: Call,
    extension: DeployExtension,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "ANSWER", 0.5)
    await start()
    await until(lambda: extension.link.state == "running", 10, "the link")
    process = psutil.Process(controller.info().pid)
    process.send_signal(signal.SIGSTOP)
    try:
        _, answer = await call("GET", "deployments")
    finally:
        process.send_signal(signal.SIGCONT)
    assert answer["deployments"] is None
    assert answer["controller"]["state"] == "unreachable"
    assert "does not answer" in answer["controller"]["error"]["message"]
    assert "controller.log" in answer["controller"]["error"]["hint"]
    await until(lambda: extension.link.state == "running", 20, "the link")


async def test_one_that_can_not_start_says_why(
    paths: Paths, call: Call, extension: DeployExtension
) -> None:
    paths.database.write_bytes(b"this is no database" * 100)
    await call("GET", "status")
    await until(lambda: extension.link.state == "unreachable", 20, "the failure")
    error: dict[str, Any] = (await call("GET", "status"))[1]["controller"]["error"]
    assert error["message"]
    assert str(paths.controller_log) in error["hint"]


async def test_one_of_another_api_is_named(
    controller: ControllerClient, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jupyter_deploy.client.http.API_VERSION", 2)
    _, answer = await call("GET", "deployments")
    assert answer["deployments"] is None
    assert answer["controller"]["state"] == "unreachable"
    assert "older" in answer["controller"]["error"]["message"]
    assert "jupyter model-deploy up" in answer["controller"]["error"]["hint"]
