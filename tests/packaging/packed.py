"""From a model to the runtime of its Bento, in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from jupyter_deploy.packaging import Converted, build, convert, inspect_model
from jupyter_deploy.serving.runtime import Runtime
from jupyter_deploy.types import VersionSpec

_NUMBERS = count()


def converted(model: Any, sample: Any, engine: Any = "auto", **hooks: Any) -> Converted:
    """Inspect and convert."""
    return convert(inspect_model(model, sample, **hooks), engine)


def pack(model: Any, sample: Any, engine: Any = "auto") -> VersionSpec:
    """Inspect, convert and build ``churn:1.0.0``."""
    return build(converted(model, sample, engine), name="churn", version="1.0.0")


@contextmanager
def loaded(found: Converted) -> Iterator[Runtime]:
    """Build, and load what every worker loads."""
    name = f"m{next(_NUMBERS)}"
    spec = build(found, name=name, version="1.0.0")
    runtime = Runtime(Path(spec.bento_home, "bentos", name, "1.0.0", "src", "model"))
    try:
        runtime.load()
        yield runtime
    finally:
        runtime.close()


def answer(found: Converted, document: Any) -> Any:
    """Answer of the packed model to a ``/predict`` body."""
    with loaded(found) as runtime:
        return json.loads(runtime.predict(json.dumps(document).encode())[0])
