"""What a model was called with, held against what it should have been called with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from jupyter_deploy.serving.signature import Signature


class Finding(AssertionError):  # noqa: N818  what fuzzers call it
    """The runtime took what it must refuse, refused what it must take, or read it wrongly."""


def same(signature: Signature, batch: Any, rows: int, expected: list[list[Any]]) -> None:
    """Hold a batch against the values by column that it should have.

    Raises
    ------
    Finding
        Where they differ.
    """
    if rows != len(expected[0]):
        raise Finding(f"{rows} rows instead of {len(expected[0])}")
    for k, column in enumerate(signature.inputs):
        got = _column(batch, k, column.name, len(expected))
        if len(got) != rows:
            raise Finding(f"{len(got)} values in {column.name} instead of {rows}")
        for value, wanted in zip(got, expected[k], strict=True):
            if not _equal(value, wanted):
                raise Finding(f"{value!r} in {column.name} instead of {wanted!r}")


def _column(batch: Any, k: int, name: str, width: int) -> Any:
    """Column `k` of an engine's input, whatever form that has."""
    if isinstance(batch, pl.DataFrame):
        return batch.to_series(k).to_list()
    if isinstance(batch, pd.DataFrame):
        return batch.iloc[:, k].tolist()
    if isinstance(batch, np.ndarray):
        if batch.shape[1:] != (width,):
            raise Finding(f"a matrix of shape {batch.shape}")
        return batch[:, k]
    if isinstance(batch[0], dict):
        return [row[name] for row in batch]
    return batch[k].reshape(-1)


def _equal(value: Any, wanted: Any) -> bool:
    if wanted is None:
        return value is None or bool(pd.isna(value))
    if isinstance(wanted, np.datetime64):
        value = np.datetime64(value.asm8 if isinstance(value, pd.Timestamp) else value)
        return bool(value.astype(wanted.dtype) == wanted)
    if isinstance(wanted, str | bool):
        return type(value) in (type(wanted), np.bool_) and bool(value == wanted)
    return bool(value == wanted)
