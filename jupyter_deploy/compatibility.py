"""What a version number promises: within a major one, whoever calls the service goes on as before.

Pure. :func:`differences` says what of a signature a caller would notice. Not counted is what no
caller has to change for: ranges and categories that were seen, null shares, widths of numbers
(``float64`` to ``float32``, ``int64`` to ``Int64``), the example, policies, and a column that takes
nulls now and didn't before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_deploy.exceptions import UsageError
from jupyter_deploy.types import Difference

if TYPE_CHECKING:
    from jupyter_deploy.serving.signature import Column, Output, Scalar, Signature

    Labels = tuple[Scalar, ...] | None

Number = tuple[int, int, int]

_NUMBER = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")

#: Layouts with columns that have names of the user's look the same to who calls.
_LAYOUTS = {
    "dataframe": "columns with names",
    "polars": "columns with names",
    "records": "columns with names",
    "array": "a 2-D array",
    "tensors": "tensors",
}
_NUMERIC = re.compile(r"u?int|float")
#: Values of a list that are shown, beginning beside the first that differs.
_SHOWN = 4
#: Differences that are put into a message; the rest is counted.
_TOLD = 8


def parse(version: str) -> Number | None:
    """Return `version` as three numbers, or None when it isn't ``MAJOR.MINOR.PATCH``."""
    match = _NUMBER.fullmatch(version)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def check_version(version: str) -> str:
    """Return `version` when it is ``MAJOR.MINOR.PATCH``.

    Raises
    ------
    UsageError
        When it isn't.
    """
    if not isinstance(version, str) or parse(version) is None:
        raise UsageError(f"{version!r} is not a version.", "Write three numbers, as in 1.2.0.")
    return version


def differences(old: Signature, new: Signature) -> list[Difference]:
    """Return what a caller of `old` would notice when `new` took its place.

    Returns
    -------
    list of Difference
        Of the input: columns in the order of `old`, then those that are new; of what the model
        means; of what it answers. Empty when no caller has to change anything.
    """
    found: list[Difference] = []
    before, after = _LAYOUTS[old.layout], _LAYOUTS[new.layout]
    if before != after:
        found.append(Difference(column="", what="input", before=before, after=after))
    found += _inputs(old.inputs, new.inputs)
    if old.task != new.task:
        found.append(Difference(column="", what="task", before=old.task, after=new.task))
    return [*found, *_classes(old, new), *_outputs(old, new)]


def sentence(difference: Difference) -> str:
    """Return a difference as a clause: ``column 'age': type was integer, is number``."""
    what = difference.what
    part = "output" if what.startswith("output") else "column"
    subject = f"{part} {difference.column!r}" if difference.column else ""
    if what in ("column", "output"):
        gone = difference.after == ""
        return f"{subject} is gone" if gone else f"{subject} is new ({difference.after})"
    what = what.removeprefix("output ")
    was, now = ("were", "are") if what == "classes" else ("was", "is")
    before, after = difference.before or "none", difference.after or "none"
    return f"{subject}{': ' if subject else ''}{what} {was} {before}, {now} {after}"


def sentences(found: Sequence[Difference]) -> list[str]:
    """Return differences as clauses, at most eight and a count of the rest."""
    told = [sentence(one) for one in found[:_TOLD]]
    rest = len(found) - len(told)
    return [*told, f"and {rest} more"] if rest else told


def _inputs(old: Sequence[Column], new: Sequence[Column]) -> Iterator[Difference]:
    was = {column.name: column for column in old}
    now = {column.name: column for column in new}
    for name, column in was.items():
        if name in now:
            yield from _column(column, now[name])
        else:
            yield Difference(column=name, what="column", before=_takes(column), after="")
    for name, column in now.items():
        if name not in was:
            yield Difference(column=name, what="column", before="", after=_takes(column))
    kept = [name for name in was if name in now], [name for name in now if name in was]
    if kept[0] != kept[1]:
        before, after = _around(*kept)
        yield Difference(column="", what="order of columns", before=before, after=after)


def _column(old: Column, new: Column) -> Iterator[Difference]:
    if old.kind != new.kind:
        yield Difference(column=old.name, what="type", before=old.kind, after=new.kind)
    if old.shape != new.shape:
        before, after = _shape(old.shape), _shape(new.shape)
        yield Difference(column=old.name, what="shape", before=before, after=after)
    if old.nullable and not new.nullable:
        yield Difference(column=old.name, what="null", before="taken", after="refused")


def _outputs(old: Signature, new: Signature) -> Iterator[Difference]:
    was = {output.name: output for output in old.outputs}
    now = {output.name: output for output in new.outputs}
    relabelled = not _same(old.classes, new.classes)
    for name, output in was.items():
        if name in now:
            yield from _output(output, now[name], relabelled)
        else:
            yield Difference(column=name, what="output", before=_answers(output), after="")
    for name, output in now.items():
        if name not in was:
            yield Difference(column=name, what="output", before="", after=_answers(output))


def _output(old: Output, new: Output, relabelled: bool) -> Iterator[Difference]:
    before, after = _kind(old), _kind(new)
    if before != after:
        yield Difference(column=old.name, what="output type", before=before, after=after)
    own = not _same(old.classes, new.classes)
    if own:
        yield _labels(old.name, "output classes", old.classes, new.classes)
    # as many probabilities as classes: that was said with the classes
    said = own or (relabelled and old.name == "probabilities")
    if old.shape[1:] != new.shape[1:] and not said:
        before, after = _shape(old.shape[1:]), _shape(new.shape[1:])
        yield Difference(column=old.name, what="output shape", before=before, after=after)


def _classes(old: Signature, new: Signature) -> Iterator[Difference]:
    appeared = (old.classes is None) != (new.classes is None)
    if appeared and old.task != new.task:
        return  # the task says it
    if not _same(old.classes, new.classes):
        yield _labels("", "classes", old.classes, new.classes)


def _labels(column: str, what: str, old: Labels, new: Labels) -> Difference:
    before, after = _around([_json(v) for v in old or ()], [_json(v) for v in new or ()])
    return Difference(column=column, what=what, before=before, after=after)


def _same(old: Labels, new: Labels) -> bool:
    if old is None or new is None:
        return old is new
    # 1 and 1.0 are one number on the wire; true is something else, though 1 to Python
    return [(type(v) is bool, v) for v in old] == [(type(v) is bool, v) for v in new]


def _takes(column: Column) -> str:
    return f"{column.kind} of shape {_shape(column.shape)}" if column.shape else column.kind


def _answers(output: Output) -> str:
    shape = output.shape[1:]
    return f"{_kind(output)} of shape {_shape(shape)}" if shape else _kind(output)


def _kind(output: Output) -> str:
    if output.dtype.startswith("bool"):
        return "boolean"
    return "number" if _NUMERIC.match(output.dtype) else "string"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join("any" if n == -1 else str(n) for n in shape) or "one value"


def _around(before: Sequence[str], after: Sequence[str]) -> tuple[str, str]:
    """Return two lists in words, from shortly before the first place where they differ."""
    pairs = zip(before, after, strict=False)
    first = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(before), len(after)))
    start = max(0, first - 1) if max(len(before), len(after)) > _SHOWN else 0
    return _window(before, start), _window(after, start)


def _window(values: Sequence[str], start: int) -> str:
    shown = list(values[start : start + _SHOWN])
    if start:
        shown.insert(0, "…")
    if start + _SHOWN < len(values):
        shown.append(f"… ({len(values)} in all)")
    return ", ".join(shown)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
