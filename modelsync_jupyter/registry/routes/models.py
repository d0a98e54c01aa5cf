"""Versions: list, register, show, label, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint
from sqlalchemy import Connection

from modelsync_jupyter.wire import API, ModelJSON

from .. import body
from ..catalog import models, tables
from ..catalog.aliases import aliases_of, check_free, check_no_alias, resolve_model
from ..catalog.events import note
from ..catalog.history import Deed, remember
from ..catalog.labels import replace_labels
from ..catalog.models import find_model, list_models
from ..catalog.repositories import find_repository
from ..catalog.rows import ModelRow
from ..catalog.words import Right, Role
from ..errors import NotFound
from ..replies import model_json, model_with_repository, page_json, repository_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current
from ..values import Fields, check_version

blueprint = Blueprint("models", __name__, url_prefix=API)
_ALL = "/model_repositories/<name>/models"
_ONE = f"{_ALL}/<version>"


@blueprint.get("/models")
@needs(Role.NONE)
def index() -> dict[str, Any]:
    """List the whole versions that match of all repositories one may read, newest build first."""
    page = body.page(most=body.MAX_MODELS)
    with current().database.read() as connection:
        total, rows = list_models(connection, caller(), body.search(), page)
        return page_json(page, total, _with_aliases(connection, rows))


@blueprint.get(_ALL)
@needs(Right.READER)
def versions(name: str) -> dict[str, Any]:
    """List the whole versions of one repository that match, newest build first: the first one is `latest`."""
    page = body.page(most=body.MAX_MODELS)
    with current().database.read() as connection:
        repository = find_repository(connection, name)
        total, rows = list_models(connection, caller(), body.search(), page, repository.id)
        return page_json(page, total, _with_aliases(connection, rows))


@blueprint.post(_ALL)
@needs(Right.WRITER)
def create(name: str) -> ModelJSON:
    """Register a version that has no bytes yet."""
    fields = body.fields(body.MAX_RECORD)
    version = fields.text("version", 128)
    # it has no bytes yet: those make it durable, when the push is finished
    with current().database.write(durable=False) as connection:
        register(connection, name, version, fields)
        return model_json(find_model(connection, name, version), current().settings.strategy)


def register(connection: Connection, name: str, version: str, fields: Fields) -> None:
    """Register a version.

    Args:
        connection: A write.
        name: Name of its repository.
        version: The version.
        fields: What is said of it: description, manifest, labels, and when it was built.

    Raises:
        BadRequest: It is taken, or is no version.
    """
    repository = find_repository(connection, name)
    check_free(connection, repository.id, check_version(version))
    models.create_model(
        connection,
        caller(),
        repository.id,
        version,
        description=fields.text("description"),
        manifest=fields.manifest(),
        labels=fields.labels(),
        build_at=fields.time("build_at"),
    )
    note(connection, caller(), "created", "model", f"{name}:{version}")


@blueprint.get(_ONE)
@needs(Right.READER)
def show(name: str, version: str) -> dict[str, Any]:
    """Show one version, whatever its status; by its own name, or by an alias of it."""
    with current().database.read() as connection:
        try:
            row = resolve_model(connection, name, version)
        except NotFound as error:  # who asks before a push wants to know what the repository says
            repository = find_repository(connection, name)
            error.said = {"repository": repository_json(repository, None, current().settings.strategy)}
            raise
        aliases = aliases_of(connection, [row.id]).get(row.id, ())
    alias = "" if row.version == version else version
    return {**model_with_repository(row, current().settings.strategy, aliases, alias), "bentos": []}


@blueprint.patch(_ONE)
@needs(Right.WRITER)
def change(name: str, version: str) -> ModelJSON:
    """Replace the labels (those not sent are gone) or the description."""
    fields = body.fields(body.MAX_RECORD)
    with current().database.write() as connection:
        row = find_model(connection, name, version, lock=True)
        if "labels" in fields:
            replace_labels(connection, tables.models, row.id, fields.labels())
        models.set_model(connection, row.id, description=fields.text("description", default=row.description))
        remember(connection, caller(), row.repository.id, version, Deed.CHANGED, model_id=row.id)
        note(connection, caller(), "updated", "model", f"{name}:{version}")
        return model_json(find_model(connection, name, version), current().settings.strategy)


@blueprint.delete(_ONE)
@needs(Right.WRITER)
def delete(name: str, version: str) -> ModelJSON:
    """Hide a version; who pushed it may, and an owner. The tag is free again; for a while it can be restored."""
    with current().database.write() as connection:
        row = find_model(connection, name, version, lock=True)
        access.require_deleting(connection, caller(), row)
        check_no_alias(connection, row)
        models.delete_model(connection, caller(), row)
        remember(connection, caller(), row.repository.id, version, Deed.DELETED, model_id=row.id)
        note(connection, caller(), "deleted", "model", f"{name}:{version}")
    return model_json(row, current().settings.strategy)


def _with_aliases(connection: Connection, rows: Sequence[ModelRow]) -> list[ModelJSON]:
    aliases = aliases_of(connection, [row.id for row in rows])
    strategy = current().settings.strategy
    repositories = {row.repository.id: row.repository for row in rows}
    written = {key: repository_json(row, None, strategy) for key, row in repositories.items()}
    return [
        model_with_repository(row, strategy, aliases.get(row.id, ()), repository=written[row.repository.id])
        for row in rows
    ]


@blueprint.get(f"{_ONE}/bentos")
@blueprint.get(f"{_ONE}/deployments")
@needs(Right.READER)
def users_of(name: str, version: str) -> dict[str, Any]:
    """List who uses a version: this registry knows of none."""
    with current().database.read() as connection:
        find_model(connection, name, version)
    return page_json(body.page(), 0, [])
