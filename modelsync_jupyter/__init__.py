"""Move models between the notebook where they are made and the registry where a team keeps them.

    from modelsync_jupyter import create, push, pull

Importing this package loads nothing heavy: each name is fetched when it is first used.
"""

from __future__ import annotations as _annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from typing import Any as _Any

    from modelsync_jupyter.client import (
        Check,
        Client,
        Context,
        Diff,
        Model,
        Outcome,
        Plan,
        Provenance,
        RemoteModel,
        Scanned,
        Setting,
        State,
        SyncReport,
        Transfer,
        VersionStatus,
        attach,
        cancel,
        configure,
        contexts,
        create,
        delete,
        diff,
        doctor,
        edit,
        export_in_background,
        export_model,
        forget,
        get,
        get_remote,
        import_in_background,
        import_model,
        list_models,
        list_remote,
        load,
        lock,
        login,
        logout,
        pause,
        plan,
        provenance,
        pull,
        pull_in_background,
        pull_locked,
        push,
        push_in_background,
        resume,
        resume_in_background,
        save,
        scan,
        search_remote,
        settings,
        status,
        sync,
        transfers,
        use_context,
    )
    from modelsync_jupyter.core.errors import (
        Cancelled,
        Conflict,
        DiskFull,
        IntegrityError,
        InvalidModel,
        InvalidReply,
        InvalidTag,
        MissingDependency,
        ModelChanged,
        ModelExists,
        ModelNotFound,
        ModelSyncError,
        NoContext,
        NotAuthenticated,
        Paused,
        PermissionDenied,
        RemoteError,
        RemoteNotFound,
        TransferFailed,
        TransferNotFound,
        Unavailable,
        UnsafeArchive,
        UnsafeModel,
        Unsupported,
        UploadLost,
        UrlExpired,
        UsageError,
    )
    from modelsync_jupyter.notebook.panel import panel

    __version__: str

__all__ = [
    "Cancelled",
    "Check",
    "Client",
    "Conflict",
    "Context",
    "Diff",
    "DiskFull",
    "IntegrityError",
    "InvalidModel",
    "InvalidReply",
    "InvalidTag",
    "MissingDependency",
    "Model",
    "ModelChanged",
    "ModelExists",
    "ModelNotFound",
    "ModelSyncError",
    "NoContext",
    "NotAuthenticated",
    "Outcome",
    "Paused",
    "PermissionDenied",
    "Plan",
    "Provenance",
    "RemoteError",
    "RemoteModel",
    "RemoteNotFound",
    "Scanned",
    "Setting",
    "State",
    "SyncReport",
    "Transfer",
    "TransferFailed",
    "TransferNotFound",
    "Unavailable",
    "UnsafeArchive",
    "UnsafeModel",
    "Unsupported",
    "UploadLost",
    "UrlExpired",
    "UsageError",
    "VersionStatus",
    "attach",
    "cancel",
    "configure",
    "contexts",
    "create",
    "delete",
    "diff",
    "doctor",
    "edit",
    "export_in_background",
    "export_model",
    "forget",
    "get",
    "get_remote",
    "import_in_background",
    "import_model",
    "list_models",
    "list_remote",
    "load",
    "lock",
    "login",
    "logout",
    "panel",
    "pause",
    "plan",
    "provenance",
    "pull",
    "pull_in_background",
    "pull_locked",
    "push",
    "push_in_background",
    "resume",
    "resume_in_background",
    "save",
    "scan",
    "search_remote",
    "settings",
    "status",
    "sync",
    "transfers",
    "use_context",
]


def __getattr__(name: str) -> _Any:
    if name == "__version__":  # labextension/package.json says it, the installed package knows it
        return _import_module("importlib.metadata").version("modelsync_jupyter")
    _show_well()
    if name == "panel":  # needs widgets, which nothing else does
        return _import_module("modelsync_jupyter.notebook.panel").panel
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    errors = _import_module("modelsync_jupyter.core.errors")
    return getattr(errors if hasattr(errors, name) else _import_module("modelsync_jupyter.client"), name)


def _show_well() -> None:
    """In a notebook, let this package's values look well, also where nobody loads the extension."""
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
