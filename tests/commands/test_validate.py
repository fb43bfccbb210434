"""``--validate``: what each form means, and what each slip is answered."""

from __future__ import annotations

import pytest

from jupyter_deploy.commands.line import split
from jupyter_deploy.commands.validate import Policies, read_policies
from jupyter_deploy.exceptions import UsageError
from jupyter_deploy.serving.policies import CHECKS


@pytest.mark.parametrize(
    ("text", "policies"),
    [
        ("range=reject", {"range": "reject"}),
        ("range=reject,null=pass", {"range": "reject", "null": "pass"}),
        (
            "age.range=reject,plan.category=coerce,age.null=pass,extra=pass",
            {
                "age": {"range": "reject", "null": "pass"},
                "plan": {"category": "coerce"},
                "extra": "pass",
            },
        ),
        (" age.range = reject , null = pass ", {"age": {"range": "reject"}, "null": "pass"}),
        ("mean area.range=reject", {"mean area": {"range": "reject"}}),
        ("user.age.range=reject", {"user.age": {"range": "reject"}}),
        ("x=y.range=reject", {"x=y": {"range": "reject"}}),
        (
            "don't.null=pass,o'clock.null=pass",
            {"don't": {"null": "pass"}, "o'clock": {"null": "pass"}},
        ),
        (""""a,b".range=reject,null=pass""", {"a,b": {"range": "reject"}, "null": "pass"}),
        ("'a.b'.range=reject", {"a.b": {"range": "reject"}}),
        (r""""say \"x\", y=1.2".null=pass""", {'say "x", y=1.2': {"null": "pass"}}),
        ("null=pass,'a b.range=reject'", {"null": "pass", "a b": {"range": "reject"}}),
        ("'null=pass','range=reject'", {"null": "pass", "range": "reject"}),
        ("range.range=reject", {"range": {"range": "reject"}}),
        ("größe.range=reject", {"größe": {"range": "reject"}}),
    ],
)
def test_what_it_means(text: str, policies: Policies) -> None:
    assert read_policies(text) == policies


@pytest.mark.parametrize("check", CHECKS)
def test_every_policy_of_every_check_can_be_chosen(check: str) -> None:
    for policy in CHECKS[check].allowed:
        assert read_policies(f"{check}={policy}") == {check: policy}
        if CHECKS[check].column:
            assert read_policies(f"age.{check}={policy}") == {"age": {check: policy}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' has no '='"),
        ("range", r"'range' has no '='[\s\S]*Write for example"),
        ("range=reject,", "'' has no '='"),
        ("=reject", "no check ''"),
        ("rnage=reject", r"no check 'rnage'[\s\S]*Did you mean 'range'"),
        ("zzz=reject", r"no check 'zzz'[\s\S]*The checks are: missing, extra"),
        ("age=reject", "no check 'age'"),
        ("range.age=reject", "no check 'age'"),
        ("range=", r"no '' for 'range'[\s\S]*range takes: reject, coerce, pass"),
        ("range=ignore", r"no 'ignore' for 'range'[\s\S]*takes"),
        ("empty=coerce", r"no 'coerce' for 'empty'[\s\S]*empty takes: reject, pass"),
        ("age.extra=pass", r"'extra' is about a request[\s\S]*--validate extra=pass"),
        (".range=pass", "no column is named in '.range=pass'"),
        ("range=pass,range=reject", "range is given twice"),
        ("age.range=pass,age.range=pass", "age.range is given twice"),
        ("range=pass,range.range=pass", "'range' is a check and a column too"),
        ("range.range=pass,range=pass", "'range' is a check and a column too"),
        ('"age.range=pass', 'a closing " is missing'),
        ('"age"=pass', r"no check"),
    ],
)
def test_what_can_not_be_read(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_policies(text)


@pytest.mark.parametrize(
    "line",
    [
        "m --validate 'mean area.range=reject,null=pass'",
        'm --validate "mean area".range=reject,null=pass',
        'm --validate="mean area.range=reject,null=pass"',
    ],
)
def test_a_magics_line_may_quote_the_name_or_the_whole(line: str) -> None:
    word = split(line)[-1].removeprefix("--validate=")
    assert read_policies(word) == {"mean area": {"range": "reject"}, "null": "pass"}
