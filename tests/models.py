"""Trained models and their samples, small and real; each is trained once a session."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@cache
def cancer() -> tuple[pd.DataFrame, pd.Series]:
    """569 rows, 30 float features with names, labels 'malignant' and 'benign'."""
    data = load_breast_cancer(as_frame=True)
    return data.data, data.target.map(dict(enumerate(data.target_names)))


@cache
def logistic() -> tuple[Any, pd.DataFrame]:
    """StandardScaler + LogisticRegression on a DataFrame with string labels."""
    x, y = cancer()
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(x, y), x.tail(100)


@cache
def forest() -> tuple[Any, pd.DataFrame]:
    """StandardScaler + RandomForest(100): the pipeline of the figures."""
    x, y = cancer()
    model = make_pipeline(StandardScaler(), RandomForestClassifier(100, random_state=0))
    return model.fit(x, y), x.tail(100)


@cache
def ridge() -> tuple[Any, np.ndarray]:
    """Regressor on a plain numpy array of 10 columns."""
    x, y = load_diabetes(return_X_y=True)
    return make_pipeline(StandardScaler(), Ridge()).fit(x, y), x[-100:]
