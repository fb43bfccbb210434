"""REST of the server half, with a real controller behind it."""

from __future__ import annotations

from typing import Any

import pytest
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPClientError

from jupyter_deploy import __version__
from jupyter_deploy.client.http import ControllerClient
from jupyter_deploy.config import Paths
from jupyter_deploy.server_extension import DeployExtension
from jupyter_deploy.server_extension.handlers import routes
from tests.server_extension.conftest import Call, until


async def test_with_nothing_deployed_there_is_nothing_to_look_after(
    call: Call, paths: Paths
) -> None:
    status, answer = await call("GET", "deployments")
    assert (status, answer["deployments"], answer["head"]) == (200, [], 0)
    assert answer["version"] == __version__
    assert answer["controller"]["state"] == "idle"
    assert not paths.controller_lock.exists()


async def test_status_names_the_controller(call: Call, controller: ControllerClient) -> None:
    info = controller.info()
    status, answer = await call("GET", "status")
    assert status == 200
    assert answer["version"] == __version__
    assert answer["controller"] == {
        "state": "running",
        "version": info.version,
        "python": info.python,
        "gateway": info.gateway.model_dump(mode="json"),
        "error": None,
    }


async def test_the_list_is_as_new_as_its_head(call: Call, controller: ControllerClient) -> None:
    _, answer = await call("GET", "deployments")
    assert answer["deployments"] == []
    assert 1 <= answer["head"] <= controller.info().head


MISTAKES = [
    ("GET", "deployments/nobody", None, 404, "not-found"),
    ("PUT", "deployments/nobody/state", {"running": False}, 404, "not-found"),
    ("PUT", "deployments/nobody/state", {"running": "yes"}, 400, "usage"),
    ("PUT", "deployments/nobody/state", [True], 400, "usage"),
    ("GET", "deployments/Not%20a%20name", None, 400, "usage"),
]


async def test_an_error_says_what_to_do_next(call: Call, controller: ControllerClient) -> None:
    for method, path, body, status, code in MISTAKES:
        answered, problem = await call(method, path, body)
        assert (answered, problem["code"]) == (status, code), (method, path, body)
        assert problem["message"]
        assert problem["hint"]


async def test_a_change_without_a_controller_says_how_to_start_it(call: Call) -> None:
    status, problem = await call("PUT", "deployments/churn/state", {"running": True})
    assert status == 503
    assert problem["hint"] == "Start it with: jupyter model-deploy up"


async def test_a_body_that_is_no_json(call: Call) -> None:
    status, problem = await call("PUT", "deployments/churn/state", "{")
    assert status == 400
    assert "JSON" in problem["message"]


async def test_post_controller_starts_it(call: Call, paths: Paths) -> None:
    status, answer = await call("POST", "controller", body={})
    assert (status, answer["controller"]["state"]) == (202, "starting")

    async def running() -> bool:
        return (await call("GET", "status"))[1]["controller"]["state"] == "running"

    await until(running, 15, "the controller")


async def test_looking_is_no_activity(
    call: Call, controller: ControllerClient, jp_serverapp: ServerApp
) -> None:
    """Or a hub would never cull a server whose panel is open."""
    settings = jp_serverapp.web_app.settings
    before = settings.get("api_last_activity")
    for path in ("status", "deployments"):
        await call("GET", path)
    assert settings.get("api_last_activity") == before
    await call("PUT", "deployments/nobody/state", {"running": True})
    assert settings.get("api_last_activity") != before


async def test_every_handler_refuses_who_is_not_logged_in(
    extension: DeployExtension, http_server_client: Any, jp_base_url: str
) -> None:
    tried = 0
    for pattern, handler, _ in routes(extension.link):
        path = pattern.replace(r"(?P<name>[^/]+)", "churn").lstrip("/")
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"):
            if method.lower() not in vars(handler):
                continue
            with pytest.raises(HTTPClientError) as refused:
                await http_server_client.fetch(
                    f"{jp_base_url}{path}",
                    method=method,
                    # a matching XSRF pair, so that it is the missing login that is refused
                    headers={"Cookie": "_xsrf=x", "X-XSRFToken": "x"},
                    allow_nonstandard_methods=True,
                )
            assert refused.value.code == 403, (method, path)
            assert b"XSRF" not in (refused.value.response.body if refused.value.response else b"")
            tried += 1
    assert tried == len(routes(extension.link))


class TestStrictServer:
    """Jupyter Server's own check warns of a handler without authentication; warnings are errors."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        jp_server_config["ServerApp"]["allow_unauthenticated_access"] = False
        return jp_server_config

    async def test_no_handler_is_found_unprotected(self, call: Call) -> None:
        assert (await call("GET", "deployments"))[0] == 200


class TestForbidding:
    """A server whose authorizer grants looking but not changing."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: dict[str, Any]) -> dict[str, Any]:
        from jupyter_server.auth import Authorizer

        class OnlyLook(Authorizer):
            def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
                return not (resource == "jupyter_deploy" and action != "read")

        jp_server_config["ServerApp"]["authorizer_class"] = OnlyLook
        return jp_server_config

    async def test_changes_are_refused(self, call: Call) -> None:
        assert (await call("GET", "deployments"))[0] == 200
        assert (await call("POST", "controller", {}))[0] == 403
        assert (await call("PUT", "deployments/churn/state", {"running": True}))[0] == 403
