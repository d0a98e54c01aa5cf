"""How much is stored: blobs in all, versions by repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from .tables import archive_parts, models, repositories


@dataclass(frozen=True, slots=True)
class Held:
    """Blobs that archives are made of, each counted once.

    Args:
        count: How many.
        size: Their bytes.
    """

    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What a repository holds; bytes that versions share are counted in each of them.

    Args:
        name: The repository.
        versions: How many versions it has.
        size: Bytes of their files.
        downloads: How often they were downloaded.
        deleted: Versions that are deleted and can be restored.
        deleted_size: Bytes of their files.
    """

    name: str
    versions: int
    size: int
    downloads: int
    deleted: int
    deleted_size: int


def blobs(connection: Connection) -> Held:
    """Count the blobs that archives are made of."""
    size = archive_parts.c.stop - archive_parts.c.start
    distinct = select(archive_parts.c.digest, size.label("size")).distinct().subquery()
    query = select(func.count(), func.coalesce(func.sum(distinct.c.size), 0)).select_from(distinct)
    count, total = connection.execute(query).one()
    return Held(int(count), int(total))


def repositories_by_size(connection: Connection, count: int) -> list[Usage]:
    """List what repositories hold, the largest first; deleted repositories are not among them."""
    live = and_(models.c.id.is_not(None), models.c.deleted_at.is_(None))
    gone = models.c.deleted_at.is_not(None)
    size = _sum(live, models.c.size_bytes)
    query = (
        select(
            repositories.c.name,
            _sum(live, 1),
            size,
            _sum(live, models.c.downloads),
            _sum(gone, 1),
            _sum(gone, models.c.size_bytes),
        )
        .outerjoin(models, models.c.repository_id == repositories.c.id)
        .where(repositories.c.deleted_at.is_(None))
        .group_by(repositories.c.name)
        .order_by(size.desc(), repositories.c.name)
        .limit(count)
    )
    return [Usage(row[0], *map(int, row[1:])) for row in connection.execute(query)]


def _sum(condition: ColumnElement[bool], value: Any) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, value), else_=0)), 0)
