"""Every claim about steps that don't convert is held against the converter itself."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import (
    calibration,
    cluster,
    compose,
    covariance,
    decomposition,
    ensemble,
    feature_extraction,
    feature_selection,
    gaussian_process,
    impute,
    kernel_approximation,
    kernel_ridge,
    linear_model,
    manifold,
    model_selection,
    multiclass,
    multioutput,
    neighbors,
    neural_network,
    preprocessing,
    semi_supervised,
    svm,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.pipeline import make_pipeline

from jupyter_deploy.exceptions import ConversionError
from jupyter_deploy.packaging.adapters import steps, unconvertible
from jupyter_deploy.types import Engine
from tests.packaging.packed import converted

LINE = linear_model.LogisticRegression


@cache
def rows() -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers that float32 holds, some missing; a few words; a label."""
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 4)).astype(np.float32).astype(float)
    frame = pd.DataFrame(np.abs(x), columns=["a", "b", "c", "d"])
    frame["gap"] = np.where(random.random(200) < 0.2, np.nan, x[:, 1])
    frame["word"] = random.choice(["oak", "ash", "elm"], 200, p=[0.6, 0.38, 0.02])
    frame["text"] = random.choice(["a tall oak", "an old ash", "the elm fell"], 200)
    return frame, (x[:, 0] + x[:, 2] > 0).astype(int)


def numbers(step: Any) -> tuple[Any, pd.DataFrame, Any]:
    """Before a linear model, on numbers that are all there."""
    frame, label = rows()
    return make_pipeline(step, LINE()), frame[["a", "b", "c", "d"]], label


def gaps(step: Any) -> tuple[Any, pd.DataFrame, Any]:
    frame, label = rows()
    return make_pipeline(step, LINE()), frame[["a", "gap"]], label


def words(*parts: Any, column: Any = ("word",)) -> tuple[Any, pd.DataFrame, Any]:
    frame, label = rows()
    columns = column if isinstance(column, str) else list(column)
    step = make_pipeline(*parts) if len(parts) > 1 else parts[0]
    return (
        make_pipeline(compose.ColumnTransformer([("words", step, columns)]), LINE()),
        frame[["word", "text"]],
        label,
    )


def texts(step: Any) -> tuple[Any, pd.DataFrame, Any]:
    return words(step, column="text")


def alone(model: Any) -> tuple[Any, pd.DataFrame, Any]:
    frame, label = rows()
    return model, frame[["a", "b", "c", "d"]], label


def number(model: Any) -> tuple[Any, pd.DataFrame, Any]:
    frame, _ = rows()
    return model, frame[["a", "b", "c", "d"]], frame["a"] * 2 + 1


def targets(model: Any) -> tuple[Any, pd.DataFrame, Any]:
    frame, _ = rows()
    return model, frame[["a", "b", "c", "d"]], frame[["a", "b"]].to_numpy() * 2 + 1


def categories(*before: Any) -> tuple[Any, pd.DataFrame, Any]:
    frame, label = rows()
    frame = frame[["a"]].assign(kind=np.random.default_rng(1).integers(0, 5, 200))
    label = frame["kind"].isin([1, 3]).to_numpy().astype(int)
    model = ensemble.HistGradientBoostingClassifier(
        max_iter=5, categorical_features=None if before else [1]
    )
    return make_pipeline(*before, model), frame, label


Case = Callable[[], tuple[Any, pd.DataFrame, Any]]
P = preprocessing

#: What stays native, by the words that are said; and what is said to convert instead.
CLAIMS: list[tuple[str, Case, Case]] = [
    (
        "PowerTransformer, QuantileTransformer and PolynomialFeatures convert",
        lambda: numbers(P.FunctionTransformer(np.log1p)),
        lambda: numbers(P.PowerTransformer()),
    ),
    (
        "fillna done in preprocess",
        lambda: words(impute.SimpleImputer(strategy="most_frequent"), P.OneHotEncoder()),
        lambda: words(P.OneHotEncoder(handle_unknown="ignore")),
    ),
    (
        "with add_indicator=False it converts",
        lambda: gaps(impute.SimpleImputer(add_indicator=True)),
        lambda: gaps(impute.SimpleImputer()),
    ),
    (
        "with NaN for missing values it converts",
        lambda: numbers(impute.SimpleImputer(missing_values=-1)),
        lambda: gaps(impute.SimpleImputer()),
    ),
    (
        "with encode='onehot-dense' it converts",
        lambda: numbers(P.KBinsDiscretizer(quantile_method="averaged_inverted_cdf")),
        lambda: numbers(
            P.KBinsDiscretizer(encode="onehot-dense", quantile_method="averaged_inverted_cdf")
        ),
    ),
    (
        "with handle_unknown='use_encoded_value' it converts",
        lambda: words(P.OrdinalEncoder()),
        lambda: words(P.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
    ),
    (
        "without min_frequency and max_categories it converts",
        lambda: words(P.OneHotEncoder(min_frequency=10, handle_unknown="infrequent_if_exist")),
        lambda: words(P.OneHotEncoder(handle_unknown="ignore")),
    ),
    (
        "with handle_unknown='ignore' it converts",
        lambda: words(P.OneHotEncoder(handle_unknown="infrequent_if_exist")),
        lambda: words(P.OneHotEncoder(handle_unknown="ignore")),
    ),
    (
        "with output_distribution='uniform' it converts",
        lambda: numbers(P.QuantileTransformer(n_quantiles=10, output_distribution="normal")),
        lambda: numbers(P.QuantileTransformer(n_quantiles=10)),
    ),
    (
        "behind a OneHotEncoder for these columns it converts",
        categories,
        lambda: categories(
            compose.ColumnTransformer(
                [("kinds", P.OneHotEncoder(handle_unknown="ignore"), ["kind"])],
                remainder="passthrough",
                sparse_threshold=0,
            )
        ),
    ),
    (
        "with method='sigmoid' it converts",
        lambda: alone(calibration.CalibratedClassifierCV(LINE(), method="temperature")),
        lambda: alone(calibration.CalibratedClassifierCV(LINE(), method="sigmoid")),
    ),
    (
        "its regressor converts",
        lambda: number(compose.TransformedTargetRegressor(linear_model.Ridge())),
        lambda: number(linear_model.Ridge()),
    ),
    (
        "its estimator_ converts",
        lambda: alone(semi_supervised.SelfTrainingClassifier(LINE())),
        lambda: alone(LINE()),
    ),
    (
        "its estimator_ converts, with the threshold applied in postprocess",
        lambda: alone(model_selection.FixedThresholdClassifier(LINE(), threshold=0.3)),
        lambda: alone(LINE()),
    ),
    (
        "CalibratedClassifierCV(SVC()) or MLPClassifier converts",
        lambda: alone(gaussian_process.GaussianProcessClassifier()),
        lambda: alone(calibration.CalibratedClassifierCV(svm.SVC())),
    ),
    (
        "with lowercase=False",
        lambda: texts(feature_extraction.text.TfidfVectorizer()),
        lambda: texts(feature_extraction.text.TfidfVectorizer(lowercase=False)),
    ),
    (
        "with analyzer='char' or 'word' it converts",
        lambda: texts(feature_extraction.text.TfidfVectorizer(lowercase=False, analyzer="char_wb")),
        lambda: texts(feature_extraction.text.CountVectorizer(lowercase=False, analyzer="char")),
    ),
    (
        "with strip_accents=None",
        lambda: texts(feature_extraction.text.CountVectorizer(strip_accents="ascii")),
        lambda: texts(feature_extraction.text.CountVectorizer(lowercase=False)),
    ),
    (
        "the tokenizer it comes with it converts",
        lambda: texts(
            feature_extraction.text.CountVectorizer(tokenizer=str.split, token_pattern=None)
        ),
        lambda: texts(feature_extraction.text.CountVectorizer(lowercase=False)),
    ),
]

#: Steps without any converter, by their class's name, with the like ones that are named.
ABSENT: dict[str, tuple[Case, list[Case]]] = {
    "AffinityPropagation": (
        lambda: alone(cluster.AffinityPropagation()),
        [lambda: alone(cluster.KMeans(2, n_init=1))],
    ),
    "Birch": (lambda: alone(cluster.Birch()), []),
    "BisectingKMeans": (lambda: alone(cluster.BisectingKMeans(2)), []),
    "MeanShift": (lambda: alone(cluster.MeanShift()), []),
    "EllipticEnvelope": (
        lambda: alone(covariance.EllipticEnvelope(random_state=0)),
        [
            lambda: alone(ensemble.IsolationForest(n_estimators=10, random_state=0)),
            lambda: alone(svm.OneClassSVM()),
        ],
    ),
    "FactorAnalysis": (
        lambda: numbers(decomposition.FactorAnalysis(2)),
        [lambda: numbers(decomposition.PCA(2)), lambda: numbers(decomposition.TruncatedSVD(2))],
    ),
    "FastICA": (lambda: numbers(decomposition.FastICA(2)), []),
    "NMF": (lambda: numbers(decomposition.NMF(2)), []),
    "MiniBatchNMF": (lambda: numbers(decomposition.MiniBatchNMF(2)), []),
    "SparsePCA": (lambda: numbers(decomposition.SparsePCA(2)), []),
    "MiniBatchSparsePCA": (lambda: numbers(decomposition.MiniBatchSparsePCA(2)), []),
    "DictionaryLearning": (lambda: numbers(decomposition.DictionaryLearning(2, max_iter=2)), []),
    "MiniBatchDictionaryLearning": (
        lambda: numbers(decomposition.MiniBatchDictionaryLearning(2, max_iter=2)),
        [],
    ),
    "LatentDirichletAllocation": (
        lambda: numbers(decomposition.LatentDirichletAllocation(2, max_iter=2)),
        [],
    ),
    "FeatureAgglomeration": (
        lambda: numbers(cluster.FeatureAgglomeration(2)),
        [lambda: numbers(feature_selection.SelectKBest(k=2))],
    ),
    "HashingVectorizer": (lambda: texts(feature_extraction.text.HashingVectorizer()), []),
    "Isomap": (
        lambda: numbers(manifold.Isomap()),
        [lambda: numbers(decomposition.KernelPCA(2))],
    ),
    "LocallyLinearEmbedding": (lambda: numbers(manifold.LocallyLinearEmbedding()), []),
    "Nystroem": (lambda: numbers(kernel_approximation.Nystroem(n_components=20)), []),
    "RBFSampler": (lambda: numbers(kernel_approximation.RBFSampler()), []),
    "IterativeImputer": (
        lambda: gaps(impute.IterativeImputer()),
        [lambda: gaps(impute.SimpleImputer()), lambda: gaps(impute.KNNImputer())],
    ),
    "KernelRidge": (
        lambda: number(kernel_ridge.KernelRidge()),
        [
            lambda: number(svm.SVR()),
        ],
    ),
    "LabelPropagation": (
        lambda: alone(semi_supervised.LabelPropagation()),
        [lambda: alone(neighbors.KNeighborsClassifier())],
    ),
    "LabelSpreading": (lambda: alone(semi_supervised.LabelSpreading()), []),
    "NearestCentroid": (lambda: alone(neighbors.NearestCentroid()), []),
    "OutputCodeClassifier": (
        lambda: alone(multiclass.OutputCodeClassifier(LINE(), random_state=0)),
        [lambda: alone(multiclass.OneVsRestClassifier(LINE()))],
    ),
    "RegressorChain": (
        lambda: targets(multioutput.RegressorChain(linear_model.Ridge())),
        [lambda: targets(multioutput.MultiOutputRegressor(linear_model.Ridge()))],
    ),
    "SequentialFeatureSelector": (
        lambda: numbers(feature_selection.SequentialFeatureSelector(LINE())),
        [
            lambda: numbers(feature_selection.SelectFromModel(LINE())),
            lambda: numbers(feature_selection.RFE(LINE())),
        ],
    ),
    "SplineTransformer": (
        lambda: numbers(P.SplineTransformer()),
        [
            lambda: numbers(P.PolynomialFeatures()),
            lambda: numbers(
                P.KBinsDiscretizer(encode="onehot-dense", quantile_method="averaged_inverted_cdf")
            ),
        ],
    ),
}


def fitted(case: Case) -> tuple[Any, pd.DataFrame]:
    model, sample, target = case()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(sample, target), sample


@pytest.mark.parametrize(("said", "bad", "good"), CLAIMS, ids=[c[0] for c in CLAIMS])
def test_known_steps(said: str, bad: Case, good: Case) -> None:
    model, sample = fitted(bad)
    found = converted(model, sample)
    assert found.engine is Engine.NATIVE
    assert said in found.reason
    with pytest.raises(ConversionError) as caught:
        converted(model, sample, "onnx")
    assert said.lower() in caught.value.hint.lower()

    instead, sample = fitted(good)
    assert converted(instead, sample).engine is Engine.ONNX


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_steps_without_a_converter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, goods = ABSENT[name]
    model, sample = fitted(bad)
    reason = converted(model, sample).reason
    assert name in reason
    assert f"{unconvertible.ALTERNATIVES[name][0]}" in reason
    # the table says no more than the converter does
    monkeypatch.setattr(unconvertible, "ALTERNATIVES", {})
    assert converted(model, sample).engine is Engine.NATIVE
    for good in goods:
        instead, sample = fitted(good)
        found = converted(instead, sample)
        assert found.engine is Engine.ONNX, found.reason


def test_every_line_of_the_tables_is_held_against_the_converter() -> None:
    assert set(ABSENT) | {"ClassifierChain"} == set(unconvertible.ALTERNATIVES)
    shown = {
        type(step).__name__ for _, bad, _ in CLAIMS for _, step in steps.leaves(fitted(bad)[0])
    }
    assert set(unconvertible.KNOWN) - shown == {"HistGradientBoostingRegressor"}


def test_a_neural_network_converts_in_place_of_a_gaussian_process() -> None:
    model, sample = fitted(lambda: alone(neural_network.MLPClassifier((4,), max_iter=20)))
    assert converted(model, sample).engine is Engine.ONNX


def test_an_unknown_step_is_named_by_its_path() -> None:
    frame, label = rows()
    union = make_pipeline(
        compose.ColumnTransformer(
            [("gaps", make_pipeline(impute.MissingIndicator(features="all")), ["a", "gap"])],
            remainder="passthrough",
        ),
        impute.SimpleImputer(),
        LINE(),
    ).fit(frame[["a", "gap", "b"]], label)
    found = converted(union, frame[["a", "gap", "b"]])
    assert found.engine is Engine.NATIVE
    assert "step 'columntransformer.gaps.missingindicator' (MissingIndicator)" in found.reason
