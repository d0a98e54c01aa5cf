"""Archives: ordered lists of parts, which never change, and what their bytes tell."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, insert, or_, select, union, update

from modelsync_jupyter.archive.layout import CUT
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.wire import EntryJSON

from ..errors import NotFound
from .database import batches, change_many, new_uid, now
from .grants import visible
from .rows import ArchiveRow, StoredPart
from .tables import archive_parts, archives, history, models, repositories, upload_parts, uploads
from .users import Caller

#: Digests that one query asks for.
_AT_ONCE = 500
_HOLD = (
    "INSERT INTO archive_parts (archive_id, number, start, stop, digest, place, place_start)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Described:
    """What the bytes of an archive tell.

    Args:
        layout: Its members, or None where they cannot be told.
        base: Bytes of its own description in front of its body.
        content_digest: The content digest of its files, or None where it is not computed yet.
        cut: Name of the rules that the content digest is built on, or None.
    """

    layout: list[EntryJSON] | None
    base: int
    content_digest: str | None
    cut: str | None

    def columns(self) -> dict[str, Any]:
        """Return the same as columns of an archive."""
        return {
            "layout": None if self.layout is None else json.dumps(self.layout),
            "base": self.base,
            "content_digest": self.content_digest,
            "cut": self.cut,
        }


def add_archive(connection: Connection, digest: str, parts: Sequence[Part], described: Described) -> int:
    """Write an archive whose bytes are durable, and return its row.

    Args:
        connection: A write.
        digest: Digest of the list of its parts.
        parts: Its parts in order.
        described: What its bytes tell.
    """
    columns = {"uid": new_uid(), "digest": digest, "size": parts[-1].stop, "created_at": now(), **described.columns()}
    result = connection.execute(insert(archives), columns)
    archive_id = int(result.inserted_primary_key[0])  # type: ignore[index]  # a table with a primary key returns one
    rows = []
    for part in parts:
        place, begin = (part.place, part.place_start) if isinstance(part, StoredPart) else (None, 0)
        rows.append((archive_id, part.number, part.start, part.stop, part.digest, place, begin))
    change_many(connection, _HOLD, rows)
    return archive_id


def describe_archive(connection: Connection, archive_id: int, described: Described | None) -> None:
    """Write down what the bytes of an archive tell that was taken in without; None for no more than is known of it."""
    columns: dict[str, Any] = described.columns() if described else {"content_digest": "", "cut": ""}
    connection.execute(update(archives).where(archives.c.id == archive_id).values(**columns))
    noted = update(history).where(history.c.archive_id == archive_id)
    connection.execute(noted.values(content_digest=columns["content_digest"]))


def digest_of_archive(connection: Connection, archive_id: int) -> str | None:
    """Return the content digest of an archive, or None; it stays as it is until this write ends."""
    query = select(archives.c.content_digest).where(archives.c.id == archive_id).with_for_update()
    return connection.execute(query).scalar_one() or None


def undescribed(connection: Connection, before: int | None, count: int, *, older: bool) -> list[tuple[int, int]]:
    """List rows and sizes of archives whose content digest was not computed yet, the newest first.

    Args:
        connection: A read.
        before: Only rows with a smaller number.
        count: How many at most.
        older: Also those whose content digest is built on other rules of cutting.
    """
    missing = archives.c.content_digest.is_(None)
    other = and_(archives.c.cut != CUT, archives.c.cut != "")
    query = select(archives.c.id, archives.c.size).where(or_(missing, other) if older else missing)
    if before is not None:
        query = query.where(archives.c.id < before)
    return [(row.id, row.size) for row in connection.execute(query.order_by(archives.c.id.desc()).limit(count))]


def find_archive(connection: Connection, uid: str) -> ArchiveRow:
    """Find an archive that a version has, or had until a forced push replaced it.

    Raises:
        NotFound: There is none, or the version was deleted.
    """
    columns = (archives.c[field.name] for field in fields(ArchiveRow))
    alive = models.c.deleted_at.is_(None)
    of_version = exists().where(models.c.archive_id == archives.c.id, alive)
    before = exists().where(history.c.archive_id == archives.c.id, history.c.model_id == models.c.id, alive)
    row = connection.execute(select(*columns).where(archives.c.uid == uid, or_(of_version, before))).first()
    if row is None:
        raise NotFound("archive not found")
    return ArchiveRow(*row)


def readable_parts(connection: Connection, who: Caller, digests: Collection[str]) -> set[str]:
    """Return those of some digests that are parts of a version the caller may read, or that the caller sent before."""
    found: set[str] = set()
    for some in batches(sorted(digests), _AT_ONCE):
        found |= _readable(connection, who, some)
    return found


def readable_parts_of(connection: Connection, who: Caller, upload_id: int) -> set[str]:
    """Return the same of the digests that an upload declares: the database knows them, and need not be told again."""
    return _readable(
        connection, who, select(upload_parts.c.declared_digest).where(upload_parts.c.upload_id == upload_id)
    )


def _readable(connection: Connection, who: Caller, some: list[str] | Select[Any]) -> set[str]:
    read = (
        select(archive_parts.c.digest)
        .join(models, models.c.archive_id == archive_parts.c.archive_id)
        .join(repositories, models.c.repository_id == repositories.c.id)
        .where(archive_parts.c.digest.in_(some), models.c.deleted_at.is_(None), visible(who))
    )
    sent = (
        select(upload_parts.c.digest)
        .join(uploads, uploads.c.id == upload_parts.c.upload_id)
        .where(upload_parts.c.digest.in_(some), uploads.c.creator_id == who.user_id, ~upload_parts.c.present)
    )
    return set(connection.execute(union(read, sent)).scalars())


def totals(connection: Connection) -> dict[str, int]:
    """Count what the catalog holds: repositories, versions that can be pulled, and the bytes of their archives."""
    alive = (models.c.deleted_at.is_(None), models.c.archive_id.is_not(None))
    query = select(func.count(), func.coalesce(func.sum(archives.c.size), 0)).select_from(models).join(archives)
    versions, size = connection.execute(query.where(*alive)).one()
    count = connection.execute(select(func.count()).select_from(repositories)).scalar_one()
    return {"repositories": int(count), "versions": int(versions), "archive_bytes": int(size)}


def layout_of(connection: Connection, archive_id: int) -> list[EntryJSON] | None:
    """Return the members of an archive, or None where they cannot be told."""
    text = connection.execute(select(archives.c.layout).where(archives.c.id == archive_id)).scalar_one()
    return None if text is None else json.loads(text)


def parts_between(connection: Connection, archive_id: int, start: int, stop: int) -> Sequence[StoredPart]:
    """List the parts that hold the bytes `[start, stop)` of an archive, in order."""
    query = (
        select(archive_parts)
        .where(archive_parts.c.archive_id == archive_id, archive_parts.c.start < stop, archive_parts.c.stop > start)
        .order_by(archive_parts.c.number)
    )
    return [
        StoredPart(row.number, row.start, row.stop, row.digest, row.place, row.place_start)
        for row in connection.execute(query)
    ]
