"""Hash of named arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def array_sha256(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """Hash names, dtypes, shapes and values, hex."""
    import numpy as np

    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        if array.dtype.kind in "OT":
            # the bytes of such an array are addresses
            digest.update(repr(array.tolist()).encode())
        else:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
