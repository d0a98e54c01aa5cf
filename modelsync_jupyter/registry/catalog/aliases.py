"""Aliases: names that move between the versions of a repository, such as `production`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from ..errors import BadRequest, Conflict, NotFound
from .database import now
from .history import Deed, remember
from .models import MODELS, find_model, is_taken
from .rows import ModelRow, RepositoryRow
from .tables import aliases, models, repositories, users
from .users import Caller
from .words import UploadStatus

#: More versions than this are not named one by one in a query.
_MANY = 500


@dataclass(frozen=True, slots=True)
class AliasRow:
    """An alias and where it points.

    Args:
        name: The alias.
        version: The version that it stands for now.
        user: Who moved it there.
        moved_at: When.
    """

    name: str
    version: str
    user: str
    moved_at: datetime


class Anywhere:
    """In the place of an expected version: the alias may point anywhere, or not be there."""


ANYWHERE = Anywhere()
_ALIASES = (
    select(aliases.c.name, models.c.version, users.c.name.label("user"), aliases.c.moved_at)
    .join(models, aliases.c.model_id == models.c.id)
    .join(users, aliases.c.user_id == users.c.id)
    .where(models.c.deleted_at.is_(None))
)


def find_alias(connection: Connection, repository_id: int, name: str) -> AliasRow | None:
    """Find an alias, or None."""
    query = _ALIASES.where(aliases.c.repository_id == repository_id, aliases.c.name == name)
    row = connection.execute(query).first()
    return AliasRow(*row) if row else None


def list_aliases(connection: Connection, repository_id: int) -> list[AliasRow]:
    """List the aliases of a repository by name."""
    query = _ALIASES.where(aliases.c.repository_id == repository_id).order_by(aliases.c.name)
    return [AliasRow(*row) for row in connection.execute(query)]


def aliases_of(connection: Connection, model_ids: Collection[int]) -> dict[int, list[str]]:
    """List the aliases of each of these versions that has one."""
    query = select(aliases.c.model_id, aliases.c.name).order_by(aliases.c.name)
    if len(model_ids) <= _MANY:
        query = query.where(aliases.c.model_id.in_(model_ids))
    found: dict[int, list[str]] = {}
    for model_id, name in connection.execute(query):
        found.setdefault(model_id, []).append(name)
    return found


def resolve_model(connection: Connection, name: str, version: str) -> ModelRow:
    """Find one version by its own name, or by an alias of it.

    Raises:
        NotFound: There is neither.
    """
    try:
        return find_model(connection, name, version)
    except NotFound:
        query = (
            MODELS.join(aliases, aliases.c.model_id == models.c.id)
            .where(repositories.c.name == name, aliases.c.repository_id == repositories.c.id)
            .where(aliases.c.name == version)
        )
        row = connection.execute(query).first()
        if row is None:
            raise
        return ModelRow.of(row)


def move_alias(
    connection: Connection,
    caller: Caller,
    repository: RepositoryRow,
    name: str,
    version: str,
    expected: str | Anywhere | None = ANYWHERE,
) -> AliasRow:
    """Let an alias point at a version; a new alias is made.

    Args:
        connection: A write.
        caller: Who moves it.
        repository: The repository.
        name: The alias.
        version: The version, which has to be whole.
        expected: Where the alias must point until now: a version, or None for "there is no such alias".

    Raises:
        BadRequest: A version has this name, or the version is not whole.
        Conflict: The alias is not where it is expected to be.
        NotFound: There is no such version.
    """
    here = _lock(connection, repository, name)
    if here and here.version == version and here.user == caller.name:
        expected = ANYWHERE  # a client that did not see the reply to its move sends it again
    before = _compared(repository, name, here, expected)
    model = find_model(connection, repository.name, version, lock=True)
    if model.upload_status != UploadStatus.SUCCESS:
        raise BadRequest(f"`{model.tag}` has no bytes that an alias could stand for: it is {model.upload_status}")
    if is_taken(connection, repository.id, name):
        raise BadRequest(f"`{repository.name}:{name}` is a version: an alias needs a name of its own")
    if before is None or before.version != version:
        columns = {"model_id": model.id, "user_id": caller.user_id, "moved_at": now()}
        same = (aliases.c.repository_id == repository.id) & (aliases.c.name == name)
        if not connection.execute(update(aliases).where(same).values(**columns)).rowcount:
            connection.execute(insert(aliases).values(repository_id=repository.id, name=name, **columns))
        earlier = before.version if before else None
        remember(connection, caller, repository.id, version, Deed.ALIASED, alias=name, earlier=earlier)
    found = find_alias(connection, repository.id, name)
    assert found is not None, "it was written just now"
    return found


def drop_alias(
    connection: Connection,
    caller: Caller,
    repository: RepositoryRow,
    name: str,
    expected: str | Anywhere | None = ANYWHERE,
) -> AliasRow:
    """Remove an alias, and return what it was.

    Raises:
        Conflict: It does not point at `expected`.
        NotFound: There is no such alias.
    """
    before = _compared(repository, name, _lock(connection, repository, name), expected)
    if before is None:
        raise NotFound(f"alias `{repository.name}:{name}` not found")
    connection.execute(delete(aliases).where(aliases.c.repository_id == repository.id, aliases.c.name == name))
    remember(connection, caller, repository.id, before.version, Deed.UNALIASED, alias=name, earlier=before.version)
    return before


def check_no_alias(connection: Connection, model: ModelRow) -> None:
    """Refuse what would leave an alias without its version.

    Raises:
        BadRequest: An alias points at the version.
    """
    if names := aliases_of(connection, [model.id]).get(model.id):
        said = ", ".join(f"`{name}`" for name in names)
        raise BadRequest(f"`{model.tag}` has the alias {said}: move or remove it first")


def check_free(connection: Connection, repository_id: int, version: str) -> None:
    """Refuse a new version that has the name of an alias: pulls of the alias would get it.

    Raises:
        BadRequest: There is such an alias.
    """
    if found := find_alias(connection, repository_id, version):
        raise BadRequest(f"`{version}` is an alias of version `{found.version}`: choose another version")


def _lock(connection: Connection, repository: RepositoryRow, name: str) -> AliasRow | None:
    """Keep others from moving the aliases of a repository until this write ends; returns the alias, if there is one."""
    connection.execute(select(repositories.c.id).where(repositories.c.id == repository.id).with_for_update())
    return find_alias(connection, repository.id, name)


def _compared(
    repository: RepositoryRow, name: str, before: AliasRow | None, expected: str | Anywhere | None
) -> AliasRow | None:
    """Return where an alias points, which has to be where it is expected to."""
    if not isinstance(expected, Anywhere) and (before.version if before else None) != expected:
        where = f"points at `{before.version}`" if before else "does not exist"
        wanted = f"`{expected}`" if expected else "no version"
        raise Conflict(f"alias `{repository.name}:{name}` {where}, expected was {wanted}: someone else moved it")
    return before
