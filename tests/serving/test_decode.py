"""Bodies to arrays: what is taken, and what is said of the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_deploy.serving.engines.base import as_arrays
from jupyter_deploy.serving.engines.onnx import _field
from jupyter_deploy.serving.engines.rows import NativeRows
from jupyter_deploy.serving.inputs.cells import Field
from jupyter_deploy.serving.inputs.decode import Decoder
from jupyter_deploy.serving.problems import InvalidInput, MalformedBody
from tests.serving.packs import column, signature

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
            return self.assemble_arrays(as_arrays(self.fields, columns))
        return np.array(columns, dtype=self.matrix).T

    def assemble_arrays(self, columns: Sequence[Any]) -> Any:
        if self.matrix is None:
            return [[None if pd.isna(v) else v for v in column.tolist()] for column in columns]
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


#: Values at the edges of what the columns of FULL take; each is right for some and wrong for most.
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 127, 128, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64 - 1]),
    st.sampled_from([0.0, -0.0, 0.5, 3.0, 1e16, 3e38, 4e38, 1e308, 5e-324]),
    st.sampled_from(["", "x", "y", "3", "1.5", "true", "2024-01-31", "2024-01-31T12:00:00Z"]),
    st.sampled_from([[], [1], {}, {"a": 1}]),
)
FULL = (
    column("n", nullable=True, minimum=0.0, maximum=100.0),
    column("m", "float32"),
    column("i", "int64", minimum=-1, maximum=127),
    column("k", "int8"),
    column("s", "object", categories=("x", "y"), nullable=True),
    column("t", "bool"),
    column("d", "datetime64[us]", kind="datetime", nullable=True),
)
POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {"type": "coerce"},
    {"null": "pass", "range": "coerce", "category": "reject"},
    {"range": "reject", "category": "coerce"},
)
LIKELY = {
    "number": [1.5, 0, 99],
    "integer": [1, 2, 127],
    "boolean": [True, False],
    "string": ["x", "y"],
    "datetime": ["2024-01-31", "1999-12-31T23:59:59.5"],
}


@st.composite
def documents(draw: st.DrawFn, columns: Sequence[Any]) -> Any:
    """A body in one of its forms: mostly right values, some wrong, seldom a wrong shape."""
    rows = draw(st.integers(1, 3))
    cells = [
        [draw(st.sampled_from(LIKELY[c.kind])) for _ in range(rows)]  # by column
        for c in columns
    ]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(columns) - 1))
        cells[at][draw(st.integers(0, rows - 1))] = draw(VALUES)
    names = [c.name for c in columns]
    form = draw(st.sampled_from(["records", "rows", "columns", "record"]))
    if form == "columns":
        return dict(zip(names, cells, strict=True))
    table = [list(row) for row in zip(*cells, strict=True)]
    if form == "rows":
        return table
    records = [dict(zip(names, row, strict=True)) for row in table]
    return records[0] if form == "record" else records


def result(decode: Callable[[], tuple[Any, int]]) -> Any:
    """What comes out, in a form that can be compared."""
    try:
        batch, rows = decode()
    except InvalidInput as problem:
        return [str(cell) for cell in problem.cells]
    if isinstance(batch, pd.DataFrame):
        return rows, str(batch.dtypes.to_dict()), repr(batch.to_dict("list"))
    if isinstance(batch, np.ndarray):
        return rows, str(batch.dtype), repr(batch.tolist())
    return rows, [repr(np.asarray(values).tolist()) for values in batch]


@pytest.mark.parametrize("policies", POLICIES, ids=str)
@pytest.mark.parametrize("kind", ["matrix", "tensors", "native"])
@settings(derandomize=True, max_examples=50, deadline=None, database=None)
@given(data=st.data())
def test_the_fast_and_the_thorough_way_agree(
    kind: str, policies: dict[str, Any], data: st.DataObject
) -> None:
    columns = {"matrix": FULL[:4], "tensors": FULL[:6], "native": FULL}[kind]
    sig = replace(signature(*columns), policies=policies)
    targets: dict[str, Any] = {"matrix": matrix, "tensors": separate}
    target = NativeRows(sig) if kind == "native" else targets[kind](*columns)
    decoder = Decoder(target, sig)
    document = data.draw(documents(columns))
    thorough = result(lambda: decoder._thorough(document, decoder.rules))
    assert result(lambda: decoder.convert(document)) == thorough
    assert result(lambda: decoder.decode(json.dumps(document).encode())) == thorough


@pytest.mark.parametrize("policies", POLICIES, ids=str)
@settings(derandomize=True, max_examples=50, deadline=None, database=None)
@given(data=st.data())
def test_arrays_and_documents_agree(policies: dict[str, Any], data: st.DataObject) -> None:
    sig = replace(signature(*FULL), policies=policies)
    rows = NativeRows(sig)
    decoder = Decoder(rows, sig)
    typed: dict[str, st.SearchStrategy[Any]] = {
        "number": st.sampled_from([0.0, 1.5, 99.0, 101.0, -1.0, 3e38, 4e38, np.nan]),
        "integer": st.integers(-130, 130),
        "boolean": st.booleans(),
        "string": st.sampled_from(["x", "y", "z", None]),
        "datetime": st.sampled_from(["2024-01-31", "NaT"]),
    }
    dtypes = {"integer": np.int64, "string": object, "datetime": "M8[s]"}
    arrays = {
        c.name: np.array(
            data.draw(st.lists(typed[c.kind], min_size=2, max_size=2)), dtypes.get(c.kind)
        )
        for c in FULL
    }
    document = {
        name: array.astype(str).tolist() if array.dtype.kind == "M" else array.tolist()
        for name, array in arrays.items()
    }
    for values in document.values():
        values[:] = [None if pd.isna(v) or v == "NaT" else v for v in values]
    expected = result(lambda: decoder.convert(document))
    found = result(lambda: decoder.accept(arrays))
    # words differ: an array has NaN for null
    if isinstance(found, list):
        found = [said.replace("NaN", "null").replace("the date 'NaT'", "null") for said in found]
    assert found == expected
