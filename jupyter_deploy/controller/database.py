"""Opening the store: engine, SQLite's settings and migrations.

The only place that knows which database is below.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event

from jupyter_deploy.exceptions import ControllerError

MIGRATIONS = Path(__file__).parent / "migrations"


def open_engine(path: Path) -> Engine:
    """Open, and create or migrate, the SQLite store at `path` (mode 0600).

    Raises
    ------
    ControllerError
        When a newer version of this package wrote the store.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            migrate(connection, str(path))
    except BaseException:
        engine.dispose()
        raise
    return engine


def _configure(connection: Any, _record: Any) -> None:
    # SQLAlchemy sends BEGIN itself (below); the driver's own implicit BEGIN leaves out DDL
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL, not WAL's usual NORMAL: an answered deploy and a version number that was given out
    # must survive a power cut, and there are only tens of writes in a deploy
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def migrate(connection: Connection, name: str) -> None:
    """Bring the store behind `connection` to this package's revision.

    Raises
    ------
    ControllerError
        When its revision is not one of ours: a newer version of this package wrote it.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise ControllerError(
            f"The store {name} was written by a newer version of jupyter-model-deploy "
            f"(revision {current}).",
            "Upgrade this environment (pip install -U jupyter-model-deploy), or point "
            "JUPYTER_DEPLOY_HOME at another folder.",
            revision=current,
        )
    command.upgrade(config, "head")
