from __future__ import annotations

import pytest

from jupyter_deploy.controller.numbering import (
    check_declared,
    chosen_version,
    newest,
    next_version,
)
from jupyter_deploy.exceptions import ConflictError, SignatureChangedError, UsageError
from jupyter_deploy.types import Difference

GONE = [Difference(column="age", what="column", before="integer", after="")]


@pytest.mark.parametrize(
    ("reserved", "taken", "minor", "major"),
    [
        (None, [], "1.0.0", "1.0.0"),
        ("1.0.0", [], "1.1.0", "2.0.0"),
        ("1.9.0", [], "1.10.0", "2.0.0"),
        ("1.9.0", ["1.10.4"], "1.11.0", "2.0.0"),
        (None, ["2.3.4", "latest", "1.0"], "2.4.0", "3.0.0"),
        ("3.0.0", ["2.9.9"], "3.1.0", "4.0.0"),
        ("0.4.1", [], "0.5.0", "1.0.0"),
    ],
)
def test_next_version(reserved: str | None, taken: list[str], minor: str, major: str) -> None:
    assert next_version(reserved, taken) == minor
    assert next_version(reserved, taken, breaking=True) == major


def test_newest_compares_numbers_not_letters() -> None:
    assert newest("1.9.0", None, "1.10.0", "x") == "1.10.0"


@pytest.mark.parametrize(
    ("version", "reserved", "taken"),
    [
        ("2.3.1", None, []),
        ("0.0.1", None, []),
        ("1.0.1", "1.0.0", []),
        ("1.10.0", "1.9.0", ["1.9.7"]),
        ("5.0.0", "1.9.0", ["4.0.0", "latest"]),
    ],
)
def test_a_number_above_all_others_can_be_chosen(
    version: str, reserved: str | None, taken: list[str]
) -> None:
    assert chosen_version("churn", version, reserved, taken) == version


@pytest.mark.parametrize(
    ("version", "reserved", "taken", "said"),
    [
        ("1.2.0", "1.2.0", [], "can't get the version 1.2.0: it is taken"),
        ("1.2.0", None, ["1.2.0"], "it is taken"),
        ("1.1.5", "1.2.0", [], "it is not above 1.2.0, the newest"),
        ("1.1.5", "1.0.0", ["1.2.0"], "it is not above 1.2.0, the newest"),
    ],
)
def test_numbers_only_grow(version: str, reserved: str | None, taken: list[str], said: str) -> None:
    with pytest.raises(ConflictError, match=said) as refused:
        chosen_version("churn", version, reserved, taken)
    assert "to get 1.3.0" in refused.value.hint


def test_what_is_no_number_can_not_be_chosen() -> None:
    with pytest.raises(UsageError, match="'two' is not a version"):
        chosen_version("churn", "two", "1.0.0", [])


@pytest.mark.parametrize(
    ("version", "against", "found", "breaking"),
    [
        ("1.0.0", None, [], False),
        ("1.0.0", None, [], True),
        ("1.1.0", "1.0.0", [], False),
        ("2.0.0", "1.9.0", GONE, False),
        ("2.0.0", "1.9.0", GONE, True),
        ("2.0.0", "1.9.0", [], True),
    ],
)
def test_a_change_is_declared_by_the_major_number(
    *, version: str, against: str | None, found: list[Difference], breaking: bool
) -> None:
    check_declared("churn", version, against, found, breaking=breaking)


def test_a_change_within_a_major_number_is_refused() -> None:
    with pytest.raises(SignatureChangedError, match=r"since 1\.0\.0: column 'age' is gone") as told:
        check_declared("churn", "1.1.0", "1.0.0", GONE)
    assert "--breaking" in told.value.hint
    assert told.value.detail == {
        "against": "1.0.0",
        "differences": [{"column": "age", "what": "column", "before": "integer", "after": ""}],
    }


def test_the_next_number_declares_nothing_by_itself() -> None:
    with pytest.raises(SignatureChangedError):
        check_declared("churn", "2.1.0", "1.0.0", GONE, chosen=False)
    check_declared("churn", "2.1.0", "1.0.0", [], chosen=False)
    check_declared("churn", "2.1.0", "1.0.0", GONE, breaking=True, chosen=False)


@pytest.mark.parametrize("found", [[], GONE])
def test_a_number_that_contradicts_breaking_is_refused(found: list[Difference]) -> None:
    with pytest.raises(UsageError, match=r"1\.5\.0 says the same major number as 1\.4\.0") as told:
        check_declared("churn", "1.5.0", "1.4.0", found, breaking=True)
    assert "2.0.0" in told.value.hint
