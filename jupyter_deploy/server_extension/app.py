"""What Jupyter Server loads: settings, routes, and one task that follows the controller."""

from __future__ import annotations

import asyncio
from typing import Any

from jupyter_events import EventLogger
from jupyter_server.extension.application import ExtensionApp
from traitlets import Float

from jupyter_deploy.config import paths
from jupyter_deploy.server_extension.handlers import routes
from jupyter_deploy.server_extension.link import ControllerLink
from jupyter_deploy.server_extension.schema import SCHEMA, SCHEMA_ID
from jupyter_deploy.server_extension.tail import EventTail


class DeployExtension(ExtensionApp):
    """The server half of the panel.

    An ExtensionApp rather than two functions, since only an app is told that the server
    stops (`stop_extension`), and the tasks have to end before the event loop does.
    """

    name = "jupyter_deploy"

    heartbeat_seconds = Float(
        10.0, min=0.1, help="Seconds between two heartbeats on the event channel."
    ).tag(config=True)

    link: ControllerLink
    _tail: EventTail
    _tasks: tuple[asyncio.Task[None], ...] = ()

    def initialize_settings(self) -> None:
        """Register the event schema: a subscriber joins only those that were there before it."""
        self._events.register_event_schema(SCHEMA)
        self.link = ControllerLink(paths(), self.log, self._link_changed)
        self._tail = EventTail(self.link, self._emit)

    def initialize_handlers(self) -> None:
        """Add the REST routes."""
        self.handlers.extend(routes(self.link))

    async def _start_jupyter_server_extension(self, serverapp: Any) -> None:
        self._tasks = (
            asyncio.create_task(self._tail.run(), name="jupyter_deploy events"),
            asyncio.create_task(
                self._tail.beat(self.heartbeat_seconds), name="jupyter_deploy heartbeat"
            ),
        )

        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def stop_extension(self) -> None:
        """End the tasks and close the connections; services and controller stay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if hasattr(self, "link"):
            await self.link.aclose()

    @property
    def _events(self) -> EventLogger:
        if self.serverapp is None or self.serverapp.event_logger is None:
            raise RuntimeError("the extension is used before Jupyter Server has set it up")
        return self.serverapp.event_logger

    def _link_changed(self) -> None:
        self._tail.state_changed()

    def _emit(self, data: dict[str, Any]) -> None:
        self._events.emit(schema_id=SCHEMA_ID, data=data)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.log.error(
                "%s ended; the panel goes on without", task.get_name(), exc_info=task.exception()
            )
