"""Routes: which handler answers what, below the server's base URL."""

from __future__ import annotations

from .exchange import Exchange
from .handler import Handler, Missing
from .models import LocalModel, LocalModels, RemoteModel, RemoteModels, RemoteVersions, SavedModels, States
from .sessions import Context, Login, Logout, Status
from .transfers import Cancel, Plan, Resume, Transfers

_API = "modelsync/api"
_NAME = "([^/]+)"

ROUTES: list[tuple[str, type[Handler]]] = [
    (f"{_API}/status", Status),
    (f"{_API}/local", LocalModels),
    (f"{_API}/local/{_NAME}/{_NAME}", LocalModel),
    (f"{_API}/models", SavedModels),
    (f"{_API}/remote", RemoteModels),
    (f"{_API}/remote/{_NAME}", RemoteVersions),
    (f"{_API}/remote/{_NAME}/{_NAME}", RemoteModel),
    (f"{_API}/states", States),
    (f"{_API}/plan", Plan),
    (f"{_API}/exchange", Exchange),
    (f"{_API}/transfers", Transfers),
    (f"{_API}/transfers/{_NAME}/cancel", Cancel),
    (f"{_API}/transfers/{_NAME}/resume", Resume),
    (f"{_API}/login", Login),
    (f"{_API}/logout", Logout),
    (f"{_API}/context", Context),
    (f"{_API}(?:/.*)?", Missing),
]
