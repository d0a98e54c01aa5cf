"""Deleted versions and repositories: hidden at once, restored for a while, purged by `garbage` when that is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from ..errors import BadRequest, NotFound
from . import tables
from .aliases import check_free
from .database import Page, now
from .grants import visible
from .history import Deed, remember
from .models import ALL_MODELS, MODELS, delete_model, is_taken, set_model
from .repositories import ALL_REPOSITORIES
from .rows import ModelRow, RepositoryRow
from .users import Caller
from .words import Right

_models, _repositories = tables.models, tables.repositories
_deleters = tables.users.alias("deleters")
_DELETED = (
    ALL_MODELS.add_columns(_deleters.c.name.label("deleter"), _repositories.c.deleted_at.label("repository_deleted_at"))
    .join(_deleters, _models.c.deleted_by == _deleters.c.id, isouter=True)
    .where(_models.c.deleted_at.is_not(None))
)


@dataclass(frozen=True, slots=True)
class DeletedRow:
    """A deleted version that can still be restored.

    Args:
        model: The version as it was.
        deleted_at: When it was deleted.
        deleter: Who deleted it; "" where an earlier version of the registry did not write that down.
        deleter_id: Row of that user.
        with_repository: Whether its whole repository is deleted.
    """

    model: ModelRow
    deleted_at: datetime
    deleter: str
    deleter_id: int | None
    with_repository: bool


def list_deleted(connection: Connection, who: Caller, page: Page, name: str = "") -> tuple[int, list[DeletedRow]]:
    """Count the deleted versions in repositories in which a caller may write, and return one page, the last first.

    Args:
        connection: A read.
        who: The caller.
        page: Which slice.
        name: Only those of this repository.
    """
    query = _DELETED.where(visible(who, Right.WRITER))
    if name:
        query = query.where(_repositories.c.name == name)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(page.cut(query.order_by(_models.c.deleted_at.desc(), _models.c.id.desc())))
    return total, list(map(_deleted, rows))


def find_deleted(connection: Connection, name: str, version: str) -> DeletedRow:
    """Find the version that was deleted last under a tag, and keep others from changing it until this write ends.

    One that has bytes comes before one that never got any: to give up a push must not hide what was there before it.

    Raises:
        NotFound: There is none.
    """
    query = _DELETED.where(_repositories.c.name == name, _models.c.version == version)
    query = query.order_by(_models.c.archive_id.is_(None), _models.c.deleted_at.desc(), _models.c.id.desc()).limit(1)
    row = connection.execute(query.with_for_update(of=_models)).first()
    if row is None:
        raise NotFound(f"no deleted version `{name[:200]}:{version[:200]}`: it never was, or was purged")
    return _deleted(row)


def restore_model(connection: Connection, caller: Caller, row: DeletedRow) -> None:
    """Show a deleted version again.

    Raises:
        BadRequest: There is another version under the tag by now, or an alias of that name.
    """
    model = row.model
    if is_taken(connection, model.repository.id, model.version):
        raise BadRequest(f"there is another `{model.tag}` by now: delete it first")
    check_free(connection, model.repository.id, model.version)
    set_model(connection, model.id, deleted_at=None, deleted_by=None)
    remember(connection, caller, model.repository.id, model.version, Deed.RESTORED, model_id=model.id)


def delete_repository(connection: Connection, caller: Caller, repository: RepositoryRow) -> int:
    """Hide a repository with all its versions and aliases, and return how many versions that were."""
    moment = now()
    rows = list(map(ModelRow.of, connection.execute(MODELS.where(_models.c.repository_id == repository.id))))
    for row in rows:
        delete_model(connection, caller, row, moment)
        remember(connection, caller, repository.id, row.version, Deed.DELETED, model_id=row.id)
    change = update(_repositories).where(_repositories.c.id == repository.id)
    connection.execute(change.values(deleted_at=moment, updated_at=moment))
    return len(rows)


def find_deleted_repository(connection: Connection, name: str) -> tuple[RepositoryRow, datetime] | None:
    """Find the deleted repository of a name, and when it was deleted."""
    query = ALL_REPOSITORIES.add_columns(_repositories.c.deleted_at)
    query = query.where(_repositories.c.name == name, _repositories.c.deleted_at.is_not(None))
    row = connection.execute(query.with_for_update(of=_repositories)).first()
    return (RepositoryRow.of(row), row.deleted_at) if row else None


def restore_repository(connection: Connection, caller: Caller, repository: RepositoryRow, moment: datetime) -> int:
    """Show a repository again with the versions that were deleted together with it, and return how many."""
    _show_repository(connection, repository.id)
    query = _DELETED.where(_models.c.repository_id == repository.id, _models.c.deleted_at == moment)
    rows = list(map(_deleted, connection.execute(query.with_for_update(of=_models))))
    for row in rows:
        set_model(connection, row.model.id, deleted_at=None, deleted_by=None)
        remember(connection, caller, repository.id, row.model.version, Deed.RESTORED, model_id=row.model.id)
    return len(rows)


def _show_repository(connection: Connection, repository_id: int) -> None:
    change = update(_repositories).where(_repositories.c.id == repository_id)
    connection.execute(change.values(deleted_at=None, updated_at=now()))


def _deleted(row: Row[Any]) -> DeletedRow:
    with_repository = row.repository_deleted_at is not None
    return DeletedRow(ModelRow.of(row), row.deleted_at, row.deleter or "", row.deleted_by, with_repository)
