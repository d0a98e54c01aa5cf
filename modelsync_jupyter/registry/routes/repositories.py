"""Repositories of models."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy import Connection

from modelsync_jupyter.wire import API, RepositoryJSON

from .. import body
from ..auth import caller, needs
from ..catalog import tables
from ..catalog.events import note
from ..catalog.labels import replace_labels
from ..catalog.models import newest
from ..catalog.repositories import create_repository, describe_repository, find_repository, list_repositories
from ..catalog.rows import Role
from ..replies import page_json, repository_json
from ..service import current
from ..values import check_name

blueprint = Blueprint("repositories", __name__, url_prefix=f"{API}/model_repositories")


@blueprint.get("")
@needs(Role.GUEST)
def index() -> dict[str, Any]:
    """List the repositories that match, each with its newest whole version."""
    page, search = body.page(), body.search()
    with current().database.read() as connection:
        total, rows = list_repositories(connection, search, page, caller().name)
        latest = newest(connection, [row.id for row in rows])
    strategy = current().settings.strategy
    return page_json(page, total, (repository_json(row, latest.get(row.id), strategy) for row in rows))


@blueprint.post("")
@needs(Role.DEVELOPER)
def create() -> RepositoryJSON:
    """Make a repository."""
    fields = body.fields()
    name = check_name(fields.text("name", 128))
    with current().database.write() as connection:
        create_repository(connection, caller(), name, fields.text("description"), fields.labels())
        note(connection, caller(), "created", "model_repository", name)
        return _show(connection, name)


@blueprint.get("/<name>")
@needs(Role.GUEST)
def show(name: str) -> RepositoryJSON:
    """Show one repository."""
    with current().database.read() as connection:
        return _show(connection, name)


@blueprint.patch("/<name>")
@needs(Role.DEVELOPER)
def change(name: str) -> RepositoryJSON:
    """Replace the description or the labels; what is not sent stays."""
    fields = body.fields()
    with current().database.write() as connection:
        row = find_repository(connection, name)
        describe_repository(connection, name, fields.text("description", default=row.description))
        if "labels" in fields:
            replace_labels(connection, tables.repositories, row.id, fields.labels())
        note(connection, caller(), "updated", "model_repository", name)
        return _show(connection, name)


def _show(connection: Connection, name: str) -> RepositoryJSON:
    row = find_repository(connection, name)
    return repository_json(row, newest(connection, [row.id]).get(row.id), current().settings.strategy)
