"""XGBoost: its scikit-learn estimators, and boosters of ``xgboost.train``."""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.adapters.boosters import (
    BoosterAdapter,
    adopted,
    is_booster,
    refuse_categories,
)
from jupyter_deploy.packaging.adapters.converting import graphs, refuse_inputs
from jupyter_deploy.packaging.adapters.table import NotConvertibleError

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Signature

#: Objectives that onnxmltools 1.16 converts into what answers the same.
_REGRESSIONS = (
    "reg:squarederror",
    "reg:squaredlogerror",
    "reg:pseudohubererror",
    "reg:absoluteerror",
    "count:poisson",
    "reg:gamma",
    "reg:tweedie",
    "rank:",
)
_CLASSIFICATIONS = ("binary:logistic", "binary:hinge", "multi:softprob", "multi:softmax")


class XgboostAdapter(BoosterAdapter):
    """See :class:`~jupyter_deploy.packaging.adapters.table.Adapter`."""

    name = "XGBoost"
    scores = ("rank:", "binary:logitraw", "survival:")

    def to_onnx(self, model: Any, signature: Signature) -> list[bytes]:
        refuse_categories(signature, self.name)
        refuse_inputs(signature)
        _refuse(model)
        return graphs(_estimator(model) if is_booster(model) else model, signature)


def _refuse(model: Any) -> None:
    """Refuse what has no converter, and what is converted into something that answers otherwise."""
    booster = model if is_booster(model) else model.get_booster()
    learner = json.loads(booster.save_config())["learner"]
    answers = adopted(booster)
    kind = learner["gradient_booster"]["name"]
    if kind != "gbtree":
        raise NotConvertibleError(
            f"XGBoost's booster {kind!r} has no conversion", "with booster='gbtree' it converts"
        )
    if answers.targets > 1 and answers.classes:
        raise NotConvertibleError(
            "a classifier of several targets is not converted",
            "a classifier for each target converts",
        )
    if answers.targets > 1:
        raise NotConvertibleError(
            f"one XGBoost model for {answers.targets} targets has no conversion",
            "with MultiOutputRegressor around a model for one target it converts",
        )
    trees = learner["gradient_booster"]["gbtree_model_param"]["num_parallel_tree"]
    if int(trees) > 1 and answers.classes > 2:
        raise NotConvertibleError(
            "XGBoost's random forest of more than two classes has no right conversion",
            "XGBClassifier converts, and so does scikit-learn's RandomForestClassifier",
        )
    missing = getattr(model, "missing", None)
    if missing is not None and not isnan(missing):
        raise NotConvertibleError(
            f"missing={missing!r} has no conversion", "with NaN for missing values it converts"
        )
    if "c" in (booster.feature_types or ()):
        raise NotConvertibleError(
            "XGBoost splits by categories, which ONNX has no form for",
            "in a Pipeline, behind a OneHotEncoder for such columns, it converts",
        )
    if not answers.objective.startswith((*_REGRESSIONS, *_CLASSIFICATIONS)):
        raise NotConvertibleError(f"the objective {answers.objective} has no conversion")


def _estimator(booster: Any) -> Any:
    """Wrap a booster into the estimator that answers as it does, which is what converts."""
    import xgboost

    model = adopted(booster)
    estimator = xgboost.XGBClassifier() if model.classes else xgboost.XGBRegressor()
    twin = booster.copy()
    # an estimator would stop at the best iteration; Booster.predict takes all its trees
    twin.set_attr(best_iteration=None, best_score=None)
    estimator.load_model(twin.save_raw())
    return estimator


ADAPTER = XgboostAdapter()
