"""From a trained model in a notebook cell to a live service.

>>> import jupyter_deploy as jd
>>> d = jd.deploy(model, name="churn", sample=X_test)      # doctest: +SKIP
>>> d.predict(X_test[:3])                                  # doctest: +SKIP

In a notebook: ``%load_ext jupyter_deploy``, then ``%deploy model --name churn --sample X_test``.
Everything here is loaded at first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_deploy._version import __version__

if TYPE_CHECKING:
    from jupyter_deploy.client.deployment import Deployment as Deployment
    from jupyter_deploy.client.deployment import connect as connect
    from jupyter_deploy.widgets.deploy import deploy as deploy

__all__ = ["Deployment", "__version__", "connect", "deploy"]

_LAZY = {
    "deploy": "jupyter_deploy.widgets.deploy",
    "Deployment": "jupyter_deploy.client.deployment",
    "connect": "jupyter_deploy.client.deployment",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%deploy`` (called by ``%load_ext jupyter_deploy``)."""
    from jupyter_deploy.magics import register

    register(ipython)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "@jupyter-deploy/labextension"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from jupyter_deploy.server_extension import DeployExtension

    return [{"module": "jupyter_deploy.server_extension", "app": DeployExtension}]
