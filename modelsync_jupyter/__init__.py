"""Move models between the notebook where they are made and the registry where a team keeps them.

    from . import create, push, pull

Importing this package loads nothing heavy: each name is fetched from `modelsync_jupyter.client` when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelsync_jupyter.client import (
        Context,
        Model,
        Outcome,
        Plan,
        RemoteModel,
        Transfer,
        attach,
        cancel,
        contexts,
        create,
        delete,
        get,
        list_models,
        list_remote,
        login,
        logout,
        plan,
        pull,
        push,
        resume,
        transfers,
    )

    __version__: str

__all__ = [
    "Context",
    "Model",
    "Outcome",
    "Plan",
    "RemoteModel",
    "Transfer",
    "attach",
    "cancel",
    "contexts",
    "create",
    "delete",
    "get",
    "list_models",
    "list_remote",
    "login",
    "logout",
    "plan",
    "pull",
    "push",
    "resume",
    "transfers",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("modelsync_jupyter.client"), name)
    if name == "__version__":  # labextension/package.json says it, the installed package knows it
        return import_module("importlib.metadata").version("modelsync_jupyter")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Where the built sidebar is: `jupyter-builder develop .` links it into JupyterLab."""
    return [{"src": "labextension", "dest": "modelsync-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Where the Jupyter server finds the server extension."""
    module = "modelsync_jupyter.lab.app"
    return [{"module": module, "app": import_module(module).ModelSyncApp}]


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext modelsync_jupyter`: add the magic `%modelsync` and its completion."""
    import_module("modelsync_jupyter.notebook").load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext modelsync_jupyter`: take them away again."""
    import_module("modelsync_jupyter.notebook").unload(ipython)
