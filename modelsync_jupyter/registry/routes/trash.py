"""Delete repositories, list what was deleted, and restore it while that is possible."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from modelsync_jupyter.wire import API, ModelJSON, RepositoryJSON

from .. import body
from ..catalog import trash
from ..catalog.events import note
from ..catalog.models import find_model, newest
from ..catalog.repositories import find_repository
from ..catalog.words import Right, Role
from ..errors import NotFound
from ..replies import deleted_json, model_with_repository, page_json, repository_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current

blueprint = Blueprint("trash", __name__, url_prefix=API)
_ONE = "/model_repositories/<name>"


@blueprint.get("/deleted_models")
@needs(Role.NONE)
def index() -> dict[str, Any]:
    """List the deleted versions in repositories one may write to, the last first; those of one `name` if given."""
    page, name = body.page(default=100, most=body.MAX_MODELS), body.text("name")
    with current().database.read() as connection:
        total, rows = trash.list_deleted(connection, caller(), page, name)
    settings = current().settings
    kept = settings.keeping.deleted
    return page_json(page, total, (deleted_json(row, settings.strategy, kept) for row in rows))


@blueprint.delete(_ONE)
@needs(Right.OWNER)
def delete(name: str) -> RepositoryJSON:
    """Hide a repository with all its versions; for a while it can be restored, and nobody else can have the name."""
    with current().database.write() as connection:
        row = access.find(connection, caller(), Right.OWNER, name)
        count = trash.delete_repository(connection, caller(), row)
        note(connection, caller(), "deleted", "model_repository", name, versions=count)
    return repository_json(row, None, current().settings.strategy)


@blueprint.patch("/deleted_repositories/<deleted>/restore")
@needs(Role.NONE)
def restore(deleted: str) -> RepositoryJSON:
    """Show a deleted repository again, with the versions that were deleted together with it; its owners may."""
    with current().database.write() as connection:
        found = trash.find_deleted_repository(connection, deleted)
        if found is None or access.right_in(connection, caller(), found[0]) != Right.OWNER:
            raise NotFound(f"no deleted repository `{deleted[:200]}` of yours: it never was, or was purged")
        count = trash.restore_repository(connection, caller(), *found)
        note(connection, caller(), "restored", "model_repository", deleted, versions=count)
        row = find_repository(connection, deleted)
        return repository_json(row, newest(connection, [row.id]).get(row.id), current().settings.strategy)


@blueprint.patch(f"{_ONE}/models/<version>/restore")
@needs(Right.WRITER)
def restore_version(name: str, version: str) -> ModelJSON:
    """Show a deleted version again; who pushed or deleted it may, and an owner."""
    with current().database.write() as connection:
        row = trash.find_deleted(connection, name, version)
        if row.deleter_id != caller().user_id:
            access.require_deleting(connection, caller(), row.model)
        trash.restore_model(connection, caller(), row)
        note(connection, caller(), "restored", "model", f"{name}:{version}")
        return model_with_repository(find_model(connection, name, version), current().settings.strategy)
