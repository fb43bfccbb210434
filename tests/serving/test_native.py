"""What Python code is called with: the sample's own type, to the dtype."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.multioutput import MultiOutputClassifier

from jupyter_deploy.packaging.samples import open_sample
from jupyter_deploy.serving.engines.rows import NativeRows, count_rows
from jupyter_deploy.serving.inputs.decode import Decoder
from jupyter_deploy.serving.problems import InvalidInput
from jupyter_deploy.serving.runtime import Runtime
from jupyter_deploy.serving.signature import Output, Signature
from tests.serving.packs import column, native, pack, signature

ROWS = np.arange(3)
ZURICH = "Europe/Zurich"


def learnt(data: Any) -> Signature:
    """The signature of a sample, as packaging learns it."""
    sample = open_sample(data)
    return replace(signature(*sample.columns(), layout=sample.layout))


def through(data: Any) -> Any:
    """Send the rows of a sample as JSON, and return what the model would be called with."""
    records = open_sample(data).records(np.arange(count_rows(data)))
    sig = learnt(data)
    rows = NativeRows(sig)
    decoder = Decoder(rows, sig)
    body = json.dumps(records).encode()
    batch, count = decoder.decode(body)
    assert count == count_rows(data)
    made = rows.rows(batch)
    # the thorough way makes the very same
    slow, _ = decoder._thorough(records, decoder.rules)
    _same(rows.rows(slow), made)
    return made


def _same(one: Any, other: Any) -> None:
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, pl.DataFrame):
        assert one.equals(other)
        assert one.schema == other.schema
    elif isinstance(one, dict):
        assert list(one) == list(other)
        for name, array in one.items():
            _same(array, other[name])
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other
        assert repr(one) == repr(other)


DAYS = ["2024-01-31 12:30:00.123456", "1999-12-31", "2038-01-19 03:14:08"]
COLUMNS: dict[str, Any] = {
    "float64": [1.5, 2.5, -0.0],
    "float64 with null": [1.5, np.nan, 2.5],
    "float32": np.array([1.5, 2.5, 0.1], "float32"),
    "int8": np.array([-128, 0, 127], "int8"),
    "uint64": np.array([0, 1, 2**64 - 1], "uint64"),
    "int64": np.array([-(2**63), 0, 2**63 - 1]),
    "bool": [True, False, True],
    "Int64": pd.array([1, None, 3], "Int64"),
    "UInt8": pd.array([1, None, 255], "UInt8"),
    "Float64": pd.array([1.5, None, 3], "Float64"),
    "Float32": pd.array([1.5, None, 3], "Float32"),
    "boolean": pd.array([True, None, False], "boolean"),
    "string": pd.array(["a", None, "c"], "string"),
    "str": pd.array(["a", None, "c"], "str"),
    "object": np.array(["a", None, "c"], object),
    "objects that are numbers": np.array([1, 2.5, 3], object),
    "category": pd.Categorical(["b", "a", None], categories=["c", "b", "a"]),
    "ordered category": pd.Categorical(["b", "a", None], categories=["b", "a"], ordered=True),
    "category of integers": pd.Categorical([3, 1, 3], categories=[3, 2, 1]),
    "category of booleans": pd.Categorical([True, False, True], categories=[True, False]),
    "category of floats": pd.Categorical([0.5, 1.0, None], categories=[1.0, 0.5]),
    "category of 300": pd.Categorical(["v1", "v9", "v299"], [f"v{i}" for i in range(300)]),
    "datetime64[ns]": pd.to_datetime(DAYS, format="ISO8601").astype("datetime64[ns]"),
    "datetime64[us]": pd.to_datetime(DAYS, format="ISO8601").astype("datetime64[us]"),
    "datetime64[s]": pd.DatetimeIndex(["2024-01-31", None, "9999-12-31"]).astype("datetime64[s]"),
    "datetime with nanoseconds": pd.DatetimeIndex(["2024-01-31T12:00:00.123456789", None, None]),
    "datetime64[ns, UTC]": pd.to_datetime(DAYS, format="ISO8601", utc=True),
    "datetime of a zone": pd.to_datetime(DAYS, format="ISO8601", utc=True).tz_convert(ZURICH),
    "datetime of an offset": pd.to_datetime(DAYS, format="ISO8601", utc=True).tz_convert("+05:30"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_a_dataframe(name: str) -> None:
    frame = pd.DataFrame({name: COLUMNS[name]})
    pd.testing.assert_frame_equal(through(frame), frame, check_freq=False)


def test_columns_of_all_dtypes_in_one_dataframe() -> None:
    """Put together from blocks, they stand in their own order again."""
    twice = {f"{name} {k}": values for k in (2, 1) for name, values in COLUMNS.items()}
    frame = pd.DataFrame(twice)
    made = through(frame)
    pd.testing.assert_frame_equal(made, frame, check_freq=False)
    assert list(made.columns) == list(twice)
    one = frame.iloc[[1]].reset_index(drop=True)
    sig = learnt(frame)
    rows = NativeRows(sig)
    batch, _ = Decoder(rows, sig).convert(open_sample(frame).records(np.array([1])))
    pd.testing.assert_frame_equal(rows.rows(batch), one, check_freq=False)


def test_a_dataframe_of_floats_is_the_codes_own() -> None:
    """The user's code may write into it, though a body was packed into it."""
    made = through(pd.DataFrame({"a": [1.5], "b": [2.5]}))
    made.loc[0, "b"] = 7
    assert made.to_numpy().tolist() == [[1.5, 7]]
    array = through(np.array([[1.5, 2.5]]))
    array[0, 0] = 9
    tensor = through({"t": np.array([[1.5, 2.5]])})
    tensor["t"][0, 0] = 9
    assert tensor["t"].tolist() == [[9, 2.5]]
    assert array.tolist() == [[9, 2.5]]


POLARS: dict[str, Any] = {
    "Float64": pl.Series([1.5, None, 2.5]),
    "Float32": pl.Series([1.5, 0.1, 2.5], dtype=pl.Float32),
    "Int8": pl.Series([1, -128, 127], dtype=pl.Int8),
    "Int64": pl.Series([1, None, 2**63 - 1]),
    "UInt64": pl.Series([1, 0, 2**64 - 1], dtype=pl.UInt64),
    "Boolean": pl.Series([True, None, False]),
    "String": pl.Series(["a", None, "c"]),
    "Categorical": pl.Series(["b", None, "a"], dtype=pl.Categorical),
    "Enum": pl.Series(["b", None, "a"], dtype=pl.Enum(["c", "b", "a"])),
    "Date": pl.Series([date(2024, 1, 31), None, date(1, 1, 1)]),
    "Datetime us": pl.Series([datetime(2024, 1, 31, 12, 30, 0, 123456), None, None]),
    "Datetime ms": pl.Series([datetime(2024, 1, 31)] * 3, dtype=pl.Datetime("ms")),
    "Datetime zone": pl.Series([datetime(2024, 1, 31, tzinfo=UTC)] * 3).dt.convert_time_zone(
        ZURICH
    ),
    "Null": pl.Series([None, None, None]),
}


@pytest.mark.parametrize("name", POLARS)
def test_a_column_of_a_polars_frame(name: str) -> None:
    frame = pl.DataFrame({name: POLARS[name], "other": [1.0, 2.0, 3.0]})
    made = through(frame)
    assert made.schema == frame.schema
    assert made.equals(frame)
    alone = frame.select(name)
    made = through(alone)
    assert made.schema == alone.schema
    assert made.equals(alone)


def test_an_enum_takes_no_other_value() -> None:
    frame = pl.DataFrame({"e": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"]))})
    sig = learnt(frame)
    with pytest.raises(InvalidInput, match="row 1, column 'e': got the string 'z', expected one"):
        Decoder(NativeRows(sig), sig).convert([["a"], ["z"]])


def test_records() -> None:
    rows: list[dict[str, Any]] = [
        {"f": 1.0, "i": 3, "t": True, "s": "x", "n": None, "d": date(2024, 1, 31)},
        {"f": 2.5, "i": 10**18, "t": False, "s": "", "n": 1.5, "d": date(1999, 1, 1)},
    ]
    assert repr(through(rows)) == repr(rows)
    moments = [{"m": datetime(2024, 1, 31, 12, 30)}, {"m": datetime(2024, 1, 31, 0, 0, 0, 1)}]
    assert through(moments) == moments
    aware = [{"m": datetime(2024, 1, 31, 12, 30, tzinfo=UTC)}]
    assert through(aware) == aware
    # an integer for a number is the float that it was in the sample
    sig = learnt(rows)
    sent = {"f": 3, "i": 3, "t": True, "s": "x", "n": None, "d": "2024-01-31"}
    [made], _ = Decoder(NativeRows(sig), sig).convert(sent)
    assert repr(made["f"]) == "3.0"


ARRAYS: dict[str, Any] = {
    "float64": np.array([[1.5, np.nan], [3, 4]]),
    "float16": np.array([[1.5, 2], [3, 4]], "float16"),
    "int32": np.array([[1, 2], [3, 4]], "int32"),
    "bool": np.array([[True, False]]),
    "str": np.array([["a", "longer"], ["", "x"]]),
    "object": np.array([["a", "b"], ["c", "d"]], object),
    "datetime64[D]": np.array([["2024-01-31", "1999-01-01"]], "M8[D]"),
    "datetime64[ns]": np.array([["2024-01-31T12:00", "NaT"]], "M8[ns]"),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array(name: str) -> None:
    made = through(ARRAYS[name])
    assert made.dtype == ARRAYS[name].dtype
    np.testing.assert_array_equal(made, ARRAYS[name])
    assert made.flags.c_contiguous


TENSORS: dict[str, Any] = {
    "one array": np.arange(24.0).reshape(2, 3, 4).astype("float32"),
    "integers": np.arange(24).reshape(2, 3, 4).astype("uint8"),
    "booleans": np.array([[[True, False]]]),
    "several": {"image": np.ones((2, 2, 2), "float32"), "length": np.array([1, 2], "int32")},
    "text": {"words": np.array([["a", "bc"], ["", "d"]]), "x": np.array([[1.5], [2.5]])},
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors(name: str) -> None:
    _same(through(TENSORS[name]), TENSORS[name])


def test_every_form_of_a_body_of_one_tensor() -> None:
    array = np.arange(12.0).reshape(2, 3, 2)
    sig = learnt(array)
    rows = NativeRows(sig)
    decoder = Decoder(rows, sig)
    nested = array.tolist()
    for document in (
        nested,
        [[value] for value in nested],
        [{"input": value} for value in nested],
        {"input": nested},
    ):
        batch, count = decoder.convert(document)
        assert count == 2
        np.testing.assert_array_equal(rows.rows(batch), array)
    # one record, of one value
    batch, count = decoder.convert({"input": nested[0]})
    assert count == 1
    np.testing.assert_array_equal(batch, array[:1])
    batch, _ = decoder.accept({"input": array})
    np.testing.assert_array_equal(batch, array)
    batch, _ = decoder.accept_matrix(array)
    np.testing.assert_array_equal(batch, array)


@pytest.mark.parametrize(
    ("value", "got", "expected"),
    [
        ([[1, 2], [3, 4]], "an array of 2 x 2", "an array of 3 x 2, of number each"),
        ([1, 2, 3], "an array of 3", "an array of 3 x 2"),
        ([[1, 2], [3], [5, 6]], "an array of 3 x 2", "an array of 3 x 2"),
        ("x", "the string 'x'", "an array of 3 x 2"),
        ([[1, 2], [3, "x"], [5, 6]], "the string 'x' at [1, 1]", "a number"),
        ([[1, 2], [3, None], [5, 6]], "null at [1, 1]", "a number"),
        ([[1, 2], [3, 1e39], [5, 6]], "the number 1e+39 at [1, 1]", "a number"),
    ],
)
def test_a_tensor_that_is_wrong_somewhere(value: Any, got: str, expected: str) -> None:
    sig = signature(column("t", "float32", shape=(3, 2)), layout="tensors")
    good = [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(InvalidInput) as caught:
        Decoder(NativeRows(sig), sig).convert([{"t": good}, {"t": value}])
    [cell] = caught.value.cells
    assert (cell.row, cell.column, cell.got) == (1, "t", got)
    assert cell.expected.startswith(expected)


def test_a_length_that_varies_is_one_in_a_request() -> None:
    sig = signature(column("t", "int64", shape=(-1,)), layout="tensors")
    decoder = Decoder(NativeRows(sig), sig)
    for size in (1, 5):
        batch, rows = decoder.decode(json.dumps({"t": [[1] * size] * 2}).encode())
        assert (rows, batch["t"].shape) == (2, (2, size))
    with pytest.raises(InvalidInput) as caught:
        decoder.convert({"t": [[1, 2], [1, 2, 3]]})
    assert caught.value.cells[0].row == 1
    assert caught.value.cells[0].expected.endswith("here 2, as row 0 has")


def test_unknown_categories_are_categories_too() -> None:
    sig = learnt(pd.DataFrame({"c": pd.Categorical(["a"], categories=["b", "a"])}))
    made, _ = Decoder(NativeRows(sig), sig).convert([["a"], ["z"], ["b"]])
    assert made["c"].tolist() == ["a", "z", "b"]
    assert made["c"].cat.categories.tolist() == ["b", "a", "z"]


@pytest.mark.parametrize(
    ("text", "dtype", "expected"),
    [
        ("1677-01-01", "datetime64[ns]", "from 1677-09-22 to 2262-04-11"),
        ("2262-12-31T00:00:00", "datetime64[ns]", "from 1677-09-22 to 2262-04-11"),
        ("2024-01-31T00:00:00.5", "datetime64[s]", "and in whole seconds"),
        ("2024-01-31T00:00:00.1234567", "datetime64[us]", "and in microseconds"),
        ("2024-02-30", "datetime64[ns]", "a date and time without an offset"),
        ("2024-01-31T24:00:00", "datetime64[ns]", "a date and time without"),
        ("2024-01-31T12:00:60", "datetime64[ns]", "a date and time without"),
        ("2024-01-31T12:00Z", "datetime64[ns]", "a date and time without an offset"),
        ("2024-01-31T12:00", "datetime64[ns, UTC]", "a date and time with its offset"),
        ("2024-01-31", "datetime64[ns, UTC]", "a date and time with its offset"),
        ("2024-01-31T12:00+24:00", "datetime64[ns, UTC]", "a date and time with its offset"),
        ("0000-01-01", "datetime64[us]", "a date and time without"),
        ("10000-01-01", "datetime64[us]", "a date and time without"),
        ("20240131", "datetime64[us]", "a date and time without"),
        ("٢٠٢٤-01-31", "datetime64[us]", "a date and time without"),
        ("", "datetime64[us]", "a date and time without"),
        ("x" * 100_000, "datetime64[us]", "a date and time without"),
    ],
)
def test_dates_that_are_refused(text: str, dtype: str, expected: str) -> None:
    sig = signature(column("d", dtype, kind="datetime"))
    decoder = Decoder(NativeRows(sig), sig)
    for decode in (
        lambda: decoder.decode(json.dumps([{"d": text}]).encode()),
        lambda: decoder.accept({"d": np.array([text], object)}),
    ):
        with pytest.raises(InvalidInput) as caught:
            decode()
        [cell] = caught.value.cells
        assert (cell.row, cell.column) == (0, "d")
        assert expected in cell.expected


@pytest.mark.parametrize(
    ("text", "dtype", "stands"),
    [
        ("2024-01-31", "datetime64[ns]", "2024-01-31T00:00"),
        ("2024-01-31 12:30", "datetime64[s]", "2024-01-31T12:30"),
        ("2024-01-31T12:30:15,25", "datetime64[ms]", "2024-01-31T12:30:15.250"),
        ("2024-01-31T12:30:00.000000001", "datetime64[ns]", "2024-01-31T12:30:00.000000001"),
        ("2024-01-31T12:30:00.000000000", "datetime64[s]", "2024-01-31T12:30"),
        ("0001-01-01", "datetime64[us]", "0001-01-01"),
        ("9999-12-31T23:59:59", "datetime64[s]", "9999-12-31T23:59:59"),
        ("2024-01-31T12:30Z", "datetime64[ns, UTC]", "2024-01-31T12:30"),
        ("2024-01-31t12:30:00z".upper(), "datetime64[ns, UTC]", "2024-01-31T12:30"),
        ("2024-01-31T12:30:00+0200", "datetime64[ns, UTC]", "2024-01-31T10:30"),
        ("2024-02-29T23:00:00-05:30", "datetime64[us, UTC]", "2024-03-01T04:30"),
    ],
)
def test_dates_that_are_taken(text: str, dtype: str, stands: str) -> None:
    sig = signature(column("d", dtype, kind="datetime"))
    frame, _ = Decoder(NativeRows(sig), sig).decode(json.dumps([{"d": text}]).encode())
    assert str(frame["d"].dtype) == dtype
    found = frame["d"].dt.tz_localize(None) if "UTC" in dtype else frame["d"]
    assert found.to_numpy()[0] == np.datetime64(stands)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "D"])
def test_dates_as_arrays(unit: str) -> None:
    sig = signature(column("d", "datetime64[us]", kind="datetime", nullable=True))
    decoder = Decoder(NativeRows(sig), sig)
    days = np.array(["2024-01-31", "NaT"], f"M8[{unit}]")
    frame, _ = decoder.accept({"d": days})
    assert str(frame["d"].dtype) == "datetime64[us]"
    assert frame["d"].isna().tolist() == [False, True]
    ns = signature(column("d", "datetime64[ns]", kind="datetime"))
    with pytest.raises(InvalidInput):
        Decoder(NativeRows(ns), ns).accept({"d": np.array(["2500-01-01"], "M8[s]")})


def test_arrays_reach_a_dataframe_as_documents_do() -> None:
    frame = pd.DataFrame({"a": [1.5, 2.5], "i": [1, 2], "s": ["x", "y"]})
    sig = learnt(frame)
    rows = NativeRows(sig)
    decoder = Decoder(rows, sig)
    for arrays in (
        {"a": np.array([1.5, 2.5]), "i": np.array([1, 2]), "s": np.array(["x", "y"])},
        {
            "a": np.array([[1.5], [2.5]], "float32"),
            "i": np.array([1.0, 2.0]),
            "s": np.array([b"x", b"y"]),
        },
        {
            "a": np.array([1.5, 2.5]),
            "i": np.array([1, 2], "uint8"),
            "s": np.array([b"x", "y"], object),
        },
    ):
        batch, count = decoder.accept(arrays)
        assert count == 2
        pd.testing.assert_frame_equal(batch, frame)


def answers(folder: Path, sig: Signature, model: Any, rows: Any) -> Any:
    runtime = Runtime(pack(folder, sig, native(model), rows[:1], "native"))
    runtime.load()
    body, _ = runtime.predict(json.dumps(rows).encode())
    runtime.close()
    return json.loads(body)


def test_a_classifier_of_several_targets(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = np.stack([x[:, 0] > 0, np.digitize(x[:, 1], [-0.5, 0.5])], axis=1).astype(int)
    model = MultiOutputClassifier(RandomForestClassifier(5, random_state=0)).fit(x, y)
    outputs = (
        Output("predictions", "int64", (-1, 2)),
        Output("probabilities_0", "float64", (-1, 2), (0, 1)),
        Output("probabilities_1", "float64", (-1, 3), (0, 1, 2)),
    )
    columns = [column(f"x{i}") for i in range(3)]
    sig = replace(signature(*columns, layout="array"), outputs=outputs, task="classification")
    got = answers(tmp_path, sig, model, x[:4].tolist())
    assert got["predictions"] == model.predict(x[:4]).tolist()
    expected = model.predict_proba(x[:4])
    for k in (0, 1):
        np.testing.assert_allclose(got[f"probabilities_{k}"], expected[k])


@pytest.mark.parametrize("returned", ["array", "series", "frame", "list", "polars"])
def test_whatever_holds_one_answer_a_row(tmp_path: Path, returned: str) -> None:
    def model(array: Any) -> Any:
        import pandas
        import polars

        values = array[:, 0] * 2
        kinds: dict[str, Any] = {
            "array": lambda: values,
            "series": lambda: pandas.Series(values),
            "frame": lambda: pandas.DataFrame({"y": values}),
            "list": values.tolist,
            "polars": lambda: polars.Series(values),
        }
        return kinds[returned]()

    sig = signature(column("x0"), layout="array")
    assert answers(tmp_path, sig, model, [[1.5], [2.5]]) == {"predictions": [3.0, 5.0]}


def test_no_rows_are_answered_without_asking_the_model(tmp_path: Path) -> None:
    def model(array: Any) -> Any:
        if len(array) == 0:
            raise ValueError("no rows")
        return array[:, 0]

    sig = replace(signature(column("x0"), layout="array"), policies={"empty": "pass"})
    runtime = Runtime(pack(tmp_path, sig, native(model), [[1.0]], "native"))
    runtime.load()
    assert runtime.predict(b"[]") == (b'{"predictions":[]}', 0)
    runtime.close()


@pytest.mark.parametrize("value", [1e39, -1e39])
def test_what_a_nullable_float32_cannot_hold_is_refused_in_arrays_too(value: float) -> None:
    sig = signature(column("a", "Float32", kind="number", nullable=True), column("b"))
    decoder = Decoder(NativeRows(sig), sig)
    for call in (
        lambda: decoder.convert([{"a": value, "b": 1.0}]),
        lambda: decoder.accept({"a": np.array([value]), "b": np.array([1.0])}),
        lambda: decoder.accept_matrix(np.array([[value, 1.0]])),
    ):
        with pytest.raises(InvalidInput, match="column 'a'"):
            call()
    kept, _ = decoder.accept({"a": np.array([np.nan, 2.5]), "b": np.array([1.0, 1e300])})
    assert kept["a"].isna().tolist() == [True, False]
