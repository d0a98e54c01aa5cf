"""Everything the project can do: the verbs, once, as methods of `Client`, and each as a plain function.

A `Client` stands for one BentoML home and one registry; the functions make one for each call. Every face calls these
and nothing below. Importing this package loads nothing: each name is fetched when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import public

if TYPE_CHECKING:
    from modelsync_jupyter.contents.diff import Change
    from modelsync_jupyter.core.changes import Changed, Changes
    from modelsync_jupyter.core.keywords import TransferOptions
    from modelsync_jupyter.core.outcome import Direction, Options
    from modelsync_jupyter.jobs.feed import Feed
    from modelsync_jupyter.jobs.records import Record
    from modelsync_jupyter.remotes.bentocloud.accounts import Event, Grant, Repository, Token, User
    from modelsync_jupyter.remotes.bentocloud.catalog import Alias, Catalog, Deed, Deleted
    from modelsync_jupyter.remotes.bentocloud.management import Management
    from modelsync_jupyter.remotes.bentocloud.replies import Page
    from modelsync_jupyter.remotes.contexts import check_endpoint
    from modelsync_jupyter.store.care import Garbage, Usage
    from modelsync_jupyter.store.create import Draft
    from modelsync_jupyter.store.trash import Trashed
    from modelsync_jupyter.transfer.exchange import FilePlan
    from modelsync_jupyter.transfer.forecast import Forecast
    from modelsync_jupyter.transfer.mirror import SyncPlan
    from modelsync_jupyter.transfer.plan import Operation
    from modelsync_jupyter.transfer.verifying import Verdict

    from .functions import run, start
    from .public import *  # noqa: F403 - that is where they are listed
    from .statuses import Statuses

#: What the faces need besides.
__all__ = [
    "Alias",
    "Catalog",
    "Change",
    "Changed",
    "Changes",
    "Deed",
    "Deleted",
    "Direction",
    "Draft",
    "Event",
    "Feed",
    "FilePlan",
    "Forecast",
    "Garbage",
    "Grant",
    "Management",
    "Operation",
    "Options",
    "Page",
    "Record",
    "Repository",
    "Statuses",
    "SyncPlan",
    "Token",
    "TransferOptions",
    "Trashed",
    "Usage",
    "User",
    "Verdict",
    "check_endpoint",
    "run",
    "start",
]
__all__ += public.__all__

#: Where the names are that are neither functions nor errors.
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
    "Page": "remotes.bentocloud.replies",
    "RemoteModel": "remotes.bentocloud.replies",
    "Event": "remotes.bentocloud.accounts",
    "Grant": "remotes.bentocloud.accounts",
    "Management": "remotes.bentocloud.management",
    "Repository": "remotes.bentocloud.accounts",
    "Token": "remotes.bentocloud.accounts",
    "User": "remotes.bentocloud.accounts",
    "Context": "remotes.contexts",
    "check_endpoint": "remotes.contexts",
    "Garbage": "store.care",
    "Usage": "store.care",
    "Draft": "store.create",
    "Model": "store.model",
    "Trashed": "store.trash",
    "FilePlan": "transfer.exchange",
    "SyncPlan": "transfer.mirror",
    "Forecast": "transfer.forecast",
    "Operation": "transfer.plan",
    "Plan": "transfer.plan",
    "Verdict": "transfer.verifying",
    "Client": "client.client",
    "Check": "client.checks",
    "Provenance": "client.origins",
    "Statuses": "client.statuses",
    "VersionStatus": "client.statuses",
    "Setting": "client.defaults",
    "Scanned": "client.scanning",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = _PLACES.get(name) or ("core.errors" if name[0].isupper() else "client.functions")
    found = getattr(import_module(f"modelsync_jupyter.{place}"), name)
    if name == "Client":  # whoever has it may look at its help
        import_module("modelsync_jupyter.core.keywords").spell_out()
    return found
