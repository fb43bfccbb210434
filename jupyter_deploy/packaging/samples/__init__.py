"""Samples of every kind behind one protocol: rows that show what a model takes.

======================  ===========  ==========================================================
file                    layout       taken
======================  ===========  ==========================================================
:mod:`.pandas`          dataframe    pandas DataFrame
:mod:`.polars`          polars       polars DataFrame
:mod:`.records`         records      list of dicts
:mod:`.arrays`          array        numpy array of two dimensions
:mod:`.tensors`         tensors      numpy array of more dimensions, dict of numpy arrays
:mod:`.values`          tensors      one value a row; what preprocess may return, never a sample
======================  ===========  ==========================================================

:mod:`.refused` says how everything else becomes one of these.
"""

from __future__ import annotations

from jupyter_deploy.packaging.samples.base import (
    Sample,
    Subject,
    article,
    jsonable,
    kin,
    row_count,
)
from jupyter_deploy.packaging.samples.table import PREPROCESSED, SAMPLE, open_sample

__all__ = [
    "PREPROCESSED",
    "SAMPLE",
    "Sample",
    "Subject",
    "article",
    "jsonable",
    "kin",
    "open_sample",
    "row_count",
]
