"""What a version takes and answers, as people read it: the words of every form that is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from jupyter_deploy.client.alignment import table
from jupyter_deploy.serving.signature import Column, Output, Scalar, Signature

if TYPE_CHECKING:
    from jupyter_deploy.types import VersionSpec

#: Of more than these columns only the first and the last ones are shown.
_FIRST, _LAST, _MOST = 30, 10, 50
#: Characters of a list of values, of a name, and of the example.
_VALUES, _NAME, _EXAMPLE = 48, 40, 600

_SAMPLES = {
    "dataframe": "pandas DataFrame",
    "polars": "polars DataFrame",
    "records": "list of dicts",
    "array": "array",
    "tensors": "tensors",
}


@dataclass(frozen=True, repr=False)
class VersionSignature(Signature):
    """The signature of a version that was deployed; shows itself as a table.

    Attributes
    ----------
    name, version
        Whose it is.
    """

    name: str = ""
    version: str = ""

    @classmethod
    def of(cls, spec: VersionSpec) -> VersionSignature:
        """Return the signature of a version."""
        return replace(cls.from_json(spec.signature), name=spec.name, version=spec.version)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> VersionSignature:
        """Rebuild it from :meth:`to_json`; nameless."""
        found = super().from_json(data)
        assert isinstance(found, cls)  # noqa: S101  it makes what it is called on
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of the signature alone."""
        return {k: v for k, v in super().to_json().items() if k not in ("name", "version")}

    def __repr__(self) -> str:
        parts = [f"{self.name} {self.version}".strip()]
        parts.append("\n".join(f"{label:<9} {said}" for label, said in facts(self)))
        for grid in (columns(self), outputs(self)):
            text = table([title.upper() for title in grid.header], grid.rows)
            parts.append(f"\n{text}")
        return "\n".join(parts)


class Grid(NamedTuple):
    """A table in words."""

    header: tuple[str, ...]
    rows: list[tuple[str, ...]]


def facts(signature: Signature) -> list[tuple[str, str]]:
    """Return what is said of the signature as a whole, as labels and sentences."""
    count = len(signature.inputs)
    noun = "tensor" if signature.layout == "tensors" else "column"
    found = [
        ("takes", f"{count} {noun}{'s' * (count != 1)} (sample: {_SAMPLES[signature.layout]})"),
        ("task", signature.task),
    ]
    if signature.classes is not None:
        found.append(("classes", labels(signature.classes)))
    if signature.policies:
        found.append(("policies", _policies(signature.policies)))
    if signature.max_rows is not None:
        found.append(("limit", f"{signature.max_rows} rows a request"))
    return [*found, ("example", _clipped(_example(signature.example), _EXAMPLE))]


def columns(signature: Signature) -> Grid:
    """Return a row for each input, of more than 50 for the first and last ones."""
    inputs = signature.inputs
    header = ["column", "dtype", "takes", "shape", "seen", "nulls", "policies"]
    shown = [_cells(column) for column in _ends(inputs)]
    needless = [
        at
        for at, needed in (
            (3, any(column.shape for column in inputs)),
            (6, any(column.policies for column in inputs)),
        )
        if not needed
    ]
    rows = [_without(row, needless) for row in shown]
    if len(inputs) > _MOST:
        hidden = len(inputs) - _FIRST - _LAST
        dots = (f"… {hidden} more …", *[""] * (len(rows[0]) - 1))
        rows.insert(_FIRST, dots)
    return Grid(_without(header, needless), rows)


def outputs(signature: Signature) -> Grid:
    """Return a row for each output."""
    own = any(output.classes is not None for output in signature.outputs)
    needless = [] if own else [3]
    header = _without(["output", "dtype", "shape", "classes"], needless)
    return Grid(header, [_without(_output(output), needless) for output in signature.outputs])


def labels(values: Sequence[Scalar]) -> str:
    """Return values as JSON writes them, as many as fit, and how many there are."""
    shown: list[str] = []
    length = 0
    for value in values:
        text = _clipped(json.dumps(value, ensure_ascii=False), _NAME)
        length += len(text) + 2
        if shown and length > _VALUES:
            return f"{', '.join(shown)} … ({len(values)} in all)"
        shown.append(text)
    return ", ".join(shown)


def _cells(column: Column) -> tuple[str, ...]:
    return (
        _clipped(column.name, _NAME),
        column.dtype,
        column.kind,
        _shape(column.shape),
        _seen(column),
        _nulls(column),
        _policies(column.policies),
    )


def _output(output: Output) -> tuple[str, ...]:
    shape = ", ".join(["rows", *map(_axis, output.shape[1:])])
    classes = labels(output.classes) if output.classes is not None else ""
    return _clipped(output.name, _NAME), output.dtype, f"({shape})", classes


def _seen(column: Column) -> str:
    if column.categories is not None:
        return labels(column.categories)
    parts = []
    if column.minimum is not None and column.maximum is not None:
        parts.append(f"{_value(column, column.minimum)} to {_value(column, column.maximum)}")
    if column.infinite:
        parts.append("infinite")
    return ", ".join(parts) or "-"


def _value(column: Column, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return str(int(value)) if column.kind == "integer" else f"{value:.6g}"


def _nulls(column: Column) -> str:
    if not column.nullable:
        return "none"
    share = 100 * column.null_share
    return "< 0.1 %" if 0 < share < 0.1 else f"{share:.3g} %"


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(_axis, shape)) or "-"


def _axis(length: int) -> str:
    return "any" if length == -1 else str(length)


def _policies(policies: Mapping[str, str]) -> str:
    return ", ".join(f"{check}={policy}" for check, policy in policies.items())


def _example(example: Mapping[str, Any]) -> str:
    return json.dumps(dict(example), ensure_ascii=False, default=str)


def _clipped(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _ends(inputs: Sequence[Column]) -> Sequence[Column]:
    return inputs if len(inputs) <= _MOST else [*inputs[:_FIRST], *inputs[-_LAST:]]


def _without(row: Sequence[str], places: Sequence[int]) -> tuple[str, ...]:
    return tuple(cell for at, cell in enumerate(row) if at not in places)
