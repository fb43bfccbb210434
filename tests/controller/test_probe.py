"""When an answer counts as the packed model's."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_deploy.controller.probe import difference


@pytest.mark.parametrize(
    ("expected", "got", "where"),
    [
        ({"a": [1.0, 2]}, {"a": [1.0005, 2], "more": 1}, None),
        ({"a": [1.0]}, {"a": [1.2]}, "answer.a[0] is 1.2, expected 1.0"),
        ({"a": [1.0]}, {"a": [1.0, 2.0]}, "answer.a has 2 items, expected 1"),
        ({"a": 1}, {}, "answer has no 'a'"),
        ({"a": "x"}, {"a": "y"}, "answer.a is 'y', expected 'x'"),
        ({"a": None}, {"a": None}, None),
        ({"a": None}, {"a": 0}, "answer.a is 0, expected None"),
        ({"a": True}, {"a": 1}, "answer.a is 1, expected True"),
        ({"a": 1}, {"a": "1"}, "answer.a is '1', expected 1"),
        ([float("nan")], [float("nan")], None),
        ([1.0], [float("nan")], "answer[0] is nan, expected 1.0"),
        ([float("inf")], [float("inf")], None),
        ([[1], [2]], [[1], [3]], "answer[1][0] is 3, expected 2"),
    ],
)
def test_difference(expected: Any, got: Any, where: str | None) -> None:
    assert difference(expected, got, atol=1e-3, rtol=0) == where


def test_tolerance_is_relative_to_the_expected_value() -> None:
    assert difference(1000.0, 1000.9, atol=0, rtol=1e-3) is None
    assert difference(1000.0, 1001.1, atol=0, rtol=1e-3)
