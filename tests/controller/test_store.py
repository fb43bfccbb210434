"""The store: what is written together stays together, and numbers are never used twice."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.database import open_engine
from jupyter_deploy.controller.schema import Base
from jupyter_deploy.controller.store import Store
from jupyter_deploy.exceptions import ConflictError, ControllerError, NotFoundError, ServiceError
from jupyter_deploy.types import OperationState, Stage, StageState, VersionState
from tests.controller.parts import Versions


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    store = Store(paths.database)
    yield store
    store.close()


def kinds(store: Store) -> list[str]:
    return [event.kind for event in store.events(0).events]


def test_a_new_store_is_private_durable_and_has_our_tables(paths: Paths) -> None:
    engine = open_engine(paths.database)
    assert stat.S_IMODE(paths.database.stat().st_mode) == 0o600
    with engine.connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        assert settings == ["wal", 2, 1]
        # the migrations and the ORM say the same
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_a_store_of_a_newer_version_is_refused(paths: Paths) -> None:
    Store(paths.database).close()
    connection = sqlite3.connect(paths.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(ControllerError, match="newer version") as refused:
        Store(paths.database)
    assert "pip install -U" in refused.value.hint


def test_a_store_of_the_first_revision_is_brought_up(paths: Paths, versions: Versions) -> None:
    store = Store(paths.database)
    store.submit(versions.spec("churn", "1.0.0"))
    store.close()
    connection = sqlite3.connect(paths.database)
    connection.execute("ALTER TABLE versions DROP COLUMN acknowledged")
    connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.commit()
    connection.close()
    store = Store(paths.database)
    store.go_live("churn", "1.0.0")
    assert [info.version for info in store.infos()] == ["1.0.0"]
    store.close()


def test_what_fails_leaves_neither_change_nor_event(store: Store, versions: Versions) -> None:
    store.submit(versions.spec("churn", "1.0.0"))
    before = kinds(store)
    with pytest.raises(ConflictError):
        store.submit(versions.spec("churn", "1.0.0"))
    assert kinds(store) == before
    assert store.detail("churn").versions[0].state is VersionState.STARTING


def test_a_version_goes_live_and_the_one_before_drains(store: Store, versions: Versions) -> None:
    first = store.submit(versions.spec("churn", "1.0.0"))
    store.stage("churn", "1.0.0", Stage.START)
    assert store.go_live("churn", "1.0.0")
    operation = store.operation(first.id)
    assert operation.state is OperationState.DONE
    assert [s.state for s in operation.stages] == [StageState.DONE] * 2
    assert operation.seq == store.head()
    store.submit(versions.spec("churn", "1.1.0"))
    assert store.go_live("churn", "1.1.0")
    detail = store.detail("churn")
    assert [v.state for v in detail.versions] == [VersionState.LIVE, VersionState.DRAINING]
    assert store.infos() == [detail.deployment]


def test_a_version_that_was_overtaken_never_goes_live(store: Store, versions: Versions) -> None:
    older = store.submit(versions.spec("churn", "1.0.0"))
    store.submit(versions.spec("churn", "1.1.0"))
    assert not store.go_live("churn", "1.0.0")
    error = store.operation(older.id).error
    assert error
    assert "superseded by 1.1.0" in error["detail"]
    assert store.infos()[0].version is None


def test_a_failed_version_keeps_its_reason(store: Store, versions: Versions) -> None:
    operation = store.submit(versions.spec("churn", "1.0.0"))
    store.stage("churn", "1.0.0", Stage.START)
    store.fail("churn", "1.0.0", ServiceError("It broke.", "Mend it."))
    failed = store.operation(operation.id)
    assert failed.stages[-1].state is StageState.FAILED
    assert failed.error == ServiceError("It broke.", "Mend it.").problem()
    (info,) = store.infos()
    assert (info.state, info.error) == ("failed", "It broke.")


@pytest.mark.parametrize("acts", [[False, True], [True]])
def test_a_failed_version_degrades_until_the_user_acts(
    store: Store, versions: Versions, paths: Paths, acts: list[bool]
) -> None:
    store.submit(versions.spec("churn", "1.0.0"))
    store.intend("churn", "1.0.0", 0, "socket")
    store.go_live("churn", "1.0.0")
    store.readiness("churn", "1.0.0", 0, ready=True)
    store.submit(versions.spec("churn", "1.1.0"))
    store.fail("churn", "1.1.0", ServiceError("It broke."))
    # a restart of the controller is no act of the user's
    again = Store(paths.database)
    assert again.infos()[0].state == "degraded"
    again.close()
    for running in acts:
        store.want("churn", running=running)
        assert kinds(store)[-1] == "deployment.changed"
    store.go_live("churn", "1.0.0")
    (info,) = store.infos()
    assert (info.state, info.error) == ("running", "")
    # its history stays, and the next failure counts
    assert store.detail("churn").versions[0].error == "It broke."
    store.submit(versions.spec("churn", "1.2.0"))
    store.fail("churn", "1.2.0", ServiceError("It broke again."))
    assert store.infos()[0].state == "degraded"


def test_a_deploy_given_up_by_a_stop_degrades_nothing(store: Store, versions: Versions) -> None:
    store.submit(versions.spec("churn", "1.0.0"))
    store.intend("churn", "1.0.0", 0, "socket")
    store.go_live("churn", "1.0.0")
    store.readiness("churn", "1.0.0", 0, ready=True)
    store.submit(versions.spec("churn", "1.1.0"))
    store.want("churn", running=False)
    store.want("churn", running=True)
    store.go_live("churn", "1.0.0")
    assert store.infos()[0].state == "running"


def test_stages_are_told_once(store: Store, versions: Versions) -> None:
    operation = store.submit(versions.spec("churn", "1.0.0"))
    store.stage("churn", "1.0.0", Stage.START)
    store.stage("churn", "1.0.0", Stage.VERIFY)
    head = store.head()
    # a controller that resumes goes through the stages again
    store.stage("churn", "1.0.0", Stage.START)
    store.stage("churn", "1.0.0", Stage.VERIFY)
    assert store.head() == head
    stages = store.operation(operation.id).stages
    assert [(s.stage, s.state) for s in stages[1:]] == [("start", "done"), ("verify", "running")]


def test_events_are_numbered_for_good(store: Store, paths: Paths) -> None:
    store.announce("controller.started")
    head = store.head()
    store.close()
    connection = sqlite3.connect(paths.database)
    connection.execute("DELETE FROM events")
    connection.commit()
    connection.close()
    again = Store(paths.database)
    again.announce("controller.started")
    assert again.head() == head + 1
    again.close()


def test_nothing_to_start_is_said(store: Store, versions: Versions) -> None:
    with pytest.raises(NotFoundError):
        store.want("churn", running=True)
    store.submit(versions.spec("churn", "1.0.0"))
    store.want("churn", running=False)
    with pytest.raises(ConflictError, match="nothing to start"):
        store.want("churn", running=True)


def test_removed_is_announced_when_the_last_process_is_gone(
    store: Store, versions: Versions
) -> None:
    store.submit(versions.spec("churn", "1.0.0"))
    store.intend("churn", "1.0.0", 0, "socket")
    store.go_live("churn", "1.0.0")
    store.remove("churn")
    assert "deployment.removed" not in kinds(store)
    assert store.active("churn") == [("churn", "1.0.0")]
    store.drained("churn", "1.0.0")
    assert kinds(store)[-1] == "deployment.removed"
    assert store.active() == []
    assert store.infos() == []
