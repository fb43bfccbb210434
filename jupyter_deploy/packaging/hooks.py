"""The user's functions before and after the model."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import SampleError, UsageError
from jupyter_deploy.packaging.diagnosis.calls import call_on_sample, name_of
from jupyter_deploy.packaging.diagnosis.parameters import bound, counted, parameters_of, takes
from jupyter_deploy.packaging.outputs import Outputs, as_outputs
from jupyter_deploy.packaging.samples import PREPROCESSED, article, open_sample, row_count
from jupyter_deploy.packaging.samples.values import OpaqueSample, ValuesSample

if TYPE_CHECKING:
    from jupyter_deploy.packaging.samples import Sample

Preprocess = Callable[[Any], Any]
Postprocess = Callable[..., Any]

#: Names a second parameter with a default must have to be given the probabilities.
_PROBABILITIES = ("probabilities", "probability", "proba", "probs")


@dataclass(frozen=True)
class Hooks:
    """Functions that run in front of a model and behind it, in the served process too.

    Attributes
    ----------
    preprocess
        Called with rows in the sample's own type; returns what the model's ``predict`` takes,
        one entry a row.
    postprocess
        Called with the predictions, or with predictions and probabilities when it has two
        parameters; returns one value a row, which becomes the new predictions.
    takes_probabilities
        Whether `postprocess` is called with both.
    """

    preprocess: Preprocess | None
    postprocess: Postprocess | None
    takes_probabilities: bool = False

    def content(self) -> dict[str, Any]:
        """Return what is pickled into ``hooks.pkl``: plain, so that it loads without us."""
        return {
            "preprocess": self.preprocess,
            "postprocess": self.postprocess,
            "takes_probabilities": self.takes_probabilities,
        }

    def before(self, rows: Any) -> Any:
        """Return what the model is called with.

        Raises
        ------
        SampleError
            When preprocess raises, or doesn't return one entry a row.
        """
        if self.preprocess is None:
            return rows
        count = row_count(rows)
        what = f"preprocess {name_of(self.preprocess)}"
        # described before the call, which may change it
        given = _described(rows)
        returned = call_on_sample(
            self.preprocess, rows, what, hint=f"preprocess is called with {given}."
        )
        if inspect.isawaitable(returned):
            raise _awaitable(what, returned)
        if returned is None:
            open_sample(returned, subject=PREPROCESSED)
        try:
            found = row_count(returned)
        except (TypeError, IndexError):
            raise SampleError(
                f"{what} returned {article(type(returned).__name__)}, which has no rows.",
                "Return what the model's predict takes: one entry for each row it was given.",
            ) from None
        if found != count:
            raise SampleError(
                f"{what} returned {found} rows for {count}.",
                "Return one row for each row it was given, in their order: fill in what is "
                "missing instead of dropping the row (dropna, drop_duplicates, a filter).",
            )
        return returned

    def after(self, outputs: Outputs) -> Outputs:
        """Return what clients get for what the model answered.

        Raises
        ------
        SampleError
            When postprocess raises, or doesn't return one value a row.
        """
        if self.postprocess is None:
            return outputs
        what = f"postprocess {name_of(self.postprocess)}"
        predictions = outputs.predictions
        if self.takes_probabilities and outputs.probabilities is None:
            raise SampleError(
                f"{what} takes predictions and probabilities, and the model answers no "
                "probabilities.",
                "Give it one parameter, the predictions.",
            )
        both = self.takes_probabilities
        shape = f"predictions (an array of {predictions.dtype}, shape {predictions.shape})"
        if both and outputs.probabilities is not None:
            shape += f" and probabilities (shape {outputs.probabilities.shape})"
        returned = call_on_sample(
            self.postprocess,
            # a copy: it may be changed in place
            predictions.copy(),
            what,
            *(
                (outputs.probabilities.copy(),)
                if both and outputs.probabilities is not None
                else ()
            ),
            on="the model's answers",
            hint=f"postprocess is called with {shape}.",
        )
        if inspect.isawaitable(returned):
            raise _awaitable(what, returned)
        try:
            new = as_outputs(returned, None, len(predictions)).predictions
        except SampleError as error:
            said = error.message.replace("The model", what, 1)
            raise SampleError(
                said.replace("rows of the sample", "predictions"), error.hint
            ) from None
        return Outputs(new, outputs.probabilities, outputs.others)


def hooks_of(preprocess: Any, postprocess: Any) -> Hooks | None:
    """Check the functions; None when there are none.

    Raises
    ------
    UsageError
        When one can't be called, or takes another number of parameters.
    """
    if preprocess is None and postprocess is None:
        return None
    if preprocess is not None:
        _check_callable("preprocess", preprocess, "transform")
        parameters = parameters_of(preprocess)
        if parameters is not None and not takes(parameters, 1):
            raise UsageError(
                f"preprocess {name_of(preprocess)} takes {counted(parameters)}; it is called "
                "with one, the rows.",
                bound("preprocess", preprocess, "rows", parameters),
            )
    both = False
    if postprocess is not None:
        _check_callable("postprocess", postprocess, "inverse_transform")
        parameters = parameters_of(postprocess)
        if parameters is not None:
            if not takes(parameters, 1) and not takes(parameters, 2):
                raise UsageError(
                    f"postprocess {name_of(postprocess)} takes {counted(parameters)}; it is "
                    "called with one, the predictions, or with two, predictions and "
                    "probabilities.",
                    bound("postprocess", postprocess, "predictions", parameters),
                )
            both = _wants_probabilities(parameters)
    return Hooks(preprocess, postprocess, both)


def open_rows(data: Any) -> tuple[Sample, str]:
    """Return what preprocess made as a sample, and why it can't be converted if so."""
    try:
        sample = open_sample(data, subject=PREPROCESSED)
        sample.columns()
        return sample, ""
    except SampleError as refused:
        kind = refused
    one = getattr(data, "ndim", None) == 1 or (
        isinstance(data, list | tuple) and all(isinstance(v, str | float | int) for v in data)
    )
    if one:
        try:
            values = ValuesSample(data, PREPROCESSED)
            values.columns()
            return values, ""
        except SampleError as refused:
            kind = refused
    reason = kind.message.rstrip(".")
    return OpaqueSample(data, PREPROCESSED), f"{reason[0].lower()}{reason[1:]}"


def _check_callable(word: str, hook: Any, method: str) -> None:
    if inspect.iscoroutinefunction(hook):
        raise UsageError(
            f"{word} {name_of(hook)} is an async function.",
            "Write it as a plain one: def, not async def.",
        )
    if isinstance(hook, type):
        raise UsageError(
            f"{word} {hook.__name__} is a class.",
            "Give a function, or an object of the class that can be called.",
        )
    if callable(hook):
        return
    if callable(getattr(hook, method, None)):
        hint = f"Give its method: {word}=NAME.{method}, with NAME your variable."
    else:
        first = "rows" if word == "preprocess" else "predictions"
        hint = f"Give a function: def {word}({first}): …"
    raise UsageError(f"{word} is {article(type(hook).__name__)}, which can't be called.", hint)


def _wants_probabilities(parameters: list[inspect.Parameter]) -> bool:
    if not takes(parameters, 1):
        return True
    # score(p, threshold=0.5) wants its own default there
    return len(parameters) > 1 and parameters[1].name in _PROBABILITIES


def _described(rows: Any) -> str:
    kind = type(rows)
    top = kind.__module__.partition(".")[0]
    name = kind.__name__ if top == "builtins" else f"{top} {kind.__name__}"
    columns = getattr(rows, "columns", None)
    if columns is not None:
        names = [str(c) for c in columns]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        return f"a {name} of the columns {', '.join(names[:8])}{more}"
    if isinstance(rows, dict):
        return f"a dict of arrays ({', '.join(map(str, rows))})"
    if isinstance(rows, list) and rows:
        return f"a list of dicts with the keys {', '.join(map(str, rows[0]))}"
    return f"a {name} of shape {rows.shape}"


def _awaitable(what: str, returned: Any) -> SampleError:
    if hasattr(returned, "close"):
        returned.close()
    return SampleError(
        f"{what} returned a coroutine.", "Write it as a plain function: def, not async def."
    )
