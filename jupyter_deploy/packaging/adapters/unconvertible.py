"""Steps that are known not to convert, and what converts instead.

Two kinds: those that skl2onnx 1.20 has no converter for, where its own words help nobody; and
those that it converts into something that answers otherwise, sometimes only on rows no sample
may hold. Each line is held against skl2onnx by tests/packaging/test_unconvertible.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from jupyter_deploy.packaging.adapters.steps import from_sklearn, leaves, named
from jupyter_deploy.packaging.adapters.table import NotConvertibleError


@dataclass(frozen=True)
class Known:
    """One reason why a step stays as it is.

    Attributes
    ----------
    why
        Continues a sentence that begins with the step.
    instead
        What converts, as a clause.
    when
        Whether it is so for a fitted step; always, unless given.
    """

    why: str
    instead: str
    when: Callable[[Any], bool] = lambda step: True


def _none(*names: str) -> str:
    """Say what converts in place of a step without a converter."""
    return f"{' or '.join(names)} converts"


_ABSENT = "has no conversion"
_PREPROCESS = "done in preprocess, before the model, the rest of it converts"

_TEXT = (
    Known(
        "calls Python code for each text",
        "with analyzer='word' and the tokenizer it comes with it converts",
        lambda s: callable(s.analyzer) or any(map(callable, (s.tokenizer, s.preprocessor))),
    ),
    Known(
        "strips accents, which ONNX has no form for",
        f"with strip_accents=None, and that {_PREPROCESS}",
        lambda s: s.strip_accents is not None,
    ),
    Known(
        "splits text by analyzer='char_wb', which has no conversion",
        "with analyzer='char' or 'word' it converts",
        lambda s: s.analyzer == "char_wb",
    ),
    Known(
        "makes text lower case, which ONNX Runtime does by a locale that the machine may not have",
        f"with lowercase=False, and that {_PREPROCESS}",
        lambda s: s.lowercase,
    ),
)

#: By the name of scikit-learn's class; the first that applies is said.
KNOWN: dict[str, tuple[Known, ...]] = {
    "FunctionTransformer": (
        Known(
            "calls Python code, which has no ONNX form",
            f"{_PREPROCESS}; PowerTransformer, QuantileTransformer and PolynomialFeatures convert",
            lambda s: s.func is not None,
        ),
    ),
    "SimpleImputer": (
        Known(
            "fills in text, which has no conversion",
            f"fillna {_PREPROCESS}",
            lambda s: s.statistics_.dtype.kind in "OU",
        ),
        Known(
            "adds columns that say what was missing, which its converter leaves out",
            "with add_indicator=False it converts",
            lambda s: s.add_indicator,
        ),
        Known(
            "looks for a missing value of your own, which has no conversion",
            "with NaN for missing values it converts",
            lambda s: isinstance(s.missing_values, int | str) or s.missing_values == 0,
        ),
    ),
    "KBinsDiscretizer": (
        Known(
            "hands on a sparse matrix, which has no conversion",
            "with encode='onehot-dense' it converts",
            lambda s: s.encode == "onehot",
        ),
    ),
    "OrdinalEncoder": (
        Known(
            "refuses categories it doesn't know, and converted it would answer them",
            "with handle_unknown='use_encoded_value' it converts",
            lambda s: s.handle_unknown == "error",
        ),
    ),
    "OneHotEncoder": (
        Known(
            "puts rare categories into one, which has no conversion",
            "without min_frequency and max_categories it converts",
            lambda s: any(c is not None for c in getattr(s, "infrequent_categories_", ())),
        ),
        Known(
            "answers categories it doesn't know, and converted it would refuse them",
            "with handle_unknown='ignore' it converts",
            lambda s: s.handle_unknown in ("infrequent_if_exist", "warn"),
        ),
    ),
    "QuantileTransformer": (
        Known(
            "has no conversion for a normal distribution",
            "with output_distribution='uniform' it converts, and so does PowerTransformer",
            lambda s: s.output_distribution == "normal",
        ),
    ),
    "HistGradientBoostingClassifier": (
        Known(
            "splits by categories, which its converter takes for numbers",
            "behind a OneHotEncoder for these columns it converts",
            lambda s: s.is_categorical_ is not None and s.is_categorical_.any(),
        ),
    ),
    "CalibratedClassifierCV": (
        Known(
            "is calibrated by temperature, which has no conversion",
            "with method='sigmoid' it converts",
            lambda s: s.method == "temperature",
        ),
    ),
    "TransformedTargetRegressor": (
        Known(_ABSENT, "its regressor converts, with the target's transform undone in postprocess"),
    ),
    "SelfTrainingClassifier": (Known(_ABSENT, "its estimator_ converts and answers the same"),),
    "FixedThresholdClassifier": (
        Known(_ABSENT, "its estimator_ converts, with the threshold applied in postprocess"),
    ),
    "GaussianProcessClassifier": (
        Known(
            "has a conversion that ONNX Runtime can't run",
            _none("CalibratedClassifierCV(SVC())", "MLPClassifier"),
        ),
    ),
    "CountVectorizer": _TEXT,
    "TfidfVectorizer": _TEXT,
}
KNOWN["HistGradientBoostingRegressor"] = KNOWN["HistGradientBoostingClassifier"]

#: Steps without a converter: what does a like job and has one.
ALTERNATIVES: dict[str, tuple[str, ...]] = {
    "AffinityPropagation": ("KMeans",),
    "Birch": ("KMeans",),
    "BisectingKMeans": ("KMeans",),
    "ClassifierChain": ("a classifier for each target",),
    "DictionaryLearning": ("PCA", "TruncatedSVD"),
    "EllipticEnvelope": ("IsolationForest", "OneClassSVM"),
    "FactorAnalysis": ("PCA", "TruncatedSVD"),
    "FastICA": ("PCA", "TruncatedSVD"),
    "FeatureAgglomeration": ("PCA", "SelectKBest"),
    "HashingVectorizer": ("TfidfVectorizer(lowercase=False)",),
    "Isomap": ("KernelPCA",),
    "IterativeImputer": ("SimpleImputer", "KNNImputer"),
    "KernelRidge": ("SVR",),
    "LabelPropagation": ("KNeighborsClassifier",),
    "LabelSpreading": ("KNeighborsClassifier",),
    "LatentDirichletAllocation": ("TruncatedSVD",),
    "LocallyLinearEmbedding": ("KernelPCA",),
    "MeanShift": ("KMeans",),
    "MiniBatchDictionaryLearning": ("PCA", "TruncatedSVD"),
    "MiniBatchNMF": ("PCA", "TruncatedSVD"),
    "MiniBatchSparsePCA": ("PCA", "TruncatedSVD"),
    "NMF": ("PCA", "TruncatedSVD"),
    "NearestCentroid": ("KNeighborsClassifier",),
    "Nystroem": ("KernelPCA",),
    "OutputCodeClassifier": ("OneVsRestClassifier",),
    "RBFSampler": ("KernelPCA",),
    "RegressorChain": ("MultiOutputRegressor",),
    "SequentialFeatureSelector": ("SelectFromModel", "RFE"),
    "SparsePCA": ("PCA", "TruncatedSVD"),
    "SplineTransformer": ("PolynomialFeatures", "KBinsDiscretizer(encode='onehot-dense')"),
}


def refuse(model: Any) -> None:
    """Refuse a model with a step that is known not to convert.

    Raises
    ------
    NotConvertibleError
        Naming the step and what converts instead.
    """
    _refuse_sparse(model)
    for path, step in leaves(model):
        if not from_sklearn(step):
            continue
        for known in KNOWN.get(type(step).__name__, ()):
            if known.when(step):
                raise NotConvertibleError(f"{named(path, step)} {known.why}", known.instead)
        others = ALTERNATIVES.get(type(step).__name__)
        if others is not None:
            raise NotConvertibleError(f"{named(path, step)} {_ABSENT}", _none(*others))


def _refuse_sparse(model: Any) -> None:
    """XGBoost takes the zeros that a sparse matrix leaves out for missing values; ONNX has none."""
    steps = getattr(model, "steps", None) or ()
    for (name, before), (_, step) in pairwise(steps):
        sparse = getattr(before, "sparse_output_", False)
        if type(before).__name__ == "OneHotEncoder":
            sparse = before.sparse_output
        if sparse and type(step).__module__.partition(".")[0] == "xgboost":
            wanted = (
                "sparse_output=False"
                if type(before).__name__ == "OneHotEncoder"
                else "sparse_threshold=0"
            )
            raise NotConvertibleError(
                f"{named(name, before)} hands on a sparse matrix, in which XGBoost takes zeros for "
                "missing values and ONNX does not",
                f"with {wanted} it converts",
            )
