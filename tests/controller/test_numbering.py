from __future__ import annotations

import pytest

from jupyter_deploy.controller.numbering import check_version, newest, next_version
from jupyter_deploy.exceptions import UsageError


@pytest.mark.parametrize(
    ("reserved", "taken", "expected"),
    [
        (None, [], "1.0.0"),
        ("1.0.0", [], "1.1.0"),
        ("1.9.0", [], "1.10.0"),
        ("1.9.0", ["1.10.4"], "1.11.0"),
        (None, ["2.3.4", "latest", "1.0"], "2.4.0"),
        ("3.0.0", ["2.9.9"], "3.1.0"),
    ],
)
def test_next_version(reserved: str | None, taken: list[str], expected: str) -> None:
    assert next_version(reserved, taken) == expected


def test_newest_compares_numbers_not_letters() -> None:
    assert newest("1.9.0", None, "1.10.0", "x") == "1.10.0"


@pytest.mark.parametrize("wrong", ["1.0", "1.0.0-rc1", "01.0.0", "v1.0.0", "", "1.0.0\n"])
def test_what_is_no_version_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError):
        check_version(wrong)
