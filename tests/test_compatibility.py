"""What callers of a version would notice of the next: by table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from jupyter_deploy.compatibility import check_version, differences, parse, sentence, sentences
from jupyter_deploy.exceptions import UsageError
from jupyter_deploy.serving.signature import Column, Output, Signature

AGE = Column("age", "int64", "integer", minimum=18, maximum=90)
PLAN = Column("plan", "category", "string", categories=("basic", "pro"))
SCORE = Column("score", "float64", "number", nullable=True, null_share=0.1)
IMAGE = Column("image", "uint8", "integer", shape=(28, 28))
LABELS = Output("predictions", "object", (-1,))
PROBABILITIES = Output("probabilities", "float64", (-1, 2))
OLD = Signature(
    layout="dataframe",
    task="classification",
    inputs=(AGE, PLAN, SCORE),
    outputs=(LABELS, PROBABILITIES),
    classes=("no", "yes"),
    example={"age": 42, "plan": "basic", "score": 0.5},
)
REGRESSOR = replace(
    OLD, task="regression", classes=None, outputs=(Output("predictions", "float64", (-1,)),)
)
TWO = replace(
    OLD,
    classes=None,
    outputs=(
        Output("predictions", "int64", (-1, 2)),
        Output("probabilities_0", "float64", (-1, 2), classes=(0, 1)),
        Output("probabilities_1", "float64", (-1, 3), classes=(0, 1, 2)),
    ),
)


def _inputs(*columns: Column) -> dict[str, Any]:
    return {"inputs": columns}


def _wide(count: int) -> tuple[Column, ...]:
    return tuple(Column(f"x{i}", "float64", "number") for i in range(count))


COUNTED = [
    (_inputs(AGE, PLAN), ["column 'score' is gone"]),
    (_inputs(AGE, PLAN, SCORE, IMAGE), ["column 'image' is new (integer of shape 28×28)"]),
    (
        _inputs(AGE, replace(PLAN, name="tariff"), SCORE),
        ["column 'plan' is gone", "column 'tariff' is new (string)"],
    ),
    (
        _inputs(PLAN, AGE, SCORE),
        ["order of columns was age, plan, score, is plan, age, score"],
    ),
    (
        _inputs(replace(AGE, kind="number", dtype="float64"), PLAN, SCORE),
        ["column 'age': type was integer, is number"],
    ),
    (
        _inputs(AGE, PLAN, replace(SCORE, kind="datetime")),
        ["column 'score': type was number, is datetime"],
    ),
    (
        _inputs(AGE, PLAN, replace(SCORE, nullable=False, null_share=0.0)),
        ["column 'score': null was taken, is refused"],
    ),
    (
        _inputs(AGE, PLAN, replace(SCORE, shape=(3, -1))),
        ["column 'score': shape was one value, is 3×any"],
    ),
    ({"layout": "array"}, ["input was columns with names, is a 2-D array"]),
    ({"layout": "tensors"}, ["input was columns with names, is tensors"]),
    ({"classes": ("no", "maybe")}, ['classes were "no", "yes", are "no", "maybe"']),
    ({"classes": ("yes", "no")}, ['classes were "no", "yes", are "yes", "no"']),
    (
        {
            "classes": ("no", "maybe", "yes"),
            "outputs": (LABELS, replace(PROBABILITIES, shape=(-1, 3))),
        },
        ['classes were "no", "yes", are "no", "maybe", "yes"'],
    ),
    ({"outputs": (LABELS,)}, ["output 'probabilities' is gone"]),
    (
        {"outputs": (LABELS, PROBABILITIES, Output("score", "float32", (-1, 4)))},
        ["output 'score' is new (number of shape 4)"],
    ),
    (
        {"outputs": (replace(LABELS, dtype="int64"), PROBABILITIES)},
        ["output 'predictions': type was string, is number"],
    ),
    (
        {"outputs": (replace(LABELS, dtype="bool"), PROBABILITIES)},
        ["output 'predictions': type was string, is boolean"],
    ),
    (
        {"outputs": (replace(LABELS, shape=(-1, 2)), PROBABILITIES)},
        ["output 'predictions': shape was one value, is 2"],
    ),
    (
        {"task": "regression", "classes": None, "outputs": REGRESSOR.outputs},
        [
            "task was classification, is regression",
            "output 'predictions': type was string, is number",
            "output 'probabilities' is gone",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "said"), COUNTED)
def test_what_callers_would_notice(changes: dict[str, Any], said: list[str]) -> None:
    assert [sentence(one) for one in differences(OLD, replace(OLD, **changes))] == said


NOT_COUNTED = [
    {},
    {"layout": "polars"},
    {"layout": "records"},
    {"example": {"age": 1, "plan": "pro", "score": None}},
    {"policies": {"range": "reject"}},
    {"max_rows": 10},
    _inputs(replace(AGE, dtype="Int64", minimum=-5, maximum=200), PLAN, SCORE),
    _inputs(replace(AGE, nullable=True, null_share=0.5), PLAN, SCORE),
    _inputs(AGE, replace(PLAN, dtype="object", categories=None), SCORE),
    _inputs(AGE, replace(PLAN, categories=("pro", "basic", "free")), SCORE),
    _inputs(AGE, PLAN, replace(SCORE, dtype="float32", null_share=0.9, infinite=True)),
    _inputs(AGE, replace(PLAN, policies={"category": "reject"}), SCORE),
    {"outputs": (LABELS, replace(PROBABILITIES, dtype="float32"))},
    {"outputs": (PROBABILITIES, LABELS)},
]


@pytest.mark.parametrize("changes", NOT_COUNTED)
def test_what_no_caller_has_to_change_for(changes: dict[str, Any]) -> None:
    assert differences(OLD, replace(OLD, **changes)) == []


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [((0, 1), (0.0, 1.0), True), ((0, 1), (False, True), False), ((1, 2), ("1", "2"), False)],
)
def test_labels_are_compared_as_the_wire_has_them(
    old: tuple[Any, ...], new: tuple[Any, ...], same: bool
) -> None:
    found = differences(replace(OLD, classes=old), replace(OLD, classes=new))
    assert (found == []) == same


def test_each_target_of_several_has_its_classes() -> None:
    last = replace(TWO.outputs[2], classes=(0, 1), shape=(-1, 2))
    found = differences(TWO, replace(TWO, outputs=(*TWO.outputs[:2], last)))
    assert [sentence(one) for one in found] == [
        "output 'probabilities_1': classes were 0, 1, 2, are 0, 1"
    ]
    assert found[0].model_dump() == {
        "column": "probabilities_1",
        "what": "output classes",
        "before": "0, 1, 2",
        "after": "0, 1",
    }


def test_long_lists_are_shown_where_they_differ() -> None:
    many = tuple(f"c{i:03d}" for i in range(500))
    found = differences(
        replace(OLD, classes=many), replace(OLD, classes=(*many[:250], *many[251:]))
    )
    assert [sentence(one) for one in found] == [
        'classes were …, "c249", "c250", "c251", "c252", … (500 in all), '
        'are …, "c249", "c251", "c252", "c253", … (499 in all)'
    ]
    moved = _wide(1000)
    found = differences(
        replace(OLD, inputs=moved), replace(OLD, inputs=(*moved[:500], *moved[:499:-1]))
    )
    assert len(found) == 1
    assert len(sentence(found[0])) < 200


def test_many_differences_are_counted() -> None:
    found = differences(replace(OLD, inputs=_wide(1000)), replace(OLD, inputs=_wide(10)))
    assert len(found) == 990
    told = sentences(found)
    assert told[0] == "column 'x10' is gone"
    assert (len(told), told[-1]) == (9, "and 982 more")


def test_a_signature_of_the_first_schema_can_be_compared() -> None:
    """As versions of the first release have it in the store."""
    old = OLD.to_json()
    old["schema_version"] = 1
    for key in ("policies", "max_rows"):
        del old[key]
    for column in old["inputs"]:
        for key in ("null_share", "infinite", "shape", "policies"):
            del column[key]
    for output in old["outputs"]:
        del output["classes"]
    assert differences(Signature.from_json(old), OLD) == []


def test_numbers() -> None:
    assert parse("2.10.3") == (2, 10, 3)
    assert check_version("0.1.0") == "0.1.0"


@pytest.mark.parametrize(
    "wrong", ["1.0", "1.0.0-rc1", "01.0.0", "v1.0.0", "", "1.0.0\n", "1.0.0.0", "1,0,0", 2, None]
)
def test_what_is_no_version_is_refused(wrong: Any) -> None:
    with pytest.raises(UsageError, match="Write three numbers"):
        check_version(wrong)
