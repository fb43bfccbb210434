"""Which version another one is compared with, in the store; and that nobody slips in between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jupyter_deploy.config import Paths
from jupyter_deploy.controller.store import Store
from jupyter_deploy.exceptions import (
    ConflictError,
    DeployError,
    NotFoundError,
    ServiceError,
    SignatureChangedError,
    UsageError,
)
from jupyter_deploy.types import Compatibility, ReservationRequest, VersionState
from tests.controller.parts import Controller, Versions, signature

AB, ABC = signature("a", "b"), signature("a", "b", "c")


@pytest.fixture
def store(paths: Paths) -> Iterator[Store]:
    store = Store(paths.database)
    yield store
    store.close()


def reserve(store: Store, signature: dict[str, Any] | None, **options: Any) -> str:
    return store.reserve("churn", ReservationRequest(signature=signature, **options))


def live(store: Store, versions: Versions, version: str, signature: dict[str, Any]) -> None:
    store.submit(versions.spec("churn", version, signature=signature))
    assert store.go_live("churn", version)


def test_the_same_signature_bumps_minor_a_breaking_one_major(
    store: Store, versions: Versions
) -> None:
    assert reserve(store, AB) == "1.0.0"
    live(store, versions, "1.0.0", AB)
    assert reserve(store, AB) == "1.1.0"
    with pytest.raises(SignatureChangedError, match=r"1\.0\.0: column 'c' is new") as refused:
        reserve(store, ABC)
    assert refused.value.detail["against"] == "1.0.0"
    assert reserve(store, ABC, breaking=True) == "2.0.0"
    # a refusal uses no number up, and what was given out doesn't come again
    assert reserve(store, AB) == "2.1.0"
    assert reserve(store, None) == "2.2.0"


def test_a_chosen_number_says_by_itself_what_changed(store: Store, versions: Versions) -> None:
    live(store, versions, "1.4.0", AB)
    with pytest.raises(SignatureChangedError):
        reserve(store, ABC, version="1.9.0")
    with pytest.raises(UsageError, match="the same major number"):
        reserve(store, ABC, version="1.9.0", breaking=True)
    with pytest.raises(ConflictError, match=r"not above 1\.4\.0"):
        reserve(store, AB, version="1.3.0")
    with pytest.raises(ConflictError, match="is taken"):
        reserve(store, AB, version="1.9.0", taken=["1.9.0"])
    assert reserve(store, AB, version="1.9.0") == "1.9.0"
    with pytest.raises(ConflictError, match="is taken"):
        reserve(store, AB, version="1.9.0")
    assert reserve(store, ABC, version="2.3.1") == "2.3.1"
    assert reserve(store, ABC, version="4.0.0", breaking=True) == "4.0.0"


def test_the_live_version_counts_not_one_that_failed(store: Store, versions: Versions) -> None:
    live(store, versions, "1.0.0", AB)
    store.submit(versions.spec("churn", "2.0.0", signature=ABC))
    store.fail("churn", "2.0.0", ServiceError("It broke."))
    assert reserve(store, AB) == "2.1.0"
    with pytest.raises(SignatureChangedError, match=r"since 1\.0\.0"):
        reserve(store, ABC)


def test_where_the_first_one_failed_there_is_nothing_to_compare_with(
    store: Store, versions: Versions
) -> None:
    store.submit(versions.spec("churn", "1.0.0", signature=AB))
    store.fail("churn", "1.0.0", ServiceError("It broke."))
    assert reserve(store, ABC) == "1.1.0"


def test_the_first_one_counts_while_it_is_on_its_way(store: Store, versions: Versions) -> None:
    store.submit(versions.spec("churn", "1.0.0", signature=AB))
    with pytest.raises(SignatureChangedError, match=r"since 1\.0\.0"):
        reserve(store, ABC)


def test_a_stopped_deployment_keeps_its_callers(store: Store, versions: Versions) -> None:
    live(store, versions, "1.0.0", AB)
    store.want("churn", running=False)
    with pytest.raises(SignatureChangedError):
        reserve(store, ABC)


def test_a_removed_deployment_starts_afresh_but_for_its_numbers(
    store: Store, versions: Versions
) -> None:
    live(store, versions, "1.0.0", AB)
    store.remove("churn")
    assert reserve(store, ABC) == "1.1.0"
    live(store, versions, "1.1.0", ABC)
    with pytest.raises(SignatureChangedError, match=r"since 1\.1\.0: column 'c' is gone"):
        reserve(store, AB)


def test_a_version_without_a_signature_can_not_be_compared(
    store: Store, versions: Versions
) -> None:
    live(store, versions, "1.0.0", {})
    assert reserve(store, AB) == "1.1.0"


@pytest.mark.parametrize(
    "wrong",
    [{"schema_version": 99}, {"schema_version": 2}, {"layout": 3}, {**AB, "inputs": [{"x": 1}]}],
)
def test_a_signature_that_can_not_be_read_is_refused(
    store: Store, versions: Versions, wrong: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match="The signature can't be read"):
        reserve(store, wrong)
    with pytest.raises(UsageError, match="The signature can't be read"):
        store.submit(versions.spec("churn", "1.0.0", signature=wrong))
    with pytest.raises(NotFoundError):
        store.detail("churn")


def test_what_became_live_after_the_reservation_is_noticed(
    store: Store, versions: Versions
) -> None:
    """Two notebooks deploy the first version of a name at once."""
    assert (reserve(store, AB), reserve(store, ABC)) == ("1.0.0", "1.1.0")
    live(store, versions, "1.0.0", AB)
    with pytest.raises(SignatureChangedError, match=r"since 1\.0\.0"):
        store.submit(versions.spec("churn", "1.1.0", signature=ABC))
    assert [v.spec.version for v in store.detail("churn").versions] == ["1.0.0"]
    assert store.detail("churn").versions[0].state is VersionState.LIVE


def test_looking_gives_no_number_out(store: Store, versions: Versions) -> None:
    asked = ReservationRequest(signature=AB)
    first = Compatibility(version="1.0.0", against=None, differences=[])
    assert [store.compare("churn", asked) for _ in range(2)] == [first, first]
    live(store, versions, "1.0.0", AB)
    found = store.compare("churn", ReservationRequest(signature=ABC, breaking=True))
    assert (found.version, found.against) == ("2.0.0", "1.0.0")
    assert [one.column for one in found.differences] == ["c"]
    assert reserve(store, AB) == "1.1.0"


def _ask(controller: Controller, path: str, **body: Any) -> Any:
    return controller.http.post(f"/deployments/raced/{path}", json=body)


def test_numbers_asked_for_at_once_are_all_different(shared: Controller) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = [pool.submit(_ask, shared, "reservations", signature=AB) for _ in range(24)]
        numbers = [future.result().json()["version"] for future in found]
    assert sorted(int(n.split(".")[1]) for n in numbers) == list(range(24))


def test_of_different_first_versions_at_once_only_one_signature_gets_through(
    shared: Controller, shared_versions: Versions
) -> None:
    def deploy(at: int) -> int:
        chosen = (AB, ABC)[at % 2]
        spec = shared_versions.spec("both", f"1.{at}.0", signature=chosen)
        body = spec.model_dump(mode="json")
        return int(shared.http.post("/deployments/both/versions", json=body).status_code)

    with ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(deploy, range(6)))
    detail = shared.get("/deployments/both")
    signatures = [v["spec"]["signature"] for v in detail["versions"]]
    assert sorted(codes) == [202] * len(signatures) + [409] * (6 - len(signatures))
    assert 1 <= len(signatures) <= 3
    assert all(one == signatures[0] for one in signatures)


def test_a_refusal_says_it_all_on_the_wire(shared: Controller, shared_versions: Versions) -> None:
    shared.deploy(shared_versions.spec("wired", "1.0.0", signature=AB))
    for path in ("compatibility", "reservations"):
        answer = shared.http.post(f"/deployments/wired/{path}", json={"signature": ABC})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "signature-changed")
        assert problem["facts"] == {
            "against": "1.0.0",
            "differences": [{"column": "c", "what": "column", "before": "", "after": "number"}],
        }
        assert "{deploy} signature wired" in problem["hint"]
    body = {"signature": ABC, "breaking": True}
    answer = shared.http.post("/deployments/wired/compatibility", json=body)
    assert Compatibility.model_validate(answer.json()).version == "2.0.0"
    answer = shared.http.post("/deployments/wired/reservations", json=body)
    assert answer.json() == {"version": "2.0.0"}
    for wrong in ({"version": "two"}, {"signature": {"schema_version": 99}}):
        answer = shared.http.post("/deployments/wired/reservations", json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "usage")


def test_a_signature_changed_error_is_a_conflict() -> None:
    assert issubclass(SignatureChangedError, ConflictError)
    assert issubclass(SignatureChangedError, DeployError)
