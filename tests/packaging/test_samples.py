"""What is no sample: the message, and the line that makes one of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import xgboost

from jupyter_deploy.exceptions import SampleError
from jupyter_deploy.packaging.samples import PREPROCESSED, open_sample

TAKEN = "a pandas or polars DataFrame, a numpy array, a list of dicts, or a dict of numpy arrays"


@pytest.mark.parametrize(
    ("sample", "said", "hint"),
    [
        (None, "There is no sample.", "doesn't keep the rows it was trained on"),
        (np.ones(3), "a numpy array of 1 dimension (3 values)", "X_test.reshape(1, -1)"),
        (np.array(1.0), "a numpy array of 0 dimensions (1 value)", "reshape"),
        (np.ones((0, 2)), "0 rows and 2 columns", "some rows the model can predict on"),
        (np.ones((0, 2, 2)), "0 rows", "some rows"),
        (pd.DataFrame({"a": []}), "0 rows and 1 column.", "some rows"),
        (pd.DataFrame(index=[1, 2]), "2 rows and 0 columns", "some rows"),
        (pd.Series([1]), "a Series, one row or one column", "preprocess=lambda df: df['NAME']"),
        (pl.LazyFrame({"a": [1]}), "a polars LazyFrame", "X_test.collect()"),
        (pl.Series("a", [1]), "a polars Series", "X_test.to_frame()"),
        (scipy.sparse.eye(3).tocsr(), "a scipy csr_matrix, a sparse matrix", "X_test.toarray()"),
        (scipy.sparse.eye_array(3), "a scipy dia_array", "X_test.toarray()"),
        (xgboost.DMatrix(np.eye(2)), "an xgboost DMatrix", "the DataFrame or the array"),
        ([[1.0, 2.0]], "a list of rows without names", "np.array(X_test)"),
        (["a", "b"], "a list of str values, one value a row", "pd.DataFrame({'value': X_test})"),
        ([], "an empty list", TAKEN),
        ([{"a": 1}, 3], "Row 1 of the sample is an int, and others are dicts", "every one a dict"),
        (({"a": 1},), "a tuple of dicts", "list(X_test)"),
        ((np.ones((2, 2)), np.ones(2)), "a tuple of 2 parts", "without their labels: X_test[0]"),
        ({"a": 1}, "one dict, of one row", "[X_test]"),
        ({"a": [1, 2]}, "a dict of columns", "pd.DataFrame(X_test)"),
        ("x.csv", "text, not rows", "pd.read_csv('x.csv')"),
        (Path("x.csv"), "a path, not rows", "pd.read_csv('x.csv')"),
        (iter([{"a": 1}]), "a list_iterator, which can be read only once", "list(X_test)"),
        (object(), "an object", TAKEN),
    ],
)
def test_what_is_no_sample(sample: Any, said: str, hint: str) -> None:
    with pytest.raises(SampleError) as caught:
        open_sample(sample)
    assert said in caught.value.message
    assert hint in caught.value.hint


class Device:
    def __init__(self, kind: str) -> None:
        self.type = kind


def tensor(*, requires_grad: bool = False, device: str = "cpu") -> Any:
    """What a torch tensor shows of itself; torch is not installed here."""
    kind = type("Tensor", (), {"__module__": "torch"})
    made = kind()
    made.requires_grad = requires_grad
    made.device = Device(device)
    return made


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (tensor(), "X_test.numpy()"),
        (tensor(requires_grad=True), "X_test.detach().numpy()"),
        (tensor(requires_grad=True, device="cuda"), "X_test.detach().cpu().numpy()"),
    ],
)
def test_a_torch_tensor_is_told_what_it_needs_and_no_more(made: Any, line: str) -> None:
    with pytest.raises(SampleError, match="a torch Tensor") as caught:
        open_sample(made)
    assert caught.value.hint == f"Give it as an array: {line}"


def test_the_lines_given_do_what_they_say() -> None:
    sparse = scipy.sparse.eye(600).tocsr()
    assert len(open_sample(sparse[:500].toarray())) == 500
    assert len(open_sample(pl.LazyFrame({"a": [1]}).collect())) == 1
    texts = ["a", "b"]
    assert len(open_sample(pd.DataFrame({"value": texts}))) == 2
    lists = {"a": [1, 2]}
    assert len(open_sample({name: np.asarray(values) for name, values in lists.items()})) == 2


def test_what_preprocess_returned_is_called_that() -> None:
    with pytest.raises(SampleError) as caught:
        open_sample(None, subject=PREPROCESSED)
    assert caught.value.message == "preprocess returned None."
    with pytest.raises(SampleError) as caught:
        open_sample(scipy.sparse.eye(3).tocsr(), subject=PREPROCESSED)
    assert caught.value.message.startswith("What preprocess returned is a scipy csr_matrix")
    assert "Return it as an array: rows.toarray()" in caught.value.hint
