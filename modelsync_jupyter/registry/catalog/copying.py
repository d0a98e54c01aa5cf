"""Copy a whole catalog into another database, which may be of another kind, in one transaction there.

Uploads that are not finished stay behind: their clients hold URLs of the registry they began in. A version that such an
upload was for is shown as failed, and is pushed again as any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blake3 import blake3
from sqlalchemy import Connection, Table, delete, func, insert, select, text, update

from .tables import archive_parts, chores, metadata, models, schema_version, upload_parts, uploads, users
from .words import UNFINISHED, UploadState, UploadStatus

_ROWS = 1000
#: Tables in an order in which each comes after those that it refers to.
_TABLES = tuple(
    table for table in metadata.sorted_tables if table not in (schema_version, chores, upload_parts)
)  # `upload_parts` serves uploads that are open


@dataclass(frozen=True, slots=True)
class Needed:
    """A blob that archives are made of.

    Args:
        digest: Digest of its bytes.
        size: How many.
        places: Where they are: in the blob of that digest, or in what clients sent to a bucket themselves; and where in
            it they begin.
    """

    digest: str
    size: int
    places: tuple[tuple[str, int], ...]


def needed(connection: Connection) -> Iterator[list[Needed]]:
    """List the blobs that archives are made of, in batches."""
    after = ""
    size = func.max(archive_parts.c.stop - archive_parts.c.start)
    query = select(archive_parts.c.digest, size).group_by(archive_parts.c.digest).order_by(archive_parts.c.digest)
    while found := list(connection.execute(query.where(archive_parts.c.digest > after).limit(_ROWS))):
        named = select(archive_parts.c.digest, archive_parts.c.place, archive_parts.c.place_start).distinct()
        places: dict[str, set[tuple[str, int]]] = {}
        for digest, place, at in connection.execute(named.where(archive_parts.c.digest.in_([row[0] for row in found]))):
            places.setdefault(digest, set()).add((place or digest, at))
        yield [Needed(digest, bytes, tuple(sorted(places[digest]))) for digest, bytes in found]
        after = found[-1][0]


def identity(connection: Connection) -> str:
    """Return what tells one registry from others, wherever its catalog is; "" where nobody was ever let in."""
    row = connection.execute(select(users.c.name, users.c.created_at).order_by(users.c.id)).first()
    return blake3(repr(tuple(row)).encode()).hexdigest() if row else ""


def fingerprint(connection: Connection) -> str:
    """Return a digest of all rows of a catalog, by which a later change is seen."""
    hasher = blake3()
    for table in _TABLES:
        hasher.update(table.name.encode())
        for rows in _rows(connection, table):
            for row in rows:
                hasher.update(repr(list(row.values())).encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def replace_catalog(source: Connection, target: Connection) -> None:
    """Put all rows of one catalog in the place of those of another.

    Args:
        source: One look at the catalog.
        target: A write.
    """
    target.execute(delete(chores))
    target.execute(delete(upload_parts))
    for table in reversed(_TABLES):
        target.execute(delete(table))
    for table in _TABLES:
        for rows in _rows(source, table):
            if table is archive_parts:
                rows = [{**row, "place": None, "place_start": 0} for row in rows]  # stored under its digest from now on
            target.execute(insert(table), rows)
    if target.dialect.name == "postgresql":  # rows that bring their numbers do not move the counters on
        for table in _TABLES:
            if "id" in table.c:
                count = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
                target.execute(text(f"{count} HAVING max(id) IS NOT NULL"))
    target.execute(update(uploads).where(uploads.c.state.in_(UNFINISHED)).values(state=UploadState.ABORTED))
    columns = {"upload_status": UploadStatus.FAILED, "upload_finished_reason": "the registry moved before its end"}
    target.execute(update(models).where(models.c.upload_status == UploadStatus.UPLOADING).values(**columns))


def _rows(connection: Connection, table: Table) -> Iterator[Sequence[Mapping[str, Any]]]:
    """Read a table in the order of its key, so that what refers to an earlier row of it comes later."""
    query = select(table).order_by(*table.primary_key.columns).execution_options(stream_results=True)
    with connection.execute(query) as result:
        for some in result.mappings().partitions(_ROWS):
            yield [dict(row) for row in some]
