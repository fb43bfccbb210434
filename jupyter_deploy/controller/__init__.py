"""The one process that owns the state: it starts, verifies, routes, keeps and stops versions.

``app`` (HTTP on a private socket) → ``loop`` (one task a version) → ``processes`` → ``store``.
Run it with ``python -m jupyter_deploy.controller``.
"""
