"""What of the user's goes into a Bento: model, hooks, modules; and what these need installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_deploy.packaging.contents.copying import files_of, left_out
from jupyter_deploy.packaging.contents.modules import Imports, trace
from jupyter_deploy.packaging.contents.pickling import dump
from jupyter_deploy.packaging.dependencies.requirements import Requirement, pin

if TYPE_CHECKING:
    from jupyter_deploy.packaging.conversion import Converted

#: What a Bento has besides the model and the user's modules, roughly: the runtime, the lock.
OVERHEAD = 1_000_000


@dataclass(frozen=True)
class Content:
    """What of the user's goes into a Bento.

    Attributes
    ----------
    file, model
        Name and bytes of the model's file.
    hooks
        The pickled hooks; None without.
    imports
        What model and hooks import.
    modules
        Files of the user's own modules, by where they go.
    """

    file: str
    model: bytes
    hooks: bytes | None
    imports: Imports
    modules: Mapping[str, Path]

    @property
    def size(self) -> int:
        """Bytes, roughly, of the whole Bento."""
        files = sum(path.stat().st_size for path in self.modules.values())
        return len(self.model) + len(self.hooks or b"") + files + OVERHEAD


def gather(converted: Converted) -> Content:
    """Pickle what is to be pickled, and find the modules that it imports.

    Raises
    ------
    UnsupportedModelError
        When a part can't be pickled, or a module can't be copied.
    """
    inspected = converted.inspected
    names: frozenset[str] = frozenset()
    if converted.onnx is not None:
        file, model = "model.onnx", converted.onnx
    else:
        file = "model.pkl"
        model, names = dump(inspected.model)
    hooks = None
    if inspected.hooks is not None:
        hooks, more = dump(inspected.hooks.content(), "hooks")
        names |= more
    imports = trace(names) if names else Imports(frozenset(), {})
    return Content(file, model, hooks, imports, files_of(imports.own))


def requirements_of(converted: Converted, content: Content) -> list[Requirement]:
    """Pin what runs the model, and what is imported by it and by the hooks."""
    inspected = converted.inspected
    return pin(
        converted.engine,
        (converted.signature, inspected.model_signature),
        content.imports.installed,
        python=content.hooks is not None,
    )


def notes_of(content: Content) -> list[str]:
    """What the user should know about the modules that were copied, in sentences."""
    notes = [
        f"The file of the module {name} was changed after it was imported here: the version runs "
        "the file as it is now. To pack what was tried, import it anew and make the model again."
        for name in content.imports.edited
    ]
    behind = [str(path) for path in left_out(content.imports.own)]
    if behind:
        more = f" and {len(behind) - 5} more" if len(behind) > 5 else ""
        notes.append(
            f"Not copied with your modules: {', '.join(behind[:5])}{more}. Files named as those "
            "with passwords and keys, and links out of a package, stay here: let the served "
            "process read secrets from its environment, and put data into the package itself."
        )
    return notes
