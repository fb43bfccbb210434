from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging import inspect_model
from jupyter_deploy.packaging.signature import check_columns, layout_of, records, sample_sha256
from jupyter_deploy.serving.signature import Column, Signature


def column(values: Any) -> Column:
    (found,) = check_columns(pd.DataFrame({"c": values}), "dataframe")
    return found


@pytest.mark.parametrize(
    ("values", "kind", "nullable", "span", "categories"),
    [
        ([1.5, 2.5], "number", False, (1.5, 2.5), None),
        ([1.5, np.nan, np.inf], "number", True, (1.5, 1.5), None),
        ([np.nan, np.nan], "number", True, (None, None), None),
        ([3, 1], "integer", False, (1.0, 3.0), None),
        (pd.array([3, None], dtype="Int64"), "integer", True, (3.0, 3.0), None),
        (pd.array([0.5, None], dtype="Float64"), "number", True, (0.5, 0.5), None),
        ([True, False], "boolean", False, (None, None), None),
        (pd.array([True, None], dtype="boolean"), "boolean", True, (None, None), None),
        (["b", "a", "b"], "string", False, (None, None), ("a", "b")),
        (["b", None], "string", True, (None, None), ("b",)),
        (pd.Series(["b", np.nan], dtype=object), "string", True, (None, None), ("b",)),
        (pd.Series([True, None], dtype=object), "boolean", True, (None, None), None),
        (pd.Series([1, 2.5, None], dtype=object), "number", True, (1.0, 2.5), None),
        (pd.Categorical(["x", "y"]), "string", False, (None, None), ("x", "y")),
        (pd.Categorical([1, 2, None]), "integer", True, (1.0, 2.0), None),
        ([str(i) for i in range(101)], "string", False, (None, None), None),
    ],
)
def test_columns(values: Any, kind: str, nullable: bool, span: Any, categories: Any) -> None:
    found = column(values)
    assert (found.kind, found.nullable) == (kind, nullable)
    assert (found.minimum, found.maximum) == span
    assert found.categories == categories


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (pd.to_datetime(["2020-01-01"]), "'c' holds dates or times"),
        (pd.to_timedelta([1]), "'c' holds dates or times"),
        ([[1, 2]], "'c' holds list values"),
        ([1, "a"], "'c' holds int, str values"),
        ([1j], "'c' holds complex values"),
        ([b"raw"], "'c' holds bytes values"),
    ],
)
def test_columns_that_json_cannot_carry_are_refused(values: Any, said: str) -> None:
    with pytest.raises(SampleError, match=said) as caught:
        column(values)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("sample", "said", "hint"),
    [
        (np.ones(3), "one dimension", "reshape"),
        (np.ones((2, 2, 2)), "3 dimensions", "DataFrame"),
        (np.ones((0, 2)), "0 rows", "rows"),
        (pd.Series([1]), "a Series", "to_frame"),
        ([[1.0]], "a list", "DataFrame"),
        (None, "no sample", "DataFrame"),
        (pd.DataFrame({"a": []}), "0 rows", "rows"),
        (pd.DataFrame(index=[1, 2]), "0 columns", "rows"),
    ],
)
def test_samples_that_are_no_table(sample: Any, said: str, hint: str) -> None:
    with pytest.raises(SampleError, match=said) as caught:
        layout_of(sample)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column named 'a'"),
        (pd.DataFrame([[1, 2]]), "a column named 0, which is no string"),
        (pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])), "several levels"),
    ],
)
def test_column_names(frame: pd.DataFrame, said: str) -> None:
    with pytest.raises(SampleError, match=said):
        check_columns(frame, "dataframe")


@pytest.mark.parametrize(
    ("array", "kind", "nullable"),
    [
        (np.ones((2, 1)), "number", False),
        (np.array([[np.nan]], dtype="float32"), "number", True),
        (np.ones((2, 1), dtype="int8"), "integer", False),
        (np.ones((2, 1), dtype=bool), "boolean", False),
    ],
)
def test_arrays(array: np.ndarray, kind: str, nullable: bool) -> None:
    (found,) = check_columns(array, "array")
    assert (found.name, found.kind, found.nullable) == ("x0", kind, nullable)


def test_arrays_of_strings_are_refused() -> None:
    with pytest.raises(SampleError, match="numpy array of object"):
        check_columns(np.array([["a"]], dtype=object), "array")


def test_the_signature_is_strict_json_and_comes_back() -> None:
    frame = pd.DataFrame(
        {
            "n": [np.nan, 1.0],
            "i": pd.array([None, 2], dtype="Int64"),
            "s": ["x", None],
            "b": [True, False],
        }
    )
    signature = inspect_model(lambda rows: [0.5] * len(rows), frame).signature
    assert signature.example == {"n": None, "i": None, "s": "x", "b": True}
    text = json.dumps(signature.to_json(), allow_nan=False)
    assert Signature.from_json(json.loads(text)) == signature


def test_records_are_plain_json() -> None:
    frame = pd.DataFrame({"a": np.array([1, 2], dtype="int8"), "c": pd.Categorical(["x", None])})
    rows = records(frame, [0, 1], check_columns(frame, "dataframe"))
    assert rows == [{"a": 1, "c": "x"}, {"a": 2, "c": None}]
    array = np.array([[1.5, np.nan]])
    assert records(array, [0], check_columns(array, "array")) == [{"x0": 1.5, "x1": None}]


def test_the_samples_hash_sees_values_and_names() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    assert sample_sha256(frame) == sample_sha256(frame.copy())
    assert sample_sha256(frame) != sample_sha256(frame + 1)
    assert sample_sha256(frame) != sample_sha256(frame.rename(columns={"a": "b"}))
    assert sample_sha256(np.ones((2, 1))) != sample_sha256(np.ones((1, 2)))
