"""The Jupyter Server half of the panel.

::

    app.py       DeployExtension: what Jupyter Server loads, starts and stops
    handlers.py  REST under {base_url}jupyter-deploy/, every call authenticated
    link.py      ControllerLink: the controller over its Unix socket, and whether it is there
    tail.py      the controller's event log passed on as jupyter_events, with a heartbeat
    schema.py    the schema of those events

It keeps no state of its own: it asks the controller, and starts it when there is something to
look after. Nothing here blocks the server's event loop.
"""

from __future__ import annotations

from jupyter_deploy.server_extension.app import DeployExtension

__all__ = ["DeployExtension"]
