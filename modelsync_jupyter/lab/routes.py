"""Routes: which handler answers what, below the server's base URL."""

from __future__ import annotations

from .curation import (
    Alias,
    Aliases,
    Deleted,
    History,
    LocalModel,
    RemoteFiles,
    RemoteModel,
    Restoring,
    RestoringLocal,
    Trash,
)
from .handler import Handler, Missing
from .inspection import Diff, Doctor
from .listing import Digest, Listing, Version
from .models import SavedModels
from .sessions import Context, Login, Logout, Status
from .transfers import Cancel, Pause, Plan, Resume, Transfer, Transfers

_API = "modelsync/api"
_NAME = "([^/]+)"

ROUTES: list[tuple[str, type[Handler]]] = [
    (f"{_API}/status", Status),
    (f"{_API}/list", Listing),
    (f"{_API}/versions/{_NAME}/{_NAME}", Version),
    (f"{_API}/versions/{_NAME}/{_NAME}/digest", Digest),
    (f"{_API}/local/{_NAME}/{_NAME}", LocalModel),
    (f"{_API}/local/{_NAME}/{_NAME}/restore", RestoringLocal),
    (f"{_API}/trash", Trash),
    (f"{_API}/remote/{_NAME}/{_NAME}", RemoteModel),
    (f"{_API}/remote/{_NAME}/{_NAME}/restore", Restoring),
    (f"{_API}/remote/{_NAME}/{_NAME}/files", RemoteFiles),
    (f"{_API}/deleted", Deleted),
    (f"{_API}/aliases/{_NAME}", Aliases),
    (f"{_API}/aliases/{_NAME}/{_NAME}", Alias),
    (f"{_API}/history/{_NAME}", History),
    (f"{_API}/models", SavedModels),
    (f"{_API}/diff", Diff),
    (f"{_API}/doctor", Doctor),
    (f"{_API}/plan", Plan),
    (f"{_API}/transfers", Transfers),
    (f"{_API}/transfers/{_NAME}", Transfer),
    (f"{_API}/transfers/{_NAME}/cancel", Cancel),
    (f"{_API}/transfers/{_NAME}/pause", Pause),
    (f"{_API}/transfers/{_NAME}/resume", Resume),
    (f"{_API}/login", Login),
    (f"{_API}/logout", Logout),
    (f"{_API}/context", Context),
    (f"{_API}(?:/.*)?", Missing),
]
