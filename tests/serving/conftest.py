"""BentoML is imported once, here, since its import warns of what its own requirements deprecate."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import _bentoml_impl.server.app
    import _bentoml_impl.worker.service  # noqa: F401
