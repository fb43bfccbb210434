from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from jupyter_deploy.packaging.outputs import Outputs
from jupyter_deploy.packaging.parity import compare, describe, pick_rows
from jupyter_deploy.serving.signature import Output
from jupyter_deploy.types import Parity
from tests.serving.packs import column, signature

ROWS = np.arange(200)


def classifier(shift: dict[int, float], rows: int = 200) -> Parity:
    """Judge a classifier whose converted probabilities are shifted on some rows."""
    first = np.linspace(0.6, 0.95, rows)
    native = np.column_stack([first, 1 - first])
    converted = native.copy()
    for row, by in shift.items():
        converted[row] += [by, -by]
    names = np.array(["a", "b"], dtype=object)
    return compare(
        Outputs(names[native.argmax(1)], native),
        Outputs(names[converted.argmax(1)], converted.astype(np.float32)),
        np.arange(rows),
        signature(column("x0"), layout="array", classes=("a", "b")),
    )


@pytest.mark.parametrize(
    ("shift", "beyond", "flipped", "passed"),
    [
        ({}, 0, 0, True),
        ({7: 1e-6}, 0, 0, True),
        ({7: 0.01}, 1, 0, True),  # one tree of a hundred
        ({7: 0.01, 8: -0.01}, 2, 0, True),  # 1 % of the rows
        ({7: 0.01, 8: 0.01, 9: 0.01}, 3, 0, False),  # more than 1 %
        ({7: 0.021}, 1, 0, False),  # too far
        ({0: -0.2}, 1, 1, False),  # another label
    ],
)
def test_the_rule_for_classifiers(
    shift: dict[int, float], beyond: int, flipped: int, passed: bool
) -> None:
    parity = classifier(shift)
    assert (parity.rows_beyond, parity.flipped, parity.passed) == (beyond, flipped, passed)
    if beyond:
        assert parity.worst_row in shift


def test_a_small_sample_allows_no_row_beyond() -> None:
    assert not classifier({7: 0.01}, rows=99).passed
    assert classifier({7: 0.01}, rows=100).passed


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_tolerance_of_numbers_follows_their_spread(scale: float) -> None:
    native = np.random.default_rng(0).normal(size=200) * scale

    def judge(by: float) -> Parity:
        converted = native.copy()
        converted[3] += by * native.std()
        return compare(Outputs(native), Outputs(converted), ROWS)

    assert judge(1e-6).rows_beyond == 0
    assert judge(0.01).rows_beyond == 1
    assert judge(0.01).passed
    assert not judge(0.03).passed
    assert judge(0.03).worst_row == 3
    assert judge(0.03).compared == "predictions"


def test_constant_predictions_have_a_tolerance_too() -> None:
    native = np.full(200, 3.0)
    assert compare(Outputs(native), Outputs(native + 1e-6), ROWS).passed
    assert not compare(Outputs(native), Outputs(native + 1.0), ROWS).passed


def test_labels_alone_must_all_be_the_same() -> None:
    native = np.array([1, -1] * 100)
    other = native.copy()
    assert compare(Outputs(native), Outputs(other), ROWS).passed
    other[5] = 1
    parity = compare(Outputs(native), Outputs(other), ROWS)
    assert (parity.flipped, parity.worst_row, parity.passed) == (1, 5, False)
    assert describe(parity) == "1 of 200 rows has another label (row 5)"


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_one_sided_nan_or_infinity_never_passes(odd: float) -> None:
    native = np.linspace(0, 1, 200)
    other = native.copy()
    other[9] = odd
    parity = compare(Outputs(native), Outputs(other), ROWS)
    assert (parity.rows_beyond, parity.worst_row, parity.passed) == (1, 9, False)
    assert np.isfinite(parity.max_abs_diff)
    both = compare(Outputs(other), Outputs(other.copy()), ROWS)
    assert both.passed
    assert both.worst_row is None


def test_the_worst_row_is_its_position_in_the_sample() -> None:
    native = np.linspace(0, 1, 3)
    other = native + np.array([0, 0.5, 0])
    assert compare(Outputs(native), Outputs(other), np.array([0, 50, 99])).worst_row == 50


@pytest.mark.parametrize(
    ("parity", "said"),
    [
        (classifier({}), "probabilities differ by 0 at most on 200 rows; no label differs"),
        (
            classifier({7: 0.01}),
            "1 of 200 rows has probabilities beyond tolerance, by 0.01 at worst "
            "(row 7, class 'b'); no label differs",
        ),
        (
            classifier({0: -0.2, 1: -0.2}),
            "2 of 200 rows have probabilities beyond tolerance, by 0.2 at worst "
            "(row 0, class 'b'); 2 of 200 rows have another label (rows 0, 1)",
        ),
    ],
)
def test_described_with_numbers(parity: Parity, said: str) -> None:
    assert describe(parity.model_copy(update=_rounded(parity))) == said


def test_many_flipped_labels_are_named_by_the_first_of_them() -> None:
    native = np.array([1, -1] * 100)
    parity = compare(Outputs(native), Outputs(-native), ROWS)
    assert parity.flipped_rows == list(range(10))
    assert describe(parity) == "200 of 200 rows have another label (rows 0, 1, 2, …)"


def test_where_a_row_of_several_numbers_differs() -> None:
    native = np.random.default_rng(0).normal(size=(200, 3))
    other = native.copy()
    other[9, 2] += 0.5
    parity = compare(Outputs(native), Outputs(other), ROWS)
    assert (parity.worst_row, parity.worst_column, parity.worst_class) == (9, 2, None)
    assert "(row 9, value 2)" in describe(parity)


def test_further_outputs_are_judged_by_the_same_rule() -> None:
    native = np.random.default_rng(0).normal(size=200)
    spread = native * 1000
    other = spread.copy()
    other[4] += 100
    parity = compare(Outputs(native, None, {"spread": spread}), Outputs(native), ROWS)
    assert parity.passed
    parity = compare(
        Outputs(native, None, {"spread": spread}), Outputs(native, None, {"spread": other}), ROWS
    )
    assert (parity.passed, parity.compared, parity.worst_row) == (False, "spread", 4)
    assert parity.max_abs_diff == pytest.approx(100)


def test_probabilities_of_one_target_of_several_name_their_own_class() -> None:
    native = np.full((200, 2), 0.5)
    other = native.copy()
    other[3, 1] = 0.9
    sig = signature(column("x0"), layout="array")
    several = Output("probabilities_1", "float64", (-1, 2), ("no", "yes"))
    parity = compare(
        Outputs(np.zeros((200, 2), dtype=int), None, {"probabilities_1": native}),
        Outputs(np.zeros((200, 2), dtype=int), None, {"probabilities_1": other}),
        ROWS,
        replace(sig, outputs=(*sig.outputs, several)),
    )
    assert (parity.compared, parity.worst_row, parity.worst_class) == ("probabilities_1", 3, "yes")
    assert not parity.passed


def _rounded(parity: Parity) -> dict[str, Any]:
    return {"max_abs_diff": round(parity.max_abs_diff, 6)}


def test_rows_are_picked_evenly_and_once() -> None:
    assert pick_rows(3, 5).tolist() == [0, 1, 2]
    rows = pick_rows(10_001, 2000)
    assert len(set(rows.tolist())) == 2000
    assert (rows[0], rows[-1]) == (0, 10_000)
