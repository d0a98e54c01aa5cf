"""Archives: ordered lists of parts, never changed once written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select

from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.wire import EntryJSON

from ..errors import NotFound
from .database import new_uid, now
from .tables import archive_parts, archives

_SELECT: Select[Any] = select(archives.c.id, archives.c.uid, archives.c.digest, archives.c.size)


@dataclass(frozen=True, slots=True)
class NewArchive:
    """An archive whose bytes are durable.

    Args:
        digest: Digest of the list of its parts.
        parts: Its parts in order.
        layout: Its members, or None where it is no plain tar.
    """

    digest: str
    parts: tuple[Part, ...]
    layout: list[EntryJSON] | None


def add_archive(connection: Connection, archive: NewArchive) -> int:
    """Write an archive and return its row."""
    result = connection.execute(
        insert(archives).values(
            uid=new_uid(),
            digest=archive.digest,
            size=archive.parts[-1].stop,
            layout=None if archive.layout is None else json.dumps(archive.layout),
            created_at=now(),
        )
    )
    archive_id = int(result.inserted_primary_key[0])  # type: ignore[index]  # a table with a primary key returns one
    rows = [
        {"archive_id": archive_id, "number": part.number, "start": part.start, "stop": part.stop, "digest": part.digest}
        for part in archive.parts
    ]
    connection.execute(insert(archive_parts), rows)
    return archive_id


def find_archive(connection: Connection, uid: str) -> Row[Any]:
    """Id, digest and size of an archive; not its layout, which may be large.

    Raises:
        NotFound: There is none.
    """
    row = connection.execute(_SELECT.where(archives.c.uid == uid)).first()
    if row is None:
        raise NotFound("archive not found")
    return row


def layout_of(connection: Connection, archive_id: int) -> list[EntryJSON] | None:
    """The members of an archive, or None where it is no plain tar."""
    text = connection.execute(select(archives.c.layout).where(archives.c.id == archive_id)).scalar_one()
    return None if text is None else json.loads(text)


def parts_between(connection: Connection, archive_id: int, start: int, stop: int) -> Sequence[Part]:
    """The parts that hold the bytes `[start, stop)` of an archive, in order."""
    query = (
        select(archive_parts)
        .where(archive_parts.c.archive_id == archive_id, archive_parts.c.start < stop, archive_parts.c.stop > start)
        .order_by(archive_parts.c.number)
    )
    return [Part(row.number, row.start, row.stop, row.digest) for row in connection.execute(query)]
