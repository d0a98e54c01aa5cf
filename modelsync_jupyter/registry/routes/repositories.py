"""Repositories of models, and who may do what in each."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from sqlalchemy import Connection

from modelsync_jupyter.wire import API, RepositoryJSON

from .. import body
from ..catalog import tables
from ..catalog.events import note
from ..catalog.grants import list_grants, set_grant
from ..catalog.labels import replace_labels
from ..catalog.models import newest
from ..catalog.repositories import create_repository, find_repository, list_repositories, set_repository
from ..catalog.users import get_user
from ..catalog.words import Right, Role
from ..errors import BadRequest
from ..replies import grant_json, page_json, repository_json, user_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current
from ..values import check_name

blueprint = Blueprint("repositories", __name__, url_prefix=f"{API}/model_repositories")


@blueprint.get("")
@needs(Role.NONE)
def index() -> dict[str, Any]:
    """List the repositories one may read that match, each with its newest whole version."""
    page, search = body.page(most=body.MAX_MODELS), body.search()
    with current().database.read() as connection:
        total, rows = list_repositories(connection, caller(), search, page)
        latest = newest(connection, [row.id for row in rows])
    strategy = current().settings.strategy
    return page_json(page, total, (repository_json(row, latest.get(row.id), strategy) for row in rows))


@blueprint.post("")
@needs(Role.DEVELOPER)
def create() -> RepositoryJSON:
    """Make a repository, which one owns."""
    fields = body.fields()
    name = check_name(fields.text("name", 128))
    private = bool(fields.object("modelsync").flag("private"))
    with current().database.write() as connection:
        create_repository(connection, caller(), name, fields.text("description"), fields.labels(), private=private)
        note(connection, caller(), "created", "model_repository", name, private=private)
        return repository_json(find_repository(connection, name), None, current().settings.strategy)


@blueprint.get("/<name>")
@needs(Right.READER)
def show(name: str) -> RepositoryJSON:
    """Show one repository, and what the caller may do in it."""
    with current().database.read() as connection:
        reply = _show(connection, name)
        reply["modelsync"]["right"] = access.right_in(connection, caller(), find_repository(connection, name))
    return reply


@blueprint.patch("/<name>")
@needs(Right.WRITER)
def change(name: str) -> RepositoryJSON:
    """Replace the description or the labels; what is not sent stays. An owner may make it private, or not."""
    fields = body.fields()
    private = fields.object("modelsync").flag("private")
    with current().database.write() as connection:
        row = access.find(connection, caller(), Right.WRITER if private is None else Right.OWNER, name)
        set_repository(connection, name, description=fields.text("description", default=row.description))
        if "labels" in fields:
            replace_labels(connection, tables.repositories, row.id, fields.labels())
        info = {}
        if private is not None:
            set_repository(connection, name, private=private)
            info["private"] = private
        note(connection, caller(), "updated", "model_repository", name, **info)
        return _show(connection, name)


@blueprint.get("/<name>/grants")
@needs(Right.OWNER)
def grants(name: str) -> dict[str, Any]:
    """List what users were granted in a repository."""
    page = body.page()
    with current().database.read() as connection:
        rows = list_grants(connection, find_repository(connection, name).id)
    return page_json(page, len(rows), map(grant_json, page.of(rows)))


@blueprint.put("/<name>/grants/<user>")
@needs(Right.OWNER)
def grant(name: str, user: str) -> dict[str, Any]:
    """Grant a user a right in a repository, in place of the one they had."""
    asked = body.fields().text("right", 16)
    if asked not in set(Right) or not asked:
        raise BadRequest(f"`right` is one of: {', '.join(filter(None, Right))}")
    return _grant(name, user, Right(asked))


@blueprint.delete("/<name>/grants/<user>")
@needs(Right.OWNER)
def withdraw(name: str, user: str) -> dict[str, Any]:
    """Take away what a user was granted in a repository."""
    return _grant(name, user, Right.NONE)


def _grant(name: str, user: str, right: Right) -> dict[str, Any]:
    with current().database.write() as connection:
        repository = access.find(connection, caller(), Right.OWNER, name)
        row = get_user(connection, user)
        set_grant(connection, repository.id, row.id, right)
        operation = "granted" if right else "withdrawn"
        note(connection, caller(), operation, "model_repository", name, user=row.name, right=right)
        rows = [found for found in list_grants(connection, repository.id) if found.user.id == row.id]
    return grant_json(rows[0]) if rows else {"user": user_json(row.name), "right": "", "created_at": None}


def _show(connection: Connection, name: str) -> RepositoryJSON:
    row = find_repository(connection, name)
    return repository_json(row, newest(connection, [row.id]).get(row.id), current().settings.strategy)
