"""LightGBM: its scikit-learn estimators, and boosters of ``lightgbm.train``."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.adapters.boosters import (
    BoosterAdapter,
    adopted,
    is_booster,
    refuse_categories,
)
from jupyter_deploy.packaging.adapters.converting import graphs, opset, refuse_inputs
from jupyter_deploy.packaging.adapters.table import NotConvertibleError
from jupyter_deploy.packaging.onnx_graph import finish

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Signature

#: Objectives that onnxmltools 1.16 converts into what answers the same.
_CONVERTED = (
    "binary",
    "multiclass",
    "regression",
    "huber",
    "quantile",
    "poisson",
    "gamma",
    "tweedie",
    "lambdarank",
    "rank_xendcg",
)


class LightgbmAdapter(BoosterAdapter):
    """See :class:`~jupyter_deploy.packaging.adapters.table.Adapter`."""

    name = "LightGBM"
    scores = ("lambdarank", "rank_xendcg")

    def to_onnx(self, model: Any, signature: Signature) -> list[bytes]:
        refuse_categories(signature, self.name)
        refuse_inputs(signature)
        _refuse(model)
        return (
            [_convert_booster(model, signature)] if is_booster(model) else graphs(model, signature)
        )


def _refuse(model: Any) -> None:
    """Refuse what has no converter, and what is converted into something that answers otherwise."""
    booster = model if is_booster(model) else model.booster_
    dump = booster.dump_model(num_iteration=1)
    objective = adopted(booster).objective
    if any(tree.get("num_cat") for tree in booster.dump_model()["tree_info"]):
        raise NotConvertibleError(
            "LightGBM splits by categories, which ONNX has no form for",
            "in a Pipeline, behind a OneHotEncoder for such columns, it converts",
        )
    if dump.get("average_output"):
        raise NotConvertibleError(
            "LightGBM's random forest has no right conversion",
            "with boosting_type='gbdt' it converts, and so does scikit-learn's RandomForest",
        )
    if booster.params.get("linear_tree") or getattr(model, "linear_tree", False):
        raise NotConvertibleError(
            "LightGBM's linear trees have no conversion", "with linear_tree=False it converts"
        )
    if objective not in _CONVERTED:
        raise NotConvertibleError(
            f"LightGBM's objective {objective or 'of your own'!r} has no conversion"
        )


def _convert_booster(booster: Any, signature: Signature) -> bytes:
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    if booster.best_iteration > 0:
        # the converter counts on all trees; Booster.predict stops at the best one
        booster = lightgbm.Booster(model_str=booster.model_to_string())
    types = [("X", FloatTensorType([None, len(signature.inputs)]))]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = convert_lightgbm(
                booster, initial_types=types, zipmap=False, target_opset=_opset()
            )
        return finish(graph, signature)
    except Exception as error:  # the converter raises whatever its parts raise
        raise NotConvertibleError(f"the conversion of the Booster failed: {error}") from error


def _opset() -> int:
    from onnxmltools.convert.common.onnx_ex import get_maximum_opset_supported

    return min(int(get_maximum_opset_supported()), opset()[""])


ADAPTER = LightgbmAdapter()
