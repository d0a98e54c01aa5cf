"""Move models between the notebook where they are made and the registry where a team keeps them.

    from modelsync_jupyter import create, push, pull

Importing this package loads nothing heavy: each name is fetched when it is first used.
"""

from __future__ import annotations as _annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

from modelsync_jupyter.client import public as _public

if _TYPE_CHECKING:
    from typing import Any as _Any

    from modelsync_jupyter.client.public import *  # noqa: F403 - that is where they are listed
    from modelsync_jupyter.notebook.panel import panel

    __version__: str

__all__ = ["panel"]
__all__ += _public.__all__
__all__.sort()


def __getattr__(name: str) -> _Any:
    if name == "__version__":  # labextension/package.json says it; written down when this is built or installed
        try:
            return _import_module("modelsync_jupyter._version").__version__
        except ImportError:  # run from a folder that was never built
            return _import_module("importlib.metadata").version("modelsync_jupyter")
    _show_well()
    if name == "panel":  # needs widgets, which nothing else does
        return _import_module("modelsync_jupyter.notebook.panel").panel
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(_import_module("modelsync_jupyter.client"), name)


def _show_well() -> None:
    """In a notebook, give this package's values their HTML, also where the extension is not loaded."""
    import builtins

    if find := getattr(builtins, "get_ipython", None):
        _import_module("modelsync_jupyter.notebook.display").register(find())


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    """Say where the built sidebar is: `jupyter-builder develop .` links it into JupyterLab."""
    return [{"src": "labextension", "dest": "modelsync-jupyter"}]


def _jupyter_server_extension_points() -> list[dict[str, _Any]]:
    """Say where the Jupyter server finds the server extension."""
    module = "modelsync_jupyter.lab.app"
    return [{"module": module, "app": _import_module(module).ModelSyncApp}]


def load_ipython_extension(ipython: _Any) -> None:
    """Add the magic `%modelsync` and its completion: `%load_ext modelsync_jupyter`."""
    _import_module("modelsync_jupyter.notebook").load(ipython)


def unload_ipython_extension(ipython: _Any) -> None:
    """Remove them: `%unload_ext modelsync_jupyter`."""
    _import_module("modelsync_jupyter.notebook").unload(ipython)
