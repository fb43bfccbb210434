"""What is learnt of samples of every kind, as the JSON that goes with a version."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import polars as pl
import pytest

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging import inspect_model
from jupyter_deploy.packaging.samples import open_sample
from jupyter_deploy.packaging.samples.pandas import refuse
from jupyter_deploy.serving.signature import Column, Kind, Layout, Output, Signature, Task

DAY = "2026-01-02"
TIMES = pd.to_datetime([DAY, None, "2026-03-04 05:06:07.123456"], format="ISO8601")
DATE = dt.date(2026, 1, 2)
MOMENT = dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC)


def described(sample: Any) -> list[Column]:
    return list(open_sample(sample).columns())


def column(values: Any) -> Column:
    (found,) = described(pd.DataFrame({"c": values}))
    return found


@pytest.mark.parametrize(
    ("values", "about", "span", "categories"),
    [
        ([1.5, 2.5], ("float64", "number", False), (1.5, 2.5), None),
        ([1.5, np.nan, np.inf], ("float64", "number", True), (1.5, 1.5), None),
        ([np.nan, np.nan], ("float64", "number", True), (None, None), None),
        ([3, 1], ("int64", "integer", False), (1, 3), None),
        ([2**53 + 1], ("int64", "integer", False), (2**53 + 1, 2**53 + 1), None),
        (pd.array([3, None], dtype="Int64"), ("Int64", "integer", True), (3, 3), None),
        (pd.array([0.5, None], dtype="Float64"), ("Float64", "number", True), (0.5, 0.5), None),
        ([True, False], ("bool", "boolean", False), (None, None), None),
        (pd.array([True, None], dtype="boolean"), ("boolean", "boolean", True), (None, None), None),
        (["b", "a", "b"], ("str", "string", False), (None, None), ("a", "b")),
        (["b", None], ("str", "string", True), (None, None), ("b",)),
        (pd.array(["b", None], dtype="string"), ("string", "string", True), (None, None), ("b",)),
        (pd.Series(["b", np.nan], dtype=object), ("object", "string", True), (None, None), ("b",)),
        (pd.Series([True, None], dtype=object), ("object", "boolean", True), (None, None), None),
        (pd.Series([1, 2.5, None], dtype=object), ("object", "number", True), (1, 2.5), None),
        (pd.Categorical(["x", "y"]), ("category", "string", False), (None, None), ("x", "y")),
        (
            pd.Categorical(["M", None], categories=["S", "M", "L"]),
            ("category", "string", True),
            (None, None),
            ("S", "M", "L"),
        ),
        (pd.Categorical([2, 1, None], [3, 1, 2]), ("category", "integer", True), (1, 2), (3, 1, 2)),
        ([str(i) for i in range(101)], ("str", "string", False), (None, None), None),
        (
            TIMES,
            ("datetime64[us]", "datetime", True),
            ("2026-01-02T00:00:00", "2026-03-04T05:06:07.123456"),
            None,
        ),
        (
            TIMES.tz_localize("Europe/Oslo"),
            ("datetime64[us, Europe/Oslo]", "datetime", True),
            ("2026-01-02T00:00:00+01:00", "2026-03-04T05:06:07.123456+01:00"),
            None,
        ),
    ],
)
def test_pandas_columns(
    values: Any, about: tuple[str, str, bool], span: Any, categories: Any
) -> None:
    found = column(values)
    assert (found.dtype, found.kind, found.nullable) == about
    assert (found.minimum, found.maximum) == span
    assert found.categories == categories
    share = float(pd.isna(pd.Series(values)).mean())
    assert found.null_share == pytest.approx(share)
    json.dumps(found.minimum)  # no type of numpy's
    assert found.infinite is (
        values == [1.5, np.nan, np.inf] if isinstance(values, list) else False
    )


@pytest.mark.parametrize(
    ("values", "about", "span", "categories"),
    [
        ([1.5, None, float("nan")], ("Float64", "number", True), (1.5, 1.5), None),
        (pl.Series([1, 2], dtype=pl.UInt8), ("UInt8", "integer", False), (1, 2), None),
        ([True, None], ("Boolean", "boolean", True), (None, None), None),
        (["b", "a", None], ("String", "string", True), (None, None), ("a", "b")),
        ([str(i) for i in range(101)], ("String", "string", False), (None, None), None),
        (
            pl.Series(["b", "a"], dtype=pl.Categorical),
            ("Categorical", "string", False),
            (None, None),
            ("a", "b"),
        ),
        (
            pl.Series(["b", None], dtype=pl.Enum(["c", "b", "a"])),
            ("Enum", "string", True),
            (None, None),
            ("c", "b", "a"),
        ),
        ([DATE, None], ("Date", "datetime", True), (DAY, DAY), None),
        (
            [MOMENT],
            ("Datetime(time_unit='us', time_zone='UTC')", "datetime", False),
            ("2026-01-02T03:00:00+00:00",) * 2,
            None,
        ),
        ([None, None], ("Null", "string", True), (None, None), ()),
    ],
)
def test_polars_columns(
    values: Any, about: tuple[str, str, bool], span: Any, categories: Any
) -> None:
    (found,) = described(pl.DataFrame({"c": values}))
    assert (found.dtype, found.kind, found.nullable) == about
    assert (found.minimum, found.maximum) == span
    assert found.categories == categories


def test_columns_of_records_have_the_types_of_their_values() -> None:
    rows = [
        {"n": 1.5, "i": 1, "s": "a", "b": True, "d": DATE, "t": MOMENT},
        {"n": 2, "i": None, "s": "b", "b": False, "d": DATE, "t": None},
    ]
    found = described(rows)
    assert [(c.name, c.dtype, c.kind, c.nullable) for c in found] == [
        ("n", "float", "number", False),
        ("i", "int", "integer", True),
        ("s", "str", "string", False),
        ("b", "bool", "boolean", False),
        ("d", "date", "datetime", False),
        ("t", "datetime", "datetime", True),
    ]
    assert found[0].maximum == 2
    assert found[4].minimum == DAY
    assert found[1].null_share == 0.5


@pytest.mark.parametrize(
    ("array", "dtype", "kinds"),
    [
        (np.ones((2, 2), dtype="float32"), "float32", ["number", "number"]),
        (np.ones((2, 1), dtype="uint8"), "uint8", ["integer"]),
        (np.ones((2, 1), dtype=bool), "bool", ["boolean"]),
        (np.array([["a", "b"]]), "str", ["string", "string"]),
        (np.array([["a", 1.5, None, True]], dtype=object), "object", None),
        (np.array([[DAY]], dtype="datetime64[D]"), "datetime64[D]", ["datetime"]),
    ],
)
def test_arrays(array: Any, dtype: str, kinds: list[str] | None) -> None:
    found = described(array)
    assert [c.name for c in found] == [f"x{i}" for i in range(array.shape[1])]
    assert {c.dtype for c in found} == {dtype}
    assert [c.kind for c in found] == (kinds or ["string", "number", "string", "boolean"])


def test_tensors_have_the_shape_of_one_rows_value() -> None:
    (image,) = described(np.arange(24.0).reshape(2, 3, 4))
    assert (image.name, image.shape, image.kind) == ("input", (3, 4), "number")
    assert (image.minimum, image.maximum) == (0.0, 23.0)
    pair = described({"ids": np.ones((2, 5), dtype="int64"), "length": np.array([5, 3])})
    assert [(c.name, c.shape, c.dtype) for c in pair] == [
        ("ids", (5,), "int64"),
        ("length", (), "int64"),
    ]


def test_shares_and_infinities_are_those_of_all_values() -> None:
    (tensor,) = described(np.array([[[np.nan, 1.0]], [[np.inf, 3.0]]]))
    assert (tensor.null_share, tensor.infinite, tensor.nullable) == (0.25, True, True)
    assert (tensor.minimum, tensor.maximum) == (1.0, 3.0)


def test_complex_arrays_are_refused_as_complex_columns_are() -> None:
    with pytest.raises(SampleError, match="'x0' holds complex values") as caught:
        open_sample(np.ones((2, 1), complex)).columns()
    assert "real and its imaginary part" in caught.value.hint


@pytest.mark.parametrize(
    ("values", "said", "hint"),
    [
        (pd.to_timedelta([1]), "'c' holds durations", "total_seconds"),
        (pd.period_range("2026-01", periods=1, freq="M"), "'c' holds periods", "to_timestamp"),
        (pd.cut([1, 2], 2), "'c' is categorical over intervals", "labels="),
        (pd.interval_range(0, 1), "'c' holds intervals", "astype(str)"),
        (pd.Categorical(pd.to_datetime([DAY])), "categorical over dates", "astype"),
        ([[1, 2]], "'c' holds list values", "np.stack"),
        ([{"a": 1}], "'c' holds dict values", "json_normalize"),
        ([1, "a"], "'c' holds integers and text in one column", "to_numeric"),
        ([1j], "'c' holds complex values", "real and its imaginary"),
        ([b"raw"], "'c' holds bytes values", "decode"),
        ([DATE], "'c' holds Python's date objects", "pd.to_datetime(df['c'])"),
        ([object()], "'c' holds object values", "astype"),
    ],
)
def test_columns_that_json_cannot_carry_are_refused(values: Any, said: str, hint: str) -> None:
    with pytest.raises(SampleError, match=said) as caught:
        column(values)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("dtype", "hint"),
    [
        ("duration[us][pyarrow]", "total_seconds"),
        ("date32[day][pyarrow]", "pd.to_datetime(df['c'])"),
        ("dictionary<values=string, indices=int8, ordered=0>[pyarrow]", "astype('category')"),
    ],
)
def test_dtypes_of_pyarrow_that_pandas_does_not_read_back_are_refused(
    dtype: str, hint: str
) -> None:
    # by their names: pyarrow is not installed here
    with pytest.raises(SampleError, match="Column 'c' holds") as caught:
        refuse("c", dtype)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("values", "said", "hint"),
    [
        ([dt.timedelta(1)], "Duration", "total_microseconds"),
        ([dt.time(1)], "Time", "cast"),
        ([[1, 2]], "List", "to_struct"),
        ([{"a": 1}], "Struct", "unnest"),
        ([b"raw"], "Binary", "cast"),
    ],
)
def test_polars_columns_that_json_cannot_carry_are_refused(
    values: Any, said: str, hint: str
) -> None:
    with pytest.raises(SampleError, match=f"'c' holds {said} values") as caught:
        described(pl.DataFrame({"c": values}))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column named 'a'"),
        (pd.DataFrame([[1, 2]]), "a column named 0, which is no string"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
        ([{"a": 1}, {"a": 2, "b": 3}], "Row 0 of the sample has no 'b', which row 1 has"),
        ([{"a": 1, "b": 2}, {"a": 2}], "Row 1 of the sample has no 'b', which row 0 has"),
        ([{1: 2}], "the key 1, which is no string"),
        ({"a": np.ones((2, 1)), "b": np.ones(3)}, "'b' has 3 rows, and 'a' has 2"),
    ],
)
def test_names_and_rows_that_do_not_fit(frame: Any, said: str) -> None:
    with pytest.raises(SampleError, match=said):
        described(frame)


def test_the_signature_is_strict_json_and_comes_back() -> None:
    frame = pd.DataFrame(
        {
            "n": [np.inf, 1.0, np.nan],
            "i": pd.array([None, 2, 3], dtype="Int64"),
            "s": ["x", None, "y"],
            "b": [True, False, True],
            "t": TIMES,
            "c": pd.Categorical([20, 10, 20], categories=[10, 20, 30]),
        }
    )
    signature = inspect_model(lambda rows: [0.5] * len(rows), frame).signature
    assert signature.example == {
        "n": 1.0,  # JSON has no infinity
        "i": None,
        "s": "x",
        "b": True,
        "t": "2026-01-02T00:00:00",
        "c": 20,
    }
    text = json.dumps(signature.to_json(), allow_nan=False)
    assert Signature.from_json(json.loads(text)) == signature


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        (
            pd.DataFrame({"a": np.array([1, 2], dtype="int8"), "c": pd.Categorical(["x", None])}),
            [{"a": 1, "c": "x"}, {"a": 2, "c": None}],
        ),
        (pl.DataFrame({"a": [1.5, float("nan")]}), [{"a": 1.5}, {"a": None}]),
        (np.array([[1.5, np.nan], [1, 2]]), [{"x0": 1.5, "x1": None}, {"x0": 1.0, "x1": 2.0}]),
        (np.array([[DAY], ["NaT"]], dtype="M8[D]"), [{"x0": DAY}, {"x0": None}]),
        ([{"a": DATE, "b": np.float32(0.5)}], [{"a": DAY, "b": 0.5}]),
        (np.ones((1, 1, 2), dtype="int8"), [{"input": [[1, 1]]}]),
        ({"t": np.array([[DAY]], dtype="M8[s]")}, [{"t": [f"{DAY}T00:00:00"]}]),
    ],
)
def test_records_are_plain_json(sample: Any, expected: Any) -> None:
    opened = open_sample(sample)
    found = opened.records(np.arange(len(opened)))
    assert found == expected
    assert json.loads(json.dumps(found)) == expected


FRAME = pd.DataFrame({"a": [1.0, 2.0], "s": ["x", "y"]})
SAMPLES = {
    "pandas": FRAME,
    "polars": pl.DataFrame({"a": [1.0, None], "s": ["x", ""]}),
    "records": [{"a": 1.0}, {"a": 2.0}],
    "array": np.arange(4.0).reshape(2, 2),
    "objects": np.array([["a", 1], ["b", 2]], dtype=object),
    "tensors": {"a": np.ones((2, 2)), "b": np.array(["x", "y"])},
}


@pytest.mark.parametrize("kind", SAMPLES)
def test_rows_are_taken_as_a_copy_in_the_samples_own_type(kind: str) -> None:
    sample = SAMPLES[kind]
    opened = open_sample(sample)
    taken = opened.take(np.array([1]))
    assert type(taken) is type(sample)
    again = open_sample(taken)
    assert len(again) == 1
    assert again.records(np.arange(1)) == opened.records(np.array([1]))
    before = opened.sha256()
    if isinstance(taken, list):
        taken[0]["a"] = -1.0
    elif isinstance(taken, dict):
        taken["a"][:] = -1.0
    elif isinstance(taken, np.ndarray):
        taken[:] = -1.0
    assert opened.sha256() == before


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_samples_hash_sees_every_value(kind: str) -> None:
    opened = open_sample(SAMPLES[kind])
    whole = np.arange(len(opened))
    assert open_sample(opened.take(whole)).sha256() == opened.sha256()
    assert open_sample(opened.take(whole[::-1])).sha256() != opened.sha256()
    assert open_sample(opened.take(whole[:1])).sha256() != opened.sha256()


def test_the_samples_hash_sees_names_types_and_shapes() -> None:
    def hashed(sample: Any) -> str:
        return open_sample(sample).sha256()

    assert hashed(FRAME) != hashed(FRAME.rename(columns={"a": "b"}))
    assert hashed(FRAME) != hashed(FRAME.astype({"a": "float32"}))
    assert hashed(np.ones((2, 1))) != hashed(np.ones((1, 2)))
    polars = SAMPLES["polars"]
    assert hashed(polars) != hashed(polars.with_columns(s=pl.Series(["x", None])))


def test_the_page_names_every_field_kind_and_layout() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "samples.md").read_text()
    signature, column, output = page.split("One of `")
    for part, described in ((signature, Signature), (column, Column), (output, Output)):
        missing = [f.name for f in fields(described) if f"`{f.name}`" not in part]
        assert missing == []
    words = [*get_args(Kind), *get_args(Layout), *get_args(Task), "schema_version"]
    assert [word for word in words if f"`{word}`" not in page] == []
