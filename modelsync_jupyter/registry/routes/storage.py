"""How much the registry holds, for those who run it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from modelsync_jupyter.wire import API

from ..catalog import usage
from ..catalog.words import Role
from ..replies import time_json
from ..security.auth import needs
from ..service import current
from ..space import last_collection

blueprint = Blueprint("storage", __name__, url_prefix=API)
_LARGEST = 100


@blueprint.get("/storage")
@needs(Role.ADMIN)
def show() -> dict[str, Any]:
    """Tell how much is stored, by which repositories, how much still fits, and when garbage was last collected."""
    registry = current()
    room = registry.blobs.room()
    with registry.database.read() as connection:
        held = usage.blobs(connection)
        rows = usage.repositories_by_size(connection, _LARGEST)
        collected = last_collection(connection)
    if collected:
        collected |= {key: time_json(collected[key]) for key in ("started_at", "finished_at")}
    return {
        "free": room and room.free,  # null where blobs are not on a disk of ours
        "total": room and room.total,
        "blobs": held.count,
        "stored": held.size,
        "deleted": {"versions": sum(row.deleted for row in rows), "size": sum(row.deleted_size for row in rows)},
        "kept_seconds": registry.settings.keeping.deleted,
        "repositories": [
            {"name": row.name, "versions": row.versions, "size": row.size, "downloads": row.downloads} for row in rows
        ],
        "collection": collected,
    }
