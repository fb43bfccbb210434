"""Alembic's revisions of the store, applied when the controller starts."""
