"""What the adapters of XGBoost and LightGBM share: their own boosters, beside sklearn's way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from jupyter_deploy.packaging.adapters.sklearn import SklearnAdapter
from jupyter_deploy.packaging.adapters.table import NotConvertibleError
from jupyter_deploy.packaging.diagnosis.calls import call_on_sample
from jupyter_deploy.packaging.outputs import as_outputs
from jupyter_deploy.packaging.samples import row_count

if TYPE_CHECKING:
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.engines.boosters import BoosterModel
    from jupyter_deploy.serving.signature import Signature, Task


class BoosterAdapter(SklearnAdapter):
    """Estimators as scikit-learn's are, and bare boosters by their objective."""

    #: Objectives whose values are no measure of the target, by how they begin.
    scores: tuple[str, ...]

    def check(self, model: Any) -> None:
        if not is_booster(model):
            super().check(model)

    def task(self, model: Any) -> Task:
        if not is_booster(model):
            return super().task(model)
        booster = adopted(model)
        if booster.classes:
            return "classification"
        return "other" if booster.objective.startswith(self.scores) else "regression"

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        if not is_booster(model):
            return super().classes(model)
        booster = adopted(model)
        if not booster.classes or booster.targets > 1:
            return None
        return tuple(range(booster.classes))

    def target_classes(self, model: Any) -> Mapping[str, tuple[Any, ...]]:
        if not is_booster(model):
            return super().target_classes(model)
        booster = adopted(model)
        if booster.answer != "multilabel":
            return {}
        return {f"probabilities_{k}": (0, 1) for k in range(booster.targets)}

    def outputs(self, model: Any, sample: Any) -> Outputs:
        if not is_booster(model):
            return super().outputs(model, sample)
        booster = adopted(model)
        predictions, proba = call_on_sample(booster.predict_both, sample, "Booster.predict")
        if booster.answer in ("labels", "values"):
            proba = None
        several = booster.answer == "multilabel"
        return as_outputs(predictions, proba, row_count(sample), several=several)


def is_booster(model: Any) -> bool:
    """Whether `model` is a bare booster."""
    from jupyter_deploy.serving.engines.boosters import adopt

    return adopt(model) is not model


def adopted(model: Any) -> BoosterModel:
    """Return a bare booster as it is called."""
    from jupyter_deploy.serving.engines.boosters import adopt

    found: BoosterModel = adopt(model)
    return found


def refuse_categories(signature: Signature, library: str) -> None:
    """Refuse columns of categories, which a booster encodes by tables of its own.

    Raises
    ------
    NotConvertibleError
        Naming the column.
    """
    for column in signature.inputs:
        if column.kind == "string" or column.dtype in ("category", "Categorical", "Enum"):
            raise NotConvertibleError(
                f"column {column.name!r} holds categories, which {library} encodes by itself and "
                "ONNX has no form for",
                "in a Pipeline, behind a OneHotEncoder for such columns, it converts",
            )
