"""``validate`` and ``max_rows`` as a user writes them, into the signature or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.exceptions import UsageError
from jupyter_deploy.packaging import convert, inspect_model
from jupyter_deploy.serving.signature import Signature

FRAME = pd.DataFrame(
    {
        "age": [30.5, 40.0],
        "visits": [1, 2],
        "city": ["Oslo", "Bergen"],
        "day": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        "new": [True, False],
        "range": [1.0, 2.0],
    }
)


def signature(validate: Any = None, max_rows: Any = None) -> Signature:
    model = lambda rows: np.ones(len(rows))  # noqa: E731
    return inspect_model(model, FRAME, validate=validate, max_rows=max_rows).signature


def test_nothing_asked_is_nothing_written() -> None:
    found = signature()
    assert found.policies == {}
    assert found.max_rows is None
    assert all(c.policies == {} for c in found.inputs)


def test_policies_stand_where_they_were_asked_for() -> None:
    found = signature({"range": "reject", "age": {"range": "coerce", "null": "pass"}}, 100)
    age, visits, *_ = found.inputs
    assert found.max_rows == 100
    assert found.policy("range", visits) == "reject"
    assert found.policy("range", age) == "coerce"
    assert found.policy("null", age) == "pass"
    assert found.policy("null", visits) == "reject"
    assert Signature.from_json(found.to_json()) == found


def test_a_column_may_be_called_as_a_check() -> None:
    found = signature({"range": {"range": "reject"}})
    assert found.policies == {}
    assert found.inputs[-1].policies == {"range": "reject"}


def test_they_are_in_what_is_served() -> None:
    inspected = inspect_model(lambda rows: np.ones(len(rows)), FRAME, validate={"extra": "pass"})
    assert convert(inspected).signature.policies == {"extra": "pass"}
    hooked = inspect_model(
        lambda rows: np.ones(len(rows)), FRAME, preprocess=lambda df: df, validate={"extra": "pass"}
    )
    assert convert(hooked).signature.policies == {"extra": "pass"}


@pytest.mark.parametrize(
    ("validate", "said", "hint"),
    [
        ({"rnage": "reject"}, "There is no check 'rnage'", "Did you mean 'range'?"),
        ({"nonsense": "reject"}, "There is no check 'nonsense'", "The checks are missing, extra"),
        ({"range": "rejct"}, "The check 'range' knows no policy 'rejct'", "Did you mean 'reject'?"),
        ({"null": "coerce"}, "The check 'null' has no policy 'coerce'", "reject (422, naming"),
        ({"age": "reject"}, "'age' is a column, and 'reject' says nothing", "{'age': {'range': "),
        ({"agee": {"range": "reject"}}, "no column 'agee'", "Did you mean 'age'?"),
        ({"age": {"rnge": "reject"}}, "no check 'rnge', asked for column 'age'", "'range'"),
        ({"age": {"range": 3}}, "The check 'range' knows no policy 3", "the nearest value inside"),
        ({"age": {"empty": "pass"}}, "is about the whole request, not about", "{'empty': 'pass'}"),
        ({"city": {"range": "reject"}}, "'city' has no range: it holds text", "'category'"),
        (
            {"new": {"range": "reject"}},
            "'new' has no range: it holds booleans",
            "numbers and dates",
        ),
        ({"age": {"category": "reject"}}, "'age' has no categories", "Use the check 'range'"),
        ({"day": {"infinite": "pass"}}, "'day' can't be infinite: it holds dates", "Leave"),
        ("range=reject", "validate is 'range=reject', not a dict", "validate={'range': 'reject'"),
    ],
)
def test_what_does_not_go_together_is_told(validate: Any, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        signature(validate)
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("rows", [0, -1, 2.5, True, "10"])
def test_max_rows_is_a_number_of_rows(rows: Any) -> None:
    with pytest.raises(UsageError, match="max_rows is"):
        signature(max_rows=rows)
