"""Repositories: all versions of one name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, insert, or_, select, update

from modelsync_jupyter.wire import LabelJSON

from ..errors import BadRequest, NotFound
from ..search import Search
from .database import Page, new_uid, now
from .labels import has_label, replace_labels
from .rows import RepositoryRow
from .tables import repositories, users
from .users import Caller

#: The user who made a repository; a version has a creator of its own.
CREATOR = users.alias("repository_creators")
#: What `RepositoryRow` is read from.
COLUMNS = (
    *(
        repositories.c[name].label(f"repository_{name}")
        for name in ("id", "uid", "name", "description", "labels", "created_at", "updated_at")
    ),
    CREATOR.c.name.label("repository_creator"),
)
_REPOSITORIES: Select[Any] = select(*COLUMNS).join(CREATOR, repositories.c.creator_id == CREATOR.c.id)
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
    row = connection.execute(_REPOSITORIES.where(repositories.c.name == name)).first()
    if row is None:
        raise NotFound(f"model repository `{name[:200]}` not found")
    return RepositoryRow.of(row)


def create_repository(
    connection: Connection, caller: Caller, name: str, description: str, labels: Iterable[LabelJSON]
) -> None:
    """Make a repository.

    Raises:
        BadRequest: The name is taken.
    """
    if connection.execute(select(repositories.c.id).where(repositories.c.name == name)).first():
        raise BadRequest(f"model repository `{name}` already exists")
    moment = now()
    result = connection.execute(
        insert(repositories).values(
            uid=new_uid(),
            name=name,
            description=description,
            labels="[]",
            creator_id=caller.user_id,
            created_at=moment,
            updated_at=moment,
        )
    )
    replace_labels(connection, repositories, result.inserted_primary_key[0], labels)  # type: ignore[index]


def describe_repository(connection: Connection, name: str, description: str) -> None:
    """Change the description of a repository."""
    change = update(repositories).where(repositories.c.name == name)
    connection.execute(change.values(description=description, updated_at=now()))


def touch_repository(connection: Connection, repository_id: int) -> None:
    """Note that something in a repository changed."""
    connection.execute(update(repositories).where(repositories.c.id == repository_id).values(updated_at=now()))


def list_repositories(connection: Connection, search: Search, page: Page, me: str) -> tuple[int, list[RepositoryRow]]:
    """Count the repositories that match, and return one page of them, by default the last changed first."""
    conditions = _conditions(search, me)
    query = _REPOSITORIES.where(*conditions)
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
