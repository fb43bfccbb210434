"""Anything with ``predict``, and any function of one argument: served natively, by cloudpickle."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import UnsupportedModelError
from jupyter_deploy.packaging.adapters.table import NotConvertibleError, Whole
from jupyter_deploy.packaging.diagnosis.calls import call_on_sample, name_of
from jupyter_deploy.packaging.diagnosis.parameters import bound, counted, parameters_of, takes
from jupyter_deploy.packaging.diagnosis.template import template
from jupyter_deploy.packaging.outputs import as_outputs, plain_values
from jupyter_deploy.packaging.samples import article, row_count

if TYPE_CHECKING:
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.signature import Signature, Task


class GenericAdapter(Whole):
    """See :class:`~jupyter_deploy.packaging.adapters.table.Adapter`."""

    name = "Python"

    def check(self, model: Any) -> None:
        kind = type(model).__name__
        if isinstance(model, type):
            raise UnsupportedModelError(
                f"{model.__name__} is a class, not a trained model.",
                f"Make an object of it and train it: model = {model.__name__}(...).fit(X, y)",
            )
        if isinstance(model, ModuleType) or not (_has_predict(model) or callable(model)):
            raise UnsupportedModelError(
                f"This {kind} can't be deployed: it has no predict method and can't be called.",
                template(model),
            )
        parameters = None if _has_predict(model) else parameters_of(model)
        if parameters is not None and not takes(parameters, 1):
            raise UnsupportedModelError(
                f"The function {name_of(model)} takes {counted(parameters)}; it is called with "
                "one, the rows.".replace("function a lambda", "lambda"),
                bound("model", model, "rows", parameters),
            )

    def task(self, model: Any) -> Task:
        return "other" if self.classes(model) is None else "classification"

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        if not callable(getattr(model, "predict_proba", None)):
            return None
        return plain_classes(getattr(model, "classes_", None))

    def outputs(self, model: Any, sample: Any) -> Outputs:
        kind = getattr(model, "__name__", type(model).__name__)
        rows = row_count(sample)
        if not _has_predict(model):
            return as_outputs(call_on_sample(model, sample, f"{kind}()"), None, rows)
        proba = None
        if self.classes(model) is not None:
            proba = call_on_sample(model.predict_proba, sample, f"{kind}.predict_proba")
        return as_outputs(call_on_sample(model.predict, sample, f"{kind}.predict"), proba, rows)

    def to_onnx(self, model: Any, signature: Signature) -> list[bytes]:
        kind = "a function" if not _has_predict(model) else article(type(model).__name__)
        raise NotConvertibleError(f"{kind} is Python code, which has no ONNX form")


def _has_predict(model: Any) -> bool:
    return callable(getattr(model, "predict", None))


def plain_classes(classes: Any) -> tuple[Any, ...] | None:
    """Labels as plain Python values; None when there are none, or one set for each output."""
    if classes is None or isinstance(classes, list | tuple):
        classes = classes or ()
        flat = all(isinstance(c, str | int | float | bool) for c in classes)
        return tuple(classes) if classes and flat else None
    if getattr(classes, "ndim", 1) != 1:
        return None
    values = plain_values(classes)
    return tuple(v if isinstance(v, str | int | float | bool) else str(v) for v in values)


ADAPTER = GenericAdapter()
