"""What a model takes and answers, learnt from the sample it was packed with.

This is the one definition: packaging writes it, the runtime in every Bento reads it, and the
wire carries it as JSON. Standard library only, since it is copied into every Bento.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

#: Version of the JSON form; a reader refuses a newer one.
SCHEMA_VERSION = 1

Kind = Literal["number", "integer", "boolean", "string"]
Layout = Literal["dataframe", "array"]
Task = Literal["classification", "regression", "other"]


@dataclass(frozen=True)
class Column:
    """One input column.

    Attributes
    ----------
    name
        Column name; ``x0, x1, …`` for a numpy sample.
    dtype
        NumPy's or pandas' own name of the sample's dtype, e.g. ``float64`` or ``category``.
    kind
        JSON type that a request carries.
    nullable
        True when the sample held nulls (NaN, None); requests may then send ``null``.
    minimum, maximum
        Range seen in the sample, for numbers; None when there was no finite value.
    categories
        Values seen, for strings with at most 100 of them.
    """

    name: str
    dtype: str
    kind: Kind
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Output:
    """One named output tensor: ``predictions``, and ``probabilities`` for classifiers.

    Attributes
    ----------
    name
        Key of the answer.
    dtype
        NumPy dtype name; ``object`` for strings.
    shape
        Shape of a batch; the first axis is rows and stands as -1.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """Inputs and outputs of a version.

    Attributes
    ----------
    layout
        ``dataframe``: columns have names of the user's; ``array``: a 2-D numpy array.
    task
        What `predict` means.
    classes
        Labels in the order of the probabilities, for classifiers.
    example
        One row of the sample as a record, for docs and snippets.
    """

    layout: Layout
    task: Task
    inputs: tuple[Column, ...]
    outputs: tuple[Output, ...]
    classes: tuple[str | int | float | bool, ...] | None
    example: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, with its schema version."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "example": dict(self.example)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signature:
        """Rebuild a signature from :meth:`to_json`.

        Raises
        ------
        ValueError
            When the document is of a newer schema version.
        """
        if data["schema_version"] > SCHEMA_VERSION:
            raise ValueError(
                f"signature has schema version {data['schema_version']}, "
                f"this runtime reads up to {SCHEMA_VERSION}"
            )
        classes = data["classes"]
        return cls(
            layout=data["layout"],
            task=data["task"],
            inputs=tuple(
                Column(**{**c, "categories": _tuple(c["categories"])}) for c in data["inputs"]
            ),
            outputs=tuple(Output(**{**o, "shape": tuple(o["shape"])}) for o in data["outputs"]),
            classes=_tuple(classes),
            example=data["example"],
        )


def _tuple(values: Any) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)
