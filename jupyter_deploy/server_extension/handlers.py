"""REST for the panel, under ``{base_url}jupyter-deploy/``.

=====================================  ====================================================
``GET  status``                        this half's version and what it knows of the controller
``POST controller``                    start the controller; answers at once
``GET  deployments``                   the list, with the log position it is as new as
``GET  deployments/{name}``            one deployment with its versions
``PUT  deployments/{name}/state``      ``{"running": true | false}``
=====================================  ====================================================

Errors are JSON: ``message``, ``hint`` (what to do next) and ``code``.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_deploy._version import __version__
from jupyter_deploy.config import check_name
from jupyter_deploy.exceptions import DeployError, UsageError
from jupyter_deploy.server_extension.link import CHANGE, ControllerLink

#: What an authorizer of the server is asked about.
AUTH_RESOURCE = "jupyter_deploy"


class DeployHandler(APIHandler):
    """What all of them share: the link to the controller, and errors as JSON."""

    auth_resource = AUTH_RESOURCE

    def initialize(self, link: ControllerLink) -> None:
        """Take what the extension passes to each handler."""
        self.link = link

    def reply(self, body: dict[str, Any], status: int = HTTPStatus.OK) -> None:
        """Finish with a JSON document that carries this half's version."""
        self.set_status(status)
        self.finish(json.dumps({"version": __version__, **body}))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write what a DeployError says; leave other errors to Jupyter Server."""
        error = kwargs.get("exc_info", (None, None))[1]
        if not isinstance(error, DeployError):
            super().write_error(status_code, **kwargs)
            return
        self.set_status(int(error.detail.get("status", error.status)))
        self.finish(json.dumps({"message": error.message, "hint": error.hint, "code": error.code}))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log an expected error in one line, without a traceback."""
        if isinstance(value, DeployError):
            self.log.warning(
                "jupyter_deploy | %s %s: %s", self.request.method, self.request.uri, value.message
            )
        else:
            super().log_exception(typ, value, tb)


class StatusHandler(DeployHandler):
    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say what is known of the controller, after a look at it."""
        await self.link.look()
        self.reply(self.link.status())


class ControllerHandler(DeployHandler):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start the controller when it isn't running."""
        self.link.start(asked=True)
        self.reply(self.link.status(), HTTPStatus.ACCEPTED)


class DeploymentsHandler(DeployHandler):
    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the deployments."""
        self.reply(await self.link.snapshot())


class DeploymentHandler(DeployHandler):
    _track_activity = False

    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """Return one deployment with its versions."""
        self.reply(await self.link.request("GET", f"/v1/deployments/{check_name(name)}"))


class StateHandler(DeployHandler):
    @web.authenticated
    @authorized
    async def put(self, name: str) -> None:
        """Set the desired state of a deployment."""
        check_name(name)
        body = self.get_json_body()
        running = body.get("running") if isinstance(body, dict) else None
        if not isinstance(running, bool):
            raise UsageError(
                "The body says neither to start nor to stop.",
                'Send {"running": true} or {"running": false}.',
            )
        deployment = await self.link.request(
            "PUT", f"/v1/deployments/{name}/state", json={"running": running}, timeout=CHANGE
        )
        self.log.info(
            "jupyter_deploy | %s %s %s",
            self.current_user.username,
            "started" if running else "stopped",
            name,
        )
        self.reply({"deployment": deployment})


def routes(link: ControllerLink) -> list[tuple[str, type[DeployHandler], dict[str, Any]]]:
    """Return the routes, without the base URL."""
    options = {"link": link}
    name = r"(?P<name>[^/]+)"
    return [
        (r"/jupyter-deploy/status", StatusHandler, options),
        (r"/jupyter-deploy/controller", ControllerHandler, options),
        (r"/jupyter-deploy/deployments", DeploymentsHandler, options),
        (rf"/jupyter-deploy/deployments/{name}", DeploymentHandler, options),
        (rf"/jupyter-deploy/deployments/{name}/state", StateHandler, options),
    ]
