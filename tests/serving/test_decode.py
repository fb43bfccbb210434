"""Bodies to arrays: what is taken, and what is said of the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from jupyter_deploy.serving.cells import Field
from jupyter_deploy.serving.decode import Decoder
from jupyter_deploy.serving.engines.onnx import _field
from jupyter_deploy.serving.problems import InvalidInput, MalformedBody
from tests.serving.packs import column

F32_MAX = float(np.finfo(np.float32).max)


@dataclass
class Target:
    """Takes a matrix, or hands the columns out as they are."""

    fields: Sequence[Field]
    matrix: np.dtype[Any] | None
    assembled: list[list[list[Any]]] = field(default_factory=list)

    def assemble(self, columns: list[list[Any]]) -> Any:
        self.assembled.append(columns)
        if self.matrix is None:
            return columns
        return np.array(columns, dtype=self.matrix).T

    def assemble_arrays(self, columns: Sequence[Any]) -> Any:
        if self.matrix is None:
            return [[None if v != v else v for v in column.tolist()] for column in columns]
        return np.stack(columns, axis=1)


def matrix(*columns: Any, dtype: Any = np.float32) -> Target:
    return Target([_field(c, np.dtype(dtype)) for c in columns], np.dtype(dtype))


def separate(*columns: Any) -> Target:
    dtypes = {"number": np.float32, "integer": np.int64, "boolean": np.bool_, "string": object}
    return Target([_field(c, np.dtype(dtypes[c.kind])) for c in columns], None)


TWO = (column("a"), column("b"))
MIXED = (
    column("n", nullable=True),
    column("i", "int64"),
    column("s", "category"),
    column("t", "bool"),
)


@pytest.mark.parametrize(
    "body",
    [
        '[{"a": 1.5, "b": 2}, {"b": 4, "a": 3}]',
        '{"a": [1.5, 3], "b": [2, 4]}',
        "[[1.5, 2], [3, 4]]",
        " [[1.5,2.0],\n[3.0,4e0]] ",
        '[{"\\u0061": 1.5, "b": 2}, {"a": 3, "b": 4}]',
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_form_of_two_rows_gives_the_same_matrix(body: str, dtype: Any) -> None:
    array, rows = Decoder(matrix(*TWO, dtype=dtype)).decode(body.encode())
    assert rows == 2
    assert array.dtype == dtype
    np.testing.assert_array_equal(array, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize("body", ['{"a": 1, "b": 2}', '[{"a": 1, "b": 2}]', "[[1, 2]]"])
def test_one_row_takes_the_fast_way(body: str) -> None:
    target = matrix(*TWO)
    array, rows = Decoder(target).decode(body.encode())
    assert (rows, array.tolist(), target.assembled) == (1, [[1.0, 2.0]], [])


@pytest.mark.parametrize("body", ['{"a": 1}', '[{"a": 1}, {"a": 2}]', "[[1], [2]]", '{"a": [1]}'])
def test_a_single_column(body: str) -> None:
    array, rows = Decoder(matrix(column("a"))).decode(body.encode())
    assert array.shape == (rows, 1)


def test_null_becomes_nan_where_the_sample_had_nulls() -> None:
    decoder = Decoder(matrix(column("a", nullable=True), column("b")))
    for body in (b'{"a": null, "b": 2}', b"[[null, 2]]", b'{"a": [null], "b": [2]}'):
        array, _ = decoder.decode(body)
        assert np.isnan(array[0, 0])
        assert array[0, 1] == 2
    with pytest.raises(InvalidInput) as caught:
        decoder.decode(b"[[1, 1], [null, null]]")
    assert [(c.row, c.column, c.got) for c in caught.value.cells] == [(1, "b", "null")]


def test_integers_in_a_float_matrix() -> None:
    decoder = Decoder(matrix(column("a", "int8"), column("b")))
    assert decoder.decode(b"[[1, 2.5], [-128, 3]]")[0].tolist() == [[1, 2.5], [-128, 3]]
    assert decoder.decode(b"[[2.0, 2.5]]")[0].tolist() == [[2, 2.5]]
    for body, got, expected in [
        (b"[[1.5, 0]]", "the number 1.5", "an integer"),
        (b"[[128, 0]]", "the number 128", "an integer from -128 to 127"),
        (b"[[1e300, 0]]", "the number 1e+300", "an integer from -128 to 127"),
    ]:
        with pytest.raises(InvalidInput) as caught:
            decoder.decode(body)
        [cell] = caught.value.cells
        assert (cell.row, cell.column, cell.got, cell.expected) == (0, "a", got, expected)


def test_every_kind_of_column() -> None:
    decoder = Decoder(separate(*MIXED))
    for body in (
        [{"n": None, "i": 3, "s": "x", "t": True}, {"n": 1, "i": 4.0, "s": "", "t": False}],
        {"n": [None, 1], "i": [3, 4], "s": ["x", ""], "t": [True, False]},
        [[None, 3, "x", True], [1, 4, "", False]],
    ):
        columns, rows = decoder.decode(json.dumps(body).encode())
        assert rows == 2
        assert columns == [[None, 1], [3, 4], ["x", ""], [True, False]]


@pytest.mark.parametrize(
    ("value", "where", "got", "expected"),
    [
        ("1", "n", "the string '1'", "a number or null"),
        (True, "n", "true", "a number or null"),
        ([1], "n", "an array of 1 value", "a number or null"),
        ({}, "n", "an object", "a number or null"),
        (1e39, "n", "the number 1e+39", "a number or null from -3.40282e+38 to 3.40282e+38"),
        (None, "i", "null", "an integer"),
        (1.5, "i", "the number 1.5", "an integer"),
        (False, "i", "false", "an integer"),
        ("7", "i", "the string '7'", "an integer"),
        (2**63, "i", f"the number {2**63}", f"an integer from {-(2**63)} to {2**63 - 1}"),
        (3, "s", "the number 3", "a string"),
        (None, "s", "null", "a string"),
        (1, "t", "the number 1", "true or false"),
        ("true", "t", "the string 'true'", "true or false"),
    ],
)
def test_a_wrong_value_is_named(value: Any, where: str, got: str, expected: str) -> None:
    good = {"n": 1.0, "i": 3, "s": "x", "t": True}
    with pytest.raises(InvalidInput) as caught:
        Decoder(separate(*MIXED)).decode(json.dumps([good, {**good, where: value}]).encode())
    [cell] = caught.value.cells
    assert (cell.row, cell.column, cell.got, cell.expected) == (1, where, got, expected)
    assert f"row 1, column '{where}'" in caught.value.detail


@pytest.mark.parametrize(
    ("body", "row", "where", "got", "expected"),
    [
        ("[]", None, None, "an empty array", "at least one row"),
        ('{"a": [], "b": []}', None, None, "columns without values", "at least one row"),
        ("3", None, None, "the number 3", "an array of rows, or an object"),
        ("null", None, None, "null", "an array of rows, or an object"),
        ('"x"', None, None, "the string 'x'", "an array of rows, or an object"),
        ('[{"a": 1}]', 0, "b", "nothing", "a value for this column"),
        ('[{"a": 1, "b": 2, "c": 3}]', 0, "c", "an unknown column", "one of 'a', 'b'"),
        ('[{"a": 1, "b": 2}, [1, 2]]', 1, None, "an array of 2 values", "an object, as row 0 is"),
        ("[[1, 2], [1]]", 1, None, "an array of 1 value", "an array of 2 values, in the order"),
        ("[[1, 2], 3]", 1, None, "the number 3", "an array of 2 values, in the order"),
        ("[1, 2]", 0, None, "the number 1", "an array of 2 values, in the order"),
        ('{"a": [1, 2], "b": [1]}', None, "b", "an array of 1 value", "2 values, as column 'a'"),
        ('{"a": [1, 2], "b": 3}', None, "b", "the number 3", "an array of values"),
        ('{"a": [1]}', None, "b", "nothing: the column is missing", "an array of"),
        ('{"a": [1], "b": [1], "z": [1]}', None, "z", "an unknown column", "one of 'a', 'b'"),
        ("[[[1, 2]]]", 0, None, "an array of 1 value", "an array of 2 values, in the order"),
        ("[[[1], 2]]", 0, "a", "an array of 1 value", "a number"),
    ],
)
def test_a_wrong_shape_is_named(
    body: str, row: int | None, where: str | None, got: str, expected: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        Decoder(matrix(*TWO)).decode(body.encode())
    cell = caught.value.cells[0]
    assert (cell.row, cell.column, cell.got) == (row, where, got)
    assert cell.expected.startswith(expected)


def test_at_most_twenty_cells_are_named_by_row() -> None:
    body = [{"a": "x", "b": "y"} for _ in range(15)]
    with pytest.raises(InvalidInput) as caught:
        Decoder(matrix(*TWO)).decode(json.dumps(body).encode())
    cells = caught.value.cells
    assert len(cells) == 20
    assert [c.row for c in cells] == sorted(c.row or 0 for c in cells)
    assert caught.value.detail.startswith("More than 20 values are wrong; row 0, column 'a'")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[1, 2",
        b'[{"a": 1, "b": NaN}]',
        b'[{"a": 1, "b": Infinity}]',
        b'[{"a": 1, "b": 1e999}]',
        b'[{"a": 1, "b": 2},]',
        b'{"a": 1, "b": 2} x',
        b"{'a': 1, 'b': 2}",
        b'[{"a": 01, "b": 2}]',
        b'\xef\xbb\xbf{"a": 1, "b": 2}',
        b'{"a": 1, "b": "\xff"}',
        '{"a": 1, "b": 2}'.encode("utf-16"),
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_what_is_not_json(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        Decoder(matrix(*TWO)).decode(body)


@pytest.mark.parametrize(
    "body",
    [
        '{"a": 1, "a": 2, "b": 3}',
        '[{"a": 1, "b": 3, "b": 3}]',
        '[{"a": 1, "\\u0061": 2, "b": 3}]',
        '{"a": [1], "b": [3], "a": [5]}',
        '[{"a": 1, "b": 2}, {"a": 1, "b": 2, "b": 3}]',
    ],
)
def test_a_key_given_twice_is_refused(body: str) -> None:
    with pytest.raises(MalformedBody, match="twice"):
        Decoder(matrix(*TWO)).decode(body.encode())


def test_colons_in_names_and_values_are_no_repeated_keys() -> None:
    decoder = Decoder(separate(column("a:b", "object"), column("c", "object")))
    for body in (
        {"a:b": "x", "c": "y"},
        {"a:b": "12:30:00", "c": "::"},
        [{"a:b": 'say "a:b":', "c": "\\"}] * 2,
    ):
        decoder.decode(json.dumps(body).encode())
    with pytest.raises(MalformedBody):
        decoder.decode(b'{"a\\u003ab": "x", "c": "y", "c": "z"}')


def test_float32_overflow_is_refused_in_a_batch_too() -> None:
    for body in (b"[[1, 2], [3, 1e39]]", b'{"a": 1e39, "b": 2}'):
        with pytest.raises(InvalidInput) as caught:
            Decoder(matrix(*TWO)).decode(body)
        assert caught.value.cells[0].got == "the number 1e+39"
    # what rounds to the largest float32 still fits
    assert Decoder(matrix(*TWO)).decode(f"[[1, {F32_MAX!r}]]".encode())[0][0, 1] == F32_MAX
