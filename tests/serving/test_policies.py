"""Each check with each policy it has, on every way into a model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.serving.engines.rows import NativeRows
from jupyter_deploy.serving.inputs.decode import Decoder
from jupyter_deploy.serving.policies import CHECKS
from jupyter_deploy.serving.problems import Cell, InvalidInput
from jupyter_deploy.serving.signature import Column, Signature
from tests.serving.asgi import Served
from tests.serving.packs import column, native, signature
from tests.serving.test_decode import matrix, separate

INF = math.inf

NUMBER = column("a", minimum=0.0, maximum=10.0)
NULLABLE = replace(NUMBER, nullable=True, null_share=0.5)
UNBOUNDED = replace(NUMBER, infinite=True)
INTEGER = column("a", "int64", minimum=1, maximum=9)
BOOLEAN = column("a", "bool")
TEXT = column("a", "object", categories=("x", "y"))
DAY = column(
    "a", "datetime64[ns]", kind="datetime", minimum="2024-01-01", maximum="2024-12-31T12:00:00"
)
#: Stands beside the tested one, and is always right.
OTHER = column("b")


@dataclass(frozen=True)
class Refused:
    """What an answer says of the value."""

    got: str
    expected: str
    row: int | None = 1
    column: str | None = "a"


@dataclass(frozen=True)
class Case:
    """A value in row 1 of column ``a``, and what becomes of it."""

    check: str
    policy: str
    column: Column
    value: Any
    becomes: Any

    def __str__(self) -> str:
        return f"{self.check}={self.policy} {self.column.kind} {self.value!r:.20}"


CASES = [
    Case("type", "reject", NUMBER, "1.5", Refused("the string '1.5'", "a number")),
    Case("type", "reject", NUMBER, True, Refused("true", "a number")),
    Case("type", "reject", INTEGER, 1.5, Refused("the number 1.5", "an integer")),
    # written by a client that knows only floats
    Case("type", "reject", INTEGER, 3.0, 3),
    Case("type", "reject", INTEGER, "3", Refused("the string '3'", "an integer")),
    Case("type", "reject", BOOLEAN, 1, Refused("the number 1", "true or false")),
    Case("type", "reject", TEXT, 1, Refused("the number 1", "a string")),
    Case("type", "reject", DAY, 20240131, Refused("the number 20240131", "a date and time")),
    Case("type", "reject", DAY, "soon", Refused("the string 'soon'", "a date and time without")),
    Case("type", "coerce", NUMBER, " 1.5e0 ", 1.5),
    Case("type", "coerce", NUMBER, ".5", 0.5),
    Case("type", "coerce", NUMBER, True, 1.0),
    Case("type", "coerce", NUMBER, "1_0", Refused("the string '1_0'", "a number")),
    Case("type", "coerce", NUMBER, "one", Refused("the string 'one'", "a number")),
    Case("type", "coerce", NUMBER, "9" * 401, Refused("the string", "a number")),
    Case("type", "coerce", NUMBER, "1e999", Refused("the string '1e999'", "a number")),
    Case("type", "coerce", NUMBER, [1], Refused("an array of 1 value", "a number")),
    Case("type", "coerce", NULLABLE, "NaN", None),
    Case("type", "coerce", INTEGER, "3", 3),
    Case("type", "coerce", INTEGER, "3.0", 3),
    Case("type", "coerce", INTEGER, "3.5", Refused("the string '3.5'", "an integer")),
    Case("type", "coerce", INTEGER, str(2**63), Refused("the string", "an integer from -92")),
    Case("type", "coerce", BOOLEAN, 0, False),
    Case("type", "coerce", BOOLEAN, "True", True),
    Case("type", "coerce", BOOLEAN, 2, Refused("the number 2", "true or false")),
    Case("type", "coerce", BOOLEAN, "yes", Refused("the string 'yes'", "true or false")),
    Case("type", "coerce", TEXT, 1, "1"),
    Case("type", "coerce", TEXT, 1.5, "1.5"),
    # Python says True and JSON true: who knows which the model has learnt
    Case("type", "coerce", TEXT, True, Refused("true", "a string")),
    Case("type", "coerce", DAY, "2024-01-31T12:00:00+02:00", np.datetime64("2024-01-31T10")),
    Case("null", "reject", NUMBER, None, Refused("null", "a number")),
    Case("null", "reject", NULLABLE, None, None),
    Case("null", "reject", TEXT, None, Refused("null", "a string")),
    Case("null", "pass", NUMBER, None, None),
    Case("null", "pass", INTEGER, None, Refused("null", "an integer")),
    Case("null", "pass", BOOLEAN, None, Refused("null", "true or false")),
    Case("null", "pass", TEXT, None, Refused("null", "a string")),
    Case("null", "pass", DAY, None, None),
    Case("infinite", "reject", NUMBER, INF, Refused("infinity", "a number, finite")),
    Case("infinite", "reject", NUMBER, -INF, Refused("minus infinity", "a number, finite")),
    Case("infinite", "reject", UNBOUNDED, INF, INF),
    Case("infinite", "coerce", NUMBER, INF, None),
    Case("infinite", "pass", NUMBER, -INF, -INF),
    Case("infinite", "pass", INTEGER, INF, Refused("infinity", "an integer")),
    Case("category", "pass", TEXT, "z", "z"),
    Case("category", "reject", TEXT, "x", "x"),
    Case("category", "reject", TEXT, "z", Refused("the string 'z'", "one of 'x', 'y'")),
    Case("category", "coerce", TEXT, "z", Refused("the string 'z'", "one of 'x'")),
    Case("range", "pass", NUMBER, 11, 11.0),
    Case("range", "reject", NUMBER, 10, 10.0),
    Case(
        "range", "reject", NUMBER, 11, Refused("the number 11", "a number from 0 to 10, as in the")
    ),
    Case("range", "reject", NULLABLE, None, None),
    Case("range", "reject", INTEGER, 0, Refused("the number 0", "an integer from 1 to 9, as in")),
    Case(
        "range",
        "reject",
        DAY,
        "2025-01-01",
        Refused("the date '2025-01-01T00:00:00.000000000'", "a date and time without an offset"),
    ),
    Case("range", "coerce", NUMBER, -3, 0.0),
    Case("range", "coerce", NUMBER, 1e30, 10.0),
    Case("range", "coerce", NUMBER, 4, 4.0),
    Case("range", "coerce", INTEGER, 77, 9),
    Case("range", "coerce", DAY, "2030-01-01", np.datetime64("2024-12-31T12")),
]
GOOD = {"number": 1.25, "integer": 2, "boolean": True, "string": "y", "datetime": "2024-02-01"}


def with_policies(case: Case, whole: bool, columns: tuple[Column, ...]) -> Signature:
    """The policy for the whole signature, or for the one column."""
    if whole:
        return replace(signature(*columns), policies={case.check: case.policy})
    own = replace(columns[0], policies={case.check: case.policy})
    return signature(own, *columns[1:])


def native_column(frame: Any) -> list[Any]:
    if isinstance(frame, np.ndarray):  # of floats only: the engine makes the DataFrame of it
        return matrix_column(frame)
    return [_plain(v) for v in frame["a"].tolist()]


def tensor_column(columns: Any) -> list[Any]:
    return [_plain(v) for v in columns[0]]


def matrix_column(array: Any) -> list[Any]:
    return [_plain(v) for v in array[:, 0].tolist()]


def _plain(value: Any) -> Any:
    if isinstance(value, int) and len(str(value)) > 15:  # nanoseconds
        return np.datetime64(value, "ns")
    if hasattr(value, "asm8"):
        value = value.asm8
    return None if pd.isna(value) else value


Way = tuple[Callable[[Signature], Any], Callable[[Any], list[Any]]]
WAYS: dict[str, Way] = {
    "float matrix": (lambda sig: matrix(*sig.inputs), matrix_column),
    "double matrix": (lambda sig: matrix(*sig.inputs, dtype=np.float64), matrix_column),
    "tensors": (lambda sig: separate(*sig.inputs), tensor_column),
    "native": (NativeRows, native_column),
}
#: What a matrix of floats can't carry, and what no tensor does.
APPLIES = {
    "float matrix": ("number", "integer"),
    "double matrix": ("number", "integer"),
    "tensors": ("number", "integer", "boolean", "string"),
    "native": ("number", "integer", "boolean", "string", "datetime"),
}
TABLE = [
    pytest.param(case, way, id=f"{case} {way}")
    for case in CASES
    for way, kinds in APPLIES.items()
    if case.column.kind in kinds
]


def outcome(decode: Callable[[], tuple[Any, int]], read: Callable[[Any], list[Any]]) -> Any:
    try:
        batch, rows = decode()
    except InvalidInput as problem:
        return problem.cells[0]
    values = read(batch)
    assert rows == len(values) == 2
    return values[1]


def same(found: Any, case: Case, way: str) -> None:
    """Hold what was found against the table."""
    floats = "matrix" in way
    wanted = case.becomes
    if way == "native" and isinstance(wanted, Refused) and case.column.kind == "string":
        # a DataFrame has a null for text
        wanted = None if case.policy != "reject" and case.check != "type" else wanted
    if floats and (case.check, case.policy) == ("null", "pass"):
        wanted = None  # integers too are floats there
    if isinstance(wanted, Refused):
        assert isinstance(found, Cell), found
        assert (found.row, found.column) == (wanted.row, wanted.column)
        # arrays say it so
        assert found.got.startswith(wanted.got) or (found.got, wanted.got) == ("NaN", "null")
        assert found.expected.startswith(wanted.expected)
    elif isinstance(wanted, float) and floats:
        assert found == np.float32(wanted)
    else:
        assert found == wanted
        assert isinstance(found, bool) == isinstance(wanted, bool)


@pytest.mark.parametrize("whole", [True, False], ids=["signature", "column"])
@pytest.mark.parametrize(("case", "way"), TABLE)
def test_documents(case: Case, way: str, whole: bool) -> None:
    make, read = WAYS[way]
    sig = with_policies(case, whole, (case.column, OTHER))
    decoder = Decoder(make(sig), sig)
    good = GOOD[case.column.kind]
    rows: list[Any] = [[good, 1.5], [case.value, 2.5]]
    for document in (
        rows,
        [{"a": a, "b": b} for a, b in rows],
        {"a": [a for a, _ in rows], "b": [b for _, b in rows]},
    ):
        same(outcome(lambda d=document: decoder.convert(d), read), case, way)
        if not isinstance(case.value, float) or math.isfinite(case.value):
            body = json.dumps(document).encode()
            same(outcome(lambda b=body: decoder.decode(b), read), case, way)


@pytest.mark.parametrize(("case", "way"), TABLE)
def test_arrays(case: Case, way: str) -> None:
    make, read = WAYS[way]
    sig = with_policies(case, True, (case.column, OTHER))
    decoder = Decoder(make(sig), sig)
    values: Any = np.empty(2, dtype=object)
    values[:] = [GOOD[case.column.kind], case.value]
    # as a client would type it; what has no type of numpy's stays an array of objects
    kinds = {type(v) for v in values}
    if case.value is None and case.column.kind == "number":
        values = values.astype(np.float64)
    elif kinds <= {int, float} or kinds == {bool}:
        values = np.array(values.tolist())
    arrays = {"a": values, "b": np.array([[1.5], [2.5]])}
    same(outcome(lambda: decoder.accept(arrays), read), case, way)
    if values.dtype.kind in "fi":
        numbers = np.stack([values.astype(np.float64), np.array([1.5, 2.5])], axis=1)
        same(outcome(lambda: decoder.accept_matrix(numbers), read), case, way)


def test_every_policy_of_every_check_of_a_column_is_in_the_table() -> None:
    tested = {(case.check, case.policy) for case in CASES}
    allowed = {(n, p) for n, check in CHECKS.items() for p in check.allowed if check.column}
    assert allowed - tested == {("missing", "reject"), ("missing", "coerce")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("document", [{"a": [1.5, 2.5]}, [{"a": 1.5}, {"a": 2.5}]])
def test_missing(way: str, document: Any) -> None:
    make, read = WAYS[way]
    sig = signature(OTHER, column("a"))
    with pytest.raises(InvalidInput) as caught:
        Decoder(make(sig), sig).convert(document)
    assert caught.value.cells[0].column == "b"
    assert caught.value.cells[0].got.startswith("nothing")
    sig = replace(signature(column("a"), OTHER), policies={"missing": "coerce"})
    decoder = Decoder(make(sig), sig)
    for batch, rows in (decoder.convert(document), decoder.decode(json.dumps(document).encode())):
        assert rows == 2
        assert read(batch) == [1.5, 2.5]
        second = batch[1] if way == "tensors" else batch[:, 1]
        assert [_plain(v) for v in second] == [None, None]
    batch, _ = decoder.accept({"a": np.array([1.5, 2.5])})
    assert read(batch) == [1.5, 2.5]


def test_a_missing_integer_has_no_null_to_be() -> None:
    sig = replace(signature(column("a", "int64"), OTHER), policies={"missing": "coerce"})
    for target in (separate(*sig.inputs), NativeRows(sig)):
        with pytest.raises(InvalidInput) as caught:
            Decoder(target, sig).convert([{"b": 1}])
        assert (caught.value.cells[0].row, caught.value.cells[0].column) == (0, "a")


@pytest.mark.parametrize("way", WAYS)
def test_extra(way: str) -> None:
    make, read = WAYS[way]
    document = [{"a": 1.5, "z": {"y": []}, "b": 1}, {"b": 1, "a": 2.5}]
    columns = {"a": [1.5, 2.5], "b": [1, 1], "z": [None, "x"]}
    arrays = {name: np.array(values) for name, values in columns.items()}
    sig = signature(column("a"), OTHER)
    decoder = Decoder(make(sig), sig)
    for call, row in (
        (lambda: decoder.convert(document), 0),
        (lambda: decoder.convert(columns), None),
        (lambda: decoder.accept(arrays), None),
    ):
        with pytest.raises(InvalidInput) as caught:
            call()
        [cell] = caught.value.cells
        assert (cell.row, cell.column, cell.got) == (row, "z", "an unknown column")
    sig = replace(sig, policies={"extra": "pass"})
    decoder = Decoder(make(sig), sig)
    for batch, rows in (
        decoder.convert(document),
        decoder.decode(json.dumps(document).encode()),
        decoder.convert(columns),
        decoder.accept(arrays),
    ):
        assert rows == 2
        assert read(batch) == [1.5, 2.5]
    # an array that is left out doesn't make columns of one record
    for one in ({"a": 1.5, "b": 1, "z": [1, 2]}, {"z": [[1]], "b": 1, "a": 1.5}):
        batch, rows = decoder.convert(one)
        assert (read(batch), rows) == ([1.5], 1)


def test_columns_that_are_all_unknown_are_not_one_row_of_nulls(tmp_path: Path) -> None:
    sig = replace(signature(column("a")), policies={"extra": "pass", "missing": "coerce"})
    served = Served(tmp_path, (sig, native(lambda rows: rows["a"]), [{"a": 1.5}]), "native")
    tensor = {"name": "z", "datatype": "FP64", "shape": [2], "data": [1, 2]}
    for path, body, kind in (
        ("/predict", b'{"z": [1, 2]}', "application/json"),
        ("/invocations", b"z\n1\n2\n", "text/csv"),
        ("/invocations", b'{"inputs": {"z": [1, 2]}}', "application/json"),
        ("/v2/models/churn/infer", json.dumps({"inputs": [tensor]}).encode(), "application/json"),
    ):
        answer = served.call("POST", path, body, content_type=kind)
        assert answer.status_code in (400, 422), (path, answer.text)


@pytest.mark.parametrize("way", WAYS)
def test_empty(way: str) -> None:
    make, _ = WAYS[way]
    sig = signature(column("a"), OTHER)
    none = np.empty(0)
    strict = Decoder(make(sig), sig)
    passing = replace(sig, policies={"empty": "pass"})
    lax = Decoder(make(passing), passing)
    for decode in (
        lambda decoder: decoder.decode(b"[]"),
        lambda decoder: decoder.decode(b'{"a": [], "b": []}'),
        lambda decoder: decoder.accept({"a": none, "b": none}),
        lambda decoder: decoder.accept_matrix(np.empty((0, 2))),
    ):
        with pytest.raises(InvalidInput) as caught:
            decode(strict)
        assert caught.value.cells[0].expected == "at least one row"
        assert decode(lax) == (None, 0)


@pytest.mark.parametrize("way", WAYS)
def test_max_rows(way: str) -> None:
    make, _ = WAYS[way]
    sig = replace(signature(column("a"), OTHER), max_rows=3)
    decoder = Decoder(make(sig), sig)

    def ways(rows: int) -> list[Callable[[], tuple[Any, int]]]:
        values = [1.5] * rows
        column_arrays = {"a": np.array(values), "b": np.array(values)}
        documents: list[Any] = [
            [[1.5, 1]] * rows,
            [{"a": 1.5, "b": 2}] * rows,
            {"a": values, "b": values},
        ]
        return [
            *(lambda d=d: decoder.convert(d) for d in documents),
            *(lambda d=d: decoder.decode(json.dumps(d).encode()) for d in documents),
            lambda: decoder.accept(column_arrays),
            lambda: decoder.accept_matrix(np.ones((rows, 2))),
            lambda: decoder.convert([["1", "2"]] * rows, lenient=True),
        ]

    assert [call()[1] for call in ways(3)] == [3] * 9
    for call in ways(4):
        with pytest.raises(InvalidInput, match="got 4 rows, expected at most 3 rows"):
            call()


def test_a_column_of_its_own_policy() -> None:
    """One for all and another for a column: the column's holds."""
    own = replace(NUMBER, policies={"range": "coerce"})
    second = replace(NUMBER, name="b")
    sig = replace(signature(own, second), policies={"range": "reject"})
    for target in (matrix(*sig.inputs), separate(*sig.inputs)):
        decoder = Decoder(target, sig)
        batch, _ = decoder.convert([[99, 5]])
        assert np.ravel(batch).tolist() == [10, 5]
        with pytest.raises(InvalidInput) as caught:
            decoder.convert([[5, 99]])
        assert [c.column for c in caught.value.cells] == ["b"]


def test_the_default_policies_add_no_step_to_the_fast_way() -> None:
    plain = signature(NUMBER, replace(NUMBER, name="b"))
    decoder = Decoder(matrix(*plain.inputs), plain)
    assert decoder._matrix is not None
    assert decoder._matrix._plain
    strict = replace(plain, policies={"range": "reject"})
    decoder = Decoder(matrix(*strict.inputs), strict)
    assert decoder._matrix is not None
    assert not decoder._matrix._plain


def test_lenient_text_as_csv_has_it() -> None:
    columns = (NULLABLE, replace(INTEGER, name="i"), replace(BOOLEAN, name="t"))
    columns += (replace(TEXT, name="s"), replace(TEXT, name="u", nullable=True))
    columns += (replace(DAY, name="d", nullable=True),)
    sig = signature(*columns)
    decoder = Decoder(NativeRows(sig), sig)
    frame, rows = decoder.convert(
        {
            "a": ["1.5", ""],
            "i": [" 3", "4.0"],
            "t": ["TRUE", "0"],
            "s": ["x", ""],
            "u": ["x", ""],
            "d": ["2024-01-31", ""],
        },
        lenient=True,
    )
    assert rows == 2
    assert [_plain(v) for v in frame["a"]] == [1.5, None]
    assert frame["i"].tolist() == [3, 4]
    assert frame["t"].tolist() == [True, False]
    # empty text is text where there is no null
    assert frame["s"].tolist() == ["x", ""]
    assert frame["u"].tolist() == ["x", None]
    assert frame["d"].isna().tolist() == [False, True]
    with pytest.raises(InvalidInput) as caught:
        decoder.convert([["", "", "", "", "", ""]], lenient=True)
    assert [c.column for c in caught.value.cells] == ["i", "t"]
    with pytest.raises(InvalidInput):
        decoder.convert([["1", "3", "true", "x", "x", "2024-01-31"]])


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "choose-what-is-refused.md"


@pytest.mark.parametrize("name", CHECKS)
def test_the_page_says_of_a_check_what_the_table_says(name: str) -> None:
    check = CHECKS[name]
    line = next(row for row in PAGE.read_text().splitlines() if row.startswith(f"| `{name}` |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1:] == [check.meaning, f"`{check.default}`", check.coerce, check.passed]


def test_the_answer_on_the_page_is_the_one_that_is_given() -> None:
    request, answer = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    columns = (
        column("income", minimum=21.5, maximum=78.25),
        column("age", "int64", minimum=18, maximum=89, policies={"range": "coerce"}),
        column("plan", "category", categories=("free", "pro")),
    )
    sig = replace(signature(*columns), policies={"range": "reject", "category": "reject"})
    decoder = Decoder(NativeRows(sig), sig)
    with pytest.raises(InvalidInput) as caught:
        decoder.decode(request.encode())
    expected = json.loads(answer)
    assert caught.value.document(expected["request_id"]) == expected
    frame, _ = decoder.convert(json.loads(request)[:1])
    assert frame["age"].tolist() == [89]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (9.0, "a number from 0 to 5, as in the sample"),
        (1e39, "a number from -3.40282e+38 to 3.40282e+38"),
        ("2", "a number"),
    ],
)
def test_what_is_expected_of_a_value_in_a_tensor(value: Any, expected: str) -> None:
    tensor = column("input", "float32", shape=(2,), minimum=0.0, maximum=5.0)
    sig = replace(signature(tensor, layout="tensors"), policies={"range": "reject"})
    with pytest.raises(InvalidInput) as caught:
        Decoder(NativeRows(sig), sig).convert([{"input": [1, value]}])
    [cell] = caught.value.cells
    assert (cell.row, cell.expected) == (0, expected)
    assert cell.got.endswith(" at [1]")
