"""Which adapter packs a model: a table by the top-level module of the model's type.

The lookup walks the type's ancestors and compares names only, so that no framework is imported
for a model of another one; the adapter's own module is imported at its first use.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_deploy.exceptions import PackagingError

if TYPE_CHECKING:
    from jupyter_deploy.packaging.outputs import Outputs
    from jupyter_deploy.serving.signature import Signature, Task


class NotConvertibleError(Exception):
    """A model has no ONNX form.

    Attributes
    ----------
    clause
        Which part of it, and why.
    instead
        What would convert, as a clause; empty when nothing is known.
    """

    def __init__(self, clause: str, instead: str = "") -> None:
        super().__init__(f"{clause}; {instead}" if instead else clause)
        self.clause = clause
        self.instead = instead


class Adapter(Protocol):
    """What packaging needs to know about the models of one framework.

    Attributes
    ----------
    name
        Word for people, e.g. ``scikit-learn``.
    graphs
        Whether its models are ONNX graphs already: they are served as they are, by no other
        engine.
    """

    name: str
    graphs: bool

    def opened(self, model: Any) -> Any:
        """Return what is packed for `model`: itself, or what a file or a message holds.

        Raises
        ------
        UnsupportedModelError
            When it can't be read.
        """

    def check(self, model: Any) -> None:
        """Raise UnsupportedModelError when this model can't be served, e.g. isn't fitted."""

    def task(self, model: Any) -> Task:
        """Return what predictions of the model mean."""

    def classes(self, model: Any) -> tuple[Any, ...] | None:
        """Return the labels in the order of the probabilities, in the user's types.

        None for models without, and for those that answer several labels a row.
        """

    def target_classes(self, model: Any) -> Mapping[str, tuple[Any, ...]]:
        """Return the labels of each target by its output's name, ``probabilities_0`` and so on.

        Empty unless the model answers several labels a row.
        """

    def outputs(self, model: Any, sample: Any) -> Outputs:
        """Call the native model."""

    def to_onnx(self, model: Any, signature: Signature) -> list[bytes]:
        """Convert to ONNX; the graphs to try, best first.

        Inputs are one matrix of all columns, or one tensor a column, in the signature's order.
        Outputs are named as the signature names them.

        Raises
        ------
        NotConvertibleError
            Says which step of the model has no conversion.
        """


class Whole:
    """What is the same for all adapters whose models are objects of one target."""

    graphs = False

    def opened(self, model: Any) -> Any:
        """See :meth:`Adapter.opened`."""
        return model

    def target_classes(self, model: Any) -> Mapping[str, tuple[Any, ...]]:
        """See :meth:`Adapter.target_classes`."""
        return {}


class Table:
    """Adapters by top-level module name, or by a builtin type, which has no module of its own.

    Examples
    --------
    >>> table = Table(fallback="mine.generic:ADAPTER")
    >>> table.register("sklearn", "mine.sklearn:ADAPTER")
    """

    def __init__(self, fallback: str) -> None:
        self._fallback = fallback
        self._where: dict[str, str] = {}
        self._kinds: dict[type, str] = {}

    def register(self, module: str, where: str) -> None:
        """Register the adapter at `where` (``package.module:NAME``) for types of `module`.

        Raises
        ------
        PackagingError
            When another adapter holds that module.
        """
        held = self._where.get(module)
        if held is not None and held != where:
            raise PackagingError(
                f"Two adapters claim the models of {module}: {held} and {where}.",
                "Uninstall one of the two, or register one of them for another module.",
            )
        self._where[module] = where

    def register_kind(self, kind: type, where: str) -> None:
        """Register the adapter at `where` for objects of a builtin type."""
        self._kinds[kind] = where

    def find(self, model: Any) -> Adapter:
        """Return the adapter of the nearest ancestor of the model's type, else the generic one."""
        for ancestor in type(model).__mro__:
            where = self._kinds.get(ancestor) or self._where.get(
                ancestor.__module__.partition(".")[0]
            )
            if where is not None:
                return _load(where)
        return _load(self._fallback)


def _load(where: str) -> Adapter:
    module, _, name = where.partition(":")
    adapter: Adapter = getattr(import_module(module), name)
    return adapter
