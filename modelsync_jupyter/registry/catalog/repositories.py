"""Repositories: all versions of one name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, insert, or_, select, update

from modelsync_jupyter.wire import LabelJSON

from ..errors import BadRequest, NotFound
from ..search import Search
from .database import Page, new_uid, now
from .grants import right_in, set_grant, visible
from .labels import has_label, replace_labels
from .rows import RepositoryRow
from .tables import aliases, grants, repositories, users
from .users import Caller
from .words import Right

#: The user who made a repository; a version has a creator of its own.
CREATOR = users.alias("repository_creators")
#: What `RepositoryRow` is read from.
COLUMNS = (
    *(
        repositories.c[name].label(f"repository_{name}")
        for name in ("id", "uid", "name", "description", "labels", "private", "created_at", "updated_at")
    ),
    CREATOR.c.name.label("repository_creator"),
)
ALL_REPOSITORIES: Select[Any] = select(*COLUMNS).join(CREATOR, repositories.c.creator_id == CREATOR.c.id)
_REPOSITORIES = ALL_REPOSITORIES.where(repositories.c.deleted_at.is_(None))
_BY_NAME = _REPOSITORIES.where(repositories.c.name == bindparam("name"))  # made once, for each request asks this
_SORTS = {
    "created_at": repositories.c.created_at,
    "updated_at": repositories.c.updated_at,
    "name": repositories.c.name,
}


def find_repository(connection: Connection, name: str) -> RepositoryRow:
    """Find the repository called `name`.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(_BY_NAME, {"name": name}).first()
    if row is None:
        raise no_repository(name)
    return RepositoryRow.of(row)


def no_repository(name: str) -> NotFound:
    """Return the error for a repository that is not there, or of which the caller may not know: there is no telling."""
    error = NotFound(f"model repository `{name[:200]}` not found")
    error.said = {"repository": None}
    return error


def create_repository(
    connection: Connection,
    caller: Caller,
    name: str,
    description: str,
    labels: Iterable[LabelJSON],
    *,
    private: bool = False,
) -> None:
    """Make a repository, which its maker owns.

    Until a deleted repository is purged, only its owners can make a new one of that name; its versions stay deleted.

    Raises:
        BadRequest: The name is taken; whether by a repository that the caller may see is not told.
    """
    moment = now()
    known = connection.execute(ALL_REPOSITORIES.where(repositories.c.name == name)).first()
    if known is not None:
        row = RepositoryRow.of(known)
        deleted = update(repositories).where(repositories.c.id == row.id, repositories.c.deleted_at.is_not(None))
        columns = {"description": description, "creator_id": caller.user_id, "private": private, "created_at": moment}
        may = right_in(connection, caller, row) == Right.OWNER
        if not may or not connection.execute(deleted.values(deleted_at=None, updated_at=moment, **columns)).rowcount:
            raise BadRequest(f"the name `{name}` is taken")
        for table in (aliases, grants):
            connection.execute(delete(table).where(table.c.repository_id == row.id))
        replace_labels(connection, repositories, row.id, labels)
        set_grant(connection, row.id, caller.user_id, Right.OWNER)
        return
    result = connection.execute(
        insert(repositories).values(
            uid=new_uid(),
            name=name,
            description=description,
            labels="[]",
            creator_id=caller.user_id,
            created_at=moment,
            updated_at=moment,
            private=private,
        )
    )
    repository_id = int(result.inserted_primary_key[0])  # type: ignore[index]  # a table with a key returns it
    if some := list(labels):
        replace_labels(connection, repositories, repository_id, some)
    set_grant(connection, repository_id, caller.user_id, Right.OWNER)


def set_repository(connection: Connection, name: str, **columns: Any) -> None:
    """Change columns of a repository: its description, or whether it is private."""
    connection.execute(update(repositories).where(repositories.c.name == name).values(updated_at=now(), **columns))


def touch_repository(connection: Connection, repository_id: int) -> None:
    """Note that something in a repository changed."""
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(updated_at=now()))


def list_repositories(
    connection: Connection, who: Caller, search: Search, page: Page
) -> tuple[int, list[RepositoryRow]]:
    """Count the repositories that the caller may see and that match, and return one page, the last changed first."""
    query = _REPOSITORIES.where(visible(who), *_conditions(search, who.name))
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    column = _SORTS.get(search.sort or "updated_at", repositories.c.updated_at)
    order = column.desc() if search.descending else column.asc()
    rows = connection.execute(page.cut(query.order_by(order, repositories.c.id.desc())))
    return total, list(map(RepositoryRow.of, rows))


def _conditions(search: Search, me: str) -> list[ColumnElement[bool]]:
    columns = [repositories.c[field] for field in search.fields]
    conditions = [or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in search.words]
    conditions += [repositories.c.name.icontains(name, autoescape=True) for name in search.names]
    if search.creators:
        conditions.append(CREATOR.c.name.in_([me if name == "@me" else name for name in search.creators]))
    conditions += [has_label(repositories, terms) for terms in search.labels]
    return conditions + ([~has_label(repositories, search.excluded)] if search.excluded else [])
