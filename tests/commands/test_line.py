from __future__ import annotations

import pytest

from jupyter_deploy.commands.line import split
from jupyter_deploy.exceptions import UsageError


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("  model   --name churn ", ["model", "--name", "churn"]),
        ('predict c df[["age", "plan"]]', ["predict", "c", 'df[["age", "plan"]]']),
        ("predict c X.head( 3 )", ["predict", "c", "X.head( 3 )"]),
        ("predict c '[{\"age\": 1}]'", ["predict", "c", '[{"age": 1}]']),
        ('--name "churn" "X[X.a > 1]"', ["--name", "churn", "X[X.a > 1]"]),
        ("--sample='X[:5]' m", ["--sample=X[:5]", "m"]),
        ('X["a"]["b c"]', ['X["a"]["b c"]']),
        (r"'it\'s'", ["it's"]),
        ("list # what is live", ["list"]),
        ('X["#"] y', ['X["#"]', "y"]),
        ("-- status", ["--", "status"]),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    assert split(line) == words


@pytest.mark.parametrize("line", ["X[:5", "X:5]", "X(1]", "'abc", 'df["a]'])
def test_what_is_not_closed_is_told(line: str) -> None:
    with pytest.raises(UsageError, match=r"missing|too many"):
        split(line)
