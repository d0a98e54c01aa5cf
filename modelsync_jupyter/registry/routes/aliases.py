"""Aliases of versions, which move; and the history of versions and aliases."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from modelsync_jupyter.wire import API

from .. import body
from ..catalog import aliases
from ..catalog.events import note
from ..catalog.history import list_history
from ..catalog.repositories import find_repository
from ..catalog.words import Right
from ..errors import BadRequest, NotFound
from ..replies import alias_json, history_json, page_json
from ..security import access
from ..security.auth import caller, needs
from ..service import current
from ..values import Fields, check_version

blueprint = Blueprint("aliases", __name__, url_prefix=f"{API}/model_repositories/<name>")


@blueprint.get("/aliases")
@needs(Right.READER)
def index(name: str) -> dict[str, Any]:
    """List the aliases of a repository and the versions they point at, by name."""
    page = body.page()
    with current().database.read() as connection:
        rows = aliases.list_aliases(connection, find_repository(connection, name).id)
    return page_json(page, len(rows), map(alias_json, page.of(rows)))


@blueprint.get("/aliases/<alias>")
@needs(Right.READER)
def show(name: str, alias: str) -> dict[str, Any]:
    """Show where an alias points."""
    with current().database.read() as connection:
        row = aliases.find_alias(connection, find_repository(connection, name).id, alias)
    if row is None:
        raise NotFound(f"alias `{name[:200]}:{alias[:200]}` not found")
    return alias_json(row)


@blueprint.put("/aliases/<alias>")
@needs(Right.WRITER)
def move(name: str, alias: str) -> dict[str, Any]:
    """Let an alias point at `version`; with `expected`, only where it points at that version until now, or is new."""
    fields = body.fields()
    version = fields.text("version", 128)
    if check_version(alias) == "latest":
        raise BadRequest("`latest` moves by itself: choose another name")
    with current().database.write() as connection:
        repository = find_repository(connection, name)
        row = aliases.move_alias(connection, caller(), repository, alias, version, _expected(fields))
        note(connection, caller(), "aliased", "model", f"{name}:{row.version}", alias=alias)
    return alias_json(row)


@blueprint.delete("/aliases/<alias>")
@needs(Right.WRITER)
def drop(name: str, alias: str) -> dict[str, Any]:
    """Remove an alias, with `expected` in the query only where it points at that version; the version stays."""
    expected = body.text("expected") or aliases.ANYWHERE
    with current().database.write() as connection:
        repository = find_repository(connection, name)
        row = aliases.drop_alias(connection, caller(), repository, alias, expected)
        note(connection, caller(), "unaliased", "model", f"{name}:{row.version}", alias=alias)
    return alias_json(row)


@blueprint.get("/history")
@needs(Right.READER)
def history(name: str) -> dict[str, Any]:
    """List what was done to the versions and aliases of a repository, newest first; to one `version` or `alias`."""
    page = body.page(default=100)
    version, alias = body.text("version"), body.text("alias")
    with current().database.read() as connection:
        repository = find_repository(connection, name)
        total, rows = list_history(connection, repository.id, page, version, alias)
        whole = access.right_in(connection, caller(), repository) == Right.OWNER
    return page_json(page, total, (history_json(row, whole=whole) for row in rows))


def _expected(fields: Fields) -> str | aliases.Anywhere | None:
    """Return where the alias must point; null says that there must be none, no such key that it may point anywhere."""
    if fields.is_null("expected"):
        return None
    return fields.text("expected", 128) if "expected" in fields else aliases.ANYWHERE
