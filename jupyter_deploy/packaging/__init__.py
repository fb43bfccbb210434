"""Packs a model into a Bento, in three steps which are the first three stages of a deploy.

inspection    samples/ (one file a kind of sample), adapters/ (one a framework), signature, hooks;
              diagnosis/ says what is wrong with a model or a sample
conversion    onnx_graph, parity
bento         contents/ (what goes along), dependencies/ (what must be installed), golden,
              provenance, description, store

>>> inspected = inspect_model(model, sample)      # adapter, signature, native outputs
>>> converted = convert(inspected)                # ONNX behind the parity gate, or native
>>> spec = build(converted, name="churn", version="1.0.0")    # atomically in the store
"""

from __future__ import annotations

from jupyter_deploy.packaging.bento import build
from jupyter_deploy.packaging.conversion import Converted, convert
from jupyter_deploy.packaging.inspection import Inspected, inspect_model

__all__ = ["Converted", "Inspected", "build", "convert", "inspect_model"]
