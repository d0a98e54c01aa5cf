"""Everything the project can do: the verbs, once, as methods of `Client`, and each as a plain function.

A `Client` stands for one BentoML home and one registry; the functions make one for each call. Every face calls these
and nothing below. Importing this package loads nothing: each name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelsync_jupyter.contents.diff import Change, Diff
    from modelsync_jupyter.core.changes import Changed, Changes
    from modelsync_jupyter.core.keywords import TransferOptions
    from modelsync_jupyter.core.outcome import Direction, Options, Outcome, SyncReport
    from modelsync_jupyter.core.states import State
    from modelsync_jupyter.jobs.feed import Feed
    from modelsync_jupyter.jobs.records import Record
    from modelsync_jupyter.jobs.transfer import Transfer
    from modelsync_jupyter.remotes.bentocloud.catalog import Alias, Catalog, Deed, Deleted
    from modelsync_jupyter.remotes.bentocloud.client import Page, RemoteModel
    from modelsync_jupyter.remotes.bentocloud.management import Event, Grant, Management, Repository, Token, User
    from modelsync_jupyter.remotes.contexts import Context, check_endpoint
    from modelsync_jupyter.store.care import Garbage, Usage
    from modelsync_jupyter.store.create import Draft
    from modelsync_jupyter.store.model import Model
    from modelsync_jupyter.transfer.exchange import FilePlan
    from modelsync_jupyter.transfer.mirror import SyncPlan
    from modelsync_jupyter.transfer.plan import Forecast, Operation, Plan
    from modelsync_jupyter.transfer.verifying import Verdict

    from .checks import Check
    from .client import Client
    from .defaults import Setting
    from .functions import (
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
        run,
        save,
        scan,
        search_remote,
        settings,
        start,
        status,
        sync,
        transfers,
        use_context,
    )
    from .origins import Provenance
    from .scanning import Scanned
    from .statuses import Statuses, VersionStatus

__all__ = [
    "Alias",
    "Catalog",
    "Change",
    "Changed",
    "Changes",
    "Check",
    "Client",
    "Context",
    "Deed",
    "Deleted",
    "Diff",
    "Direction",
    "Draft",
    "Event",
    "Feed",
    "FilePlan",
    "Forecast",
    "Garbage",
    "Grant",
    "Management",
    "Model",
    "Operation",
    "Options",
    "Outcome",
    "Page",
    "Plan",
    "Provenance",
    "Record",
    "RemoteModel",
    "Repository",
    "Scanned",
    "Setting",
    "State",
    "Statuses",
    "SyncPlan",
    "SyncReport",
    "Token",
    "Transfer",
    "TransferOptions",
    "Usage",
    "User",
    "Verdict",
    "VersionStatus",
    "attach",
    "cancel",
    "check_endpoint",
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
    "run",
    "save",
    "scan",
    "search_remote",
    "settings",
    "start",
    "status",
    "sync",
    "transfers",
    "use_context",
]

#: Where the names are that are not functions.
_PLACES = {
    "Change": "contents.diff",
    "Diff": "contents.diff",
    "Changed": "core.changes",
    "Changes": "core.changes",
    "TransferOptions": "core.keywords",
    "Direction": "core.outcome",
    "Options": "core.outcome",
    "Outcome": "core.outcome",
    "SyncReport": "core.outcome",
    "State": "core.states",
    "Feed": "jobs.feed",
    "Record": "jobs.records",
    "Transfer": "jobs.transfer",
    "Alias": "remotes.bentocloud.catalog",
    "Catalog": "remotes.bentocloud.catalog",
    "Deed": "remotes.bentocloud.catalog",
    "Deleted": "remotes.bentocloud.catalog",
    "Page": "remotes.bentocloud.client",
    "RemoteModel": "remotes.bentocloud.client",
    "Event": "remotes.bentocloud.management",
    "Grant": "remotes.bentocloud.management",
    "Management": "remotes.bentocloud.management",
    "Repository": "remotes.bentocloud.management",
    "Token": "remotes.bentocloud.management",
    "User": "remotes.bentocloud.management",
    "Context": "remotes.contexts",
    "check_endpoint": "remotes.contexts",
    "Garbage": "store.care",
    "Usage": "store.care",
    "Draft": "store.create",
    "Model": "store.model",
    "FilePlan": "transfer.exchange",
    "SyncPlan": "transfer.mirror",
    "Forecast": "transfer.plan",
    "Operation": "transfer.plan",
    "Plan": "transfer.plan",
    "Verdict": "transfer.verifying",
    "Client": "client.client",
    "Check": "client.checks",
    "Provenance": "client.origins",
    "Statuses": "client.statuses",
    "VersionStatus": "client.statuses",
    "Scanned": "client.scanning",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"modelsync_jupyter.{_PLACES.get(name, 'client.functions')}")
    return getattr(module, name)
