"""How many threads the libraries below a model may start: one, since workers are the way to scale.

They read these variables when they are loaded, so this comes before anything else is imported.
"""

from __future__ import annotations

import os

#: OpenMP, the BLAS libraries, and what takes a thread a core without asking either.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    # what joblib takes for the number of cores: n_jobs=-1 of a forest
    "LOKY_MAX_CPU_COUNT",
)


def bound() -> None:
    """Bound them in this process and those it starts; what the user has set stays."""
    for name in VARIABLES:
        os.environ.setdefault(name, "1")
