"""How models of each framework are called, described and converted; one file a framework."""

from __future__ import annotations

from jupyter_deploy.packaging.adapters.table import Adapter, NotConvertibleError, Table

__all__ = ["TABLE", "Adapter", "NotConvertibleError", "Table"]

_HERE = "jupyter_deploy.packaging.adapters"

TABLE = Table(fallback=f"{_HERE}.generic:ADAPTER")
TABLE.register("sklearn", f"{_HERE}.sklearn:ADAPTER")
TABLE.register("xgboost", f"{_HERE}.xgboost:ADAPTER")
TABLE.register("lightgbm", f"{_HERE}.lightgbm:ADAPTER")
TABLE.register("onnx", f"{_HERE}.onnx:ADAPTER")
# a graph in a file: its path, or its content
TABLE.register("pathlib", f"{_HERE}.onnx:ADAPTER")
TABLE.register_kind(str, f"{_HERE}.onnx:ADAPTER")
TABLE.register_kind(bytes, f"{_HERE}.onnx:ADAPTER")
