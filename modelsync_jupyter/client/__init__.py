"""What the project can do, as plain functions. Every face calls these and nothing below.

`home` is BentoML's home folder: `$BENTOML_HOME`, else `~/bentoml`, where it is not given. `context` names a registry to
talk to; where it is not given, the environment decides and then the current context.
"""

from modelsync_jupyter.core.outcome import Direction, Options, Outcome
from modelsync_jupyter.jobs.feed import Feed
from modelsync_jupyter.jobs.records import Record
from modelsync_jupyter.jobs.transfer import Transfer
from modelsync_jupyter.remotes.bentocloud.replies import Page, RemoteModel
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer.plan import Operation, Plan

from .following import attach, cancel, resume, transfers
from .models import create, delete, get, get_remote, list_models, list_remote, save, search_remote
from .sessions import contexts, login, logout, use_context
from .starting import plan, pull, push, run, start

__all__ = [
    "Context",
    "Direction",
    "Feed",
    "Model",
    "Operation",
    "Options",
    "Outcome",
    "Page",
    "Plan",
    "Record",
    "RemoteModel",
    "Transfer",
    "attach",
    "cancel",
    "contexts",
    "create",
    "delete",
    "get",
    "get_remote",
    "list_models",
    "list_remote",
    "login",
    "logout",
    "plan",
    "pull",
    "push",
    "resume",
    "run",
    "save",
    "search_remote",
    "start",
    "transfers",
    "use_context",
]
