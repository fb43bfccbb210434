"""What a model takes and answers, learnt from the sample it was packed with.

This is the one definition: packaging writes it, the runtime in every Bento reads it, and the
wire carries it as JSON. Standard library only, since it is copied into every Bento.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .policies import CHECKS, Policy

#: Version of the JSON form; a reader refuses a newer one.
SCHEMA_VERSION = 2

Kind = Literal["number", "integer", "boolean", "string", "datetime"]
#: What the model is called with: a pandas or polars DataFrame, a list of dicts, a 2-D numpy
#: array, or named tensors (one array of more than two dimensions, or a dict of arrays).
Layout = Literal["dataframe", "polars", "records", "array", "tensors"]
Task = Literal["classification", "regression", "clustering", "outliers", "other"]
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Column:
    """One input column, or one input tensor.

    Attributes
    ----------
    name
        Column name; ``x0, x1, …`` for a numpy sample.
    dtype
        NumPy's, pandas' or polars' own name of the sample's dtype, e.g. ``float64``,
        ``category`` or ``datetime64[ns, UTC]``.
    kind
        What a request carries: a JSON type, or for ``datetime`` a string in ISO 8601.
    nullable
        True when the sample held nulls (NaN, None); requests may then send ``null``.
    minimum, maximum
        Range seen in the sample, for numbers (finite values only) and, in ISO 8601, for
        datetimes; None when there was no value.
    categories
        Values seen, for strings with at most 100 of them; for a categorical dtype all values
        it knows, in its order.
    null_share
        Share of nulls in the sample, 0 to 1.
    infinite
        True when the sample held infinities.
    shape
        Shape of one row's value: empty for a scalar; -1 where the length varies.
    policies
        Policy by check, where it differs from the signature's.
    ordered
        Whether a categorical dtype's categories have an order.
    """

    name: str
    dtype: str
    kind: Kind
    nullable: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    categories: tuple[Scalar, ...] | None = None
    null_share: float = 0.0
    infinite: bool = False
    shape: tuple[int, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    ordered: bool = False


@dataclass(frozen=True)
class Output:
    """One named output tensor: ``predictions``, ``probabilities`` for classifiers, and others.

    A classifier of several targets has ``probabilities_0``, ``probabilities_1``, …; an ONNX
    model that was handed in keeps the names of its outputs after the first.

    Attributes
    ----------
    name
        Key of the answer.
    dtype
        NumPy dtype name; ``object`` for strings.
    shape
        Shape of a batch; the first axis is rows and stands as -1.
    classes
        Labels in the order of the last axis, for the probabilities of one target of several.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    classes: tuple[Scalar, ...] | None = None


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
    policies
        Policy by check, where it differs from :data:`~.policies.CHECKS`.
    max_rows
        Rows a request may hold; None for no limit but the body's.
    """

    layout: Layout
    task: Task
    inputs: tuple[Column, ...]
    outputs: tuple[Output, ...]
    classes: tuple[Scalar, ...] | None
    example: Mapping[str, Any]
    policies: Mapping[str, Policy] = field(default_factory=dict)
    max_rows: int | None = None

    def policy(self, check: str, column: Column | None = None) -> Policy:
        """Return what is done when `check` finds something, in `column` if it is about one."""
        if column is not None and check in column.policies:
            return column.policies[check]
        return self.policies.get(check, CHECKS[check].default)

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
                Column(
                    **{
                        **c,
                        "categories": _tuple(c["categories"]),
                        "shape": tuple(c.get("shape", ())),
                    }
                )
                for c in data["inputs"]
            ),
            outputs=tuple(
                Output(**{**o, "shape": tuple(o["shape"]), "classes": _tuple(o.get("classes"))})
                for o in data["outputs"]
            ),
            classes=_tuple(classes),
            example=data["example"],
            policies=data.get("policies", {}),
            max_rows=data.get("max_rows"),
        )


def _tuple(values: Any) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)
