"""scikit-learn estimators and Pipelines, and classes of the user's own derived from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.adapters.converting import graphs
from jupyter_deploy.packaging.adapters.generic import plain_classes
from jupyter_deploy.packaging.adapters.steps import last
from jupyter_deploy.packaging.adapters.table import Whole
from jupyter_deploy.packaging.diagnosis.calls import call_on_sample
from jupyter_deploy.packaging.outputs import as_outputs
from jupyter_deploy.packaging.samples import row_count

if TYPE_CHECKING:
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.signature import Signature, Task


class SklearnAdapter(Whole):
    """See :class:`~jupyter_deploy.packaging.adapters.table.Adapter`."""

    name = "scikit-learn"

    def check(self, model: Any) -> None:
        from sklearn.exceptions import NotFittedError
        from sklearn.utils.validation import check_is_fitted

        kind = type(model).__name__
        if not hasattr(model, "predict") and not hasattr(type(model), "predict"):
            raise UnsupportedModelError(
                f"{kind} has no predict method.",
                "Deploy a Pipeline that ends in a model, or a function around it:\n\n"
                "    def embed(df):\n        return transformer.transform(df)",
            )
        try:
            check_is_fitted(model)
        except NotFittedError:
            raise UnsupportedModelError(
                f"This {kind} is not fitted.", "Train it before deploying: model.fit(X, y)"
            ) from None

    def task(self, model: Any) -> Task:
        from sklearn.base import is_classifier, is_outlier_detector, is_regressor

        if is_classifier(model):
            return "classification"
        if is_regressor(model):
            return "regression"
        if is_outlier_detector(model):
            return "outliers"
        return "clustering" if _is_clusterer(model) else "other"

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        if self.task(model) != "classification" or self.target_classes(model):
            return None
        return plain_classes(getattr(model, "classes_", None))

    def target_classes(self, model: Any) -> Mapping[str, tuple[Any, ...]]:
        if self.task(model) != "classification":
            return {}
        end = last(model)
        found = getattr(end, "classes_", None)
        if isinstance(found, list):
            each = [plain_classes(labels) or () for labels in found]
        else:
            each = [(0, 1)] * _labels(end)
        return {f"probabilities_{k}": labels for k, labels in enumerate(each)}

    def outputs(self, model: Any, sample: Any) -> Outputs:
        kind = type(model).__name__
        predictions = call_on_sample(model.predict, sample, f"{kind}.predict")
        several = bool(self.target_classes(model))
        proba = None
        # Pipelines and searches have the attribute only when their last step has it
        if (several or self.classes(model) is not None) and hasattr(model, "predict_proba"):
            proba = call_on_sample(model.predict_proba, sample, f"{kind}.predict_proba")
        return as_outputs(predictions, proba, row_count(sample), several=several)

    def to_onnx(self, model: Any, signature: Signature) -> list[bytes]:
        return graphs(model, signature)


def _is_clusterer(model: Any) -> bool:
    try:
        from sklearn.base import is_clusterer
    except ImportError:  # before 1.6
        return getattr(model, "_estimator_type", None) == "clusterer"
    return bool(is_clusterer(model))


def _labels(model: Any) -> int:
    """How many labels a multi-label classifier answers for each row; 0 for any other."""
    if getattr(model, "multilabel_", False):
        return len(model.classes_)
    # MLPClassifier and RidgeClassifier say it nowhere else
    binarizer = getattr(model, "_label_binarizer", None)
    if binarizer is not None and str(binarizer.y_type_).startswith("multilabel"):
        return len(binarizer.classes_)
    if hasattr(model, "get_booster"):
        from jupyter_deploy.serving.engines.boosters import adopt

        targets: int = adopt(model.get_booster()).targets
        return targets if targets > 1 else 0
    return 0


ADAPTER = SklearnAdapter()
