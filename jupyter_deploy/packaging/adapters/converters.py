"""Teaches skl2onnx the estimators of XGBoost and LightGBM, whose converters are onnxmltools'."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

_Options = Mapping[str, list[Any] | None]
_CLASSIFIER: _Options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


def register() -> None:
    """Register what is loaded: a pipeline with a step of a library has loaded it.

    A library that its converter doesn't know (another release, half an installation) is left
    out, and its models stay native: it must not be in the way of other models.
    """
    for library, teach in (("xgboost", _register_xgboost), ("lightgbm", _register_lightgbm)):
        if library in sys.modules:
            with suppress(ImportError, AttributeError):
                teach()


@cache
def _register_xgboost() -> None:
    import xgboost
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

    def convert(scope: Any, operator: Any, container: Any) -> None:
        operator.raw_operator = _nameless(operator.raw_operator)
        convert_xgboost(scope, operator, container)

    for kind in (xgboost.XGBClassifier, xgboost.XGBRFClassifier):
        _register(kind, convert, _CLASSIFIER)
    for kind in (xgboost.XGBRegressor, xgboost.XGBRFRegressor, xgboost.XGBRanker):
        _register(kind, convert, {})


@cache
def _register_lightgbm() -> None:
    import lightgbm
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm

    _register(lightgbm.LGBMClassifier, convert_lightgbm, _CLASSIFIER)
    for kind in (lightgbm.LGBMRegressor, lightgbm.LGBMRanker):
        _register(kind, convert_lightgbm, {"split": None})


def _register(kind: type, convert: Callable[..., None], options: _Options) -> None:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    shapes = (
        calculate_linear_classifier_output_shapes
        if options is _CLASSIFIER
        else calculate_linear_regressor_output_shapes
    )
    name = f"{kind.__module__.partition('.')[0].title()}{kind.__name__}"
    update_registered_converter(kind, name, shapes, convert, options=dict(options) or None)


def _nameless(model: Any) -> Any:
    """Return the estimator with columns f0, f1, …, the only names that the converter reads."""
    booster = model.get_booster().copy()
    booster.feature_names = None
    twin = copy.copy(model)
    twin.get_booster = lambda: booster
    return twin
