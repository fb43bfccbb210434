"""How models of each framework are called, described and converted; one file a framework."""

from __future__ import annotations

from jupyter_deploy.packaging.adapters.table import Adapter, NotConvertibleError, Table

__all__ = ["TABLE", "Adapter", "NotConvertibleError", "Table"]

TABLE = Table(fallback="jupyter_deploy.packaging.adapters.generic:ADAPTER")
TABLE.register("sklearn", "jupyter_deploy.packaging.adapters.sklearn:ADAPTER")
