"""A real Jupyter server with our extension, in the test's own event loop."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psutil
import pytest
from jupyter_server.serverapp import ServerApp

# its fixtures run an event loop round every test, so they belong to this folder only: the browser
# tests' Playwright has a loop of its own
from pytest_jupyter.jupyter_server import *  # noqa: F403
from tornado.httpclient import HTTPClientError

from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.client.launch import ensure_controller
from jupyter_deploy.config import Paths
from jupyter_deploy.server_extension import DeployExtension
from jupyter_deploy.server_extension.schema import SCHEMA_ID

Answer = tuple[int, dict[str, Any]]
Call = Callable[..., Awaitable[Answer]]


async def until(condition: Callable[[], Any], timeout: float, what: str) -> Any:
    """Wait in the event loop for the first truthy value; the condition may be a coroutine."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if asyncio.iscoroutine(value):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {timeout:g} s in vain for: {what}"
        await asyncio.sleep(0.02)


@pytest.fixture
def jp_server_config(paths: Paths) -> dict[str, Any]:
    return {
        "ServerApp": {
            # its terminals don't pass Jupyter Server's own check of authentication
            "jpserver_extensions": {"jupyter_deploy": True, "jupyter_server_terminals": False},
            "reraise_server_extension_failures": True,
        },
        "DeployExtension": {"heartbeat_seconds": 0.2},
    }


@pytest.fixture
def extension(jp_serverapp: ServerApp) -> DeployExtension:
    """The loaded extension; its tasks don't run yet."""
    return jp_serverapp.extension_manager.extension_points["jupyter_deploy"].app


@pytest.fixture
def start(jp_serverapp: ServerApp, extension: DeployExtension) -> Callable[[], Awaitable[None]]:
    """Do what the server does once its event loop runs."""

    async def start() -> None:
        await jp_serverapp.extension_manager.start_extension("jupyter_deploy")

    return start


@pytest.fixture
def call(jp_fetch: Any) -> Call:
    """Call our REST; returns status and document, of errors too."""

    async def call(method: str, path: str, body: Any = None, **options: Any) -> Answer:
        if body is not None:
            options["body"] = body if isinstance(body, str) else json.dumps(body)
        try:
            answer = await jp_fetch(
                "jupyter-deploy",
                *path.split("/"),
                method=method,
                allow_nonstandard_methods=True,
                **options,
            )
        except HTTPClientError as error:
            return error.code, json.loads(error.response.body) if error.response else {}
        return answer.code, json.loads(answer.body)

    return call


@pytest.fixture
def controller(paths: Paths) -> Iterator[ControllerClient]:
    """A real controller with nothing deployed."""
    with ensure_controller(paths) as client:
        yield client


def kill(client: ControllerClient) -> psutil.Process:
    """Kill a controller and wait until it is gone."""
    process = psutil.Process(client.info().pid)
    process.kill()
    psutil.wait_procs([process], timeout=10)
    return process


@pytest.fixture
def subscribed(jp_ws_fetch: Any) -> Any:
    """Subscribe to the server's events as the browser does; ours are added to the list."""

    @asynccontextmanager
    async def subscribed() -> AsyncIterator[list[dict[str, Any]]]:
        socket = await jp_ws_fetch("api", "events", "subscribe")
        ours: list[dict[str, Any]] = []

        async def listen() -> None:
            while (message := await socket.read_message()) is not None:
                event = json.loads(message)
                if event["schema_id"] == SCHEMA_ID:
                    ours.append(event)

        task = asyncio.create_task(listen())
        try:
            yield ours
        finally:
            socket.close()
            await task

    return subscribed
