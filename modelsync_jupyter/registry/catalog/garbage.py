"""What the catalog no longer needs, and which blobs it does need.

A blob is needed as long as a row names its digest: a part of an archive, or a part of an upload that is open (received,
declared, or told to be present). What a client sent to the store itself, a part or neighbouring ones in one blob, has
a name of its own there, its place, and is needed as long as a row of any of these parts names that, or the upload that
it came with is open. These rows are its *pins*. A pin is written in a transaction that holds the lock of pins together
with others; blobs are deleted in one that holds it alone. So a writer that has noted a pin and then finds the blob in
the store, keeps it; what is found without a pin while the lock is held cannot get one before it is gone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, delete, exists, func, or_, select, text, union_all, update

from ..blobs.protocol import blob_of, is_direct, upload_of
from .tables import (
    aliases,
    archive_parts,
    archives,
    events,
    grants,
    history,
    model_labels,
    models,
    repositories,
    repository_labels,
    upload_parts,
    uploads,
)
from .words import UNFINISHED, UploadState, UploadStatus

#: Any number, the same in every process. SQLite has one writer at a time, which is lock enough.
_PINS = 0x70696E73
#: Rows that one statement changes, so that no transaction is long.
_BATCH = 500


def hold_pins(connection: Connection, *, alone: bool = False) -> None:
    """Take the lock of pins until the end of this write: to write some, or `alone` to delete what has none."""
    if connection.dialect.name == "postgresql":
        function = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        connection.execute(text(f"SELECT {function}(:key)"), {"key": _PINS})


def pinned(connection: Connection, digests: Collection[str]) -> set[str]:
    """Return those of some blobs that are needed, by their digests or places.

    One statement, and so one look: it finds an upload open, or complete with its archive.
    """
    on_its_way = upload_parts.c.upload_id == uploads.c.id
    open_now = uploads.c.state == UploadState.OPEN
    query = union_all(
        select(archive_parts.c.digest).where(archive_parts.c.digest.in_(digests)),
        select(upload_parts.c.digest).where(upload_parts.c.digest.in_(digests), on_its_way, open_now),
        select(upload_parts.c.declared_digest).where(upload_parts.c.declared_digest.in_(digests), on_its_way, open_now),
    )
    found = {row[0] for row in connection.execute(query)}
    places = {name: upload_of(name) for name in digests if is_direct(name)}
    if places:
        query = union_all(
            select(archive_parts.c.place).where(archive_parts.c.place.in_(places)),
            select(upload_parts.c.place).where(upload_parts.c.place.in_(places), on_its_way, open_now),
            select(uploads.c.uid).where(uploads.c.uid.in_(set(places.values())), open_now),
        )
        named = {row[0] for row in connection.execute(query)}
        found |= {name for name, upload in places.items() if name in named or upload in named}
    return found


def expire_uploads(connection: Connection, before: datetime) -> int:
    """Abort uploads to which nothing has come since `before`, and return how many."""
    stale = and_(
        uploads.c.state.in_(UNFINISHED),
        or_(uploads.c.active_at < before, and_(uploads.c.active_at.is_(None), uploads.c.created_at < before)),
    )
    found = list(connection.execute(select(uploads.c.id, uploads.c.model_id).where(stale).limit(_BATCH)))
    if not found:
        return 0
    # The condition again: a part may have come in between, where the database lets others write.
    change = update(uploads).where(uploads.c.id.in_([row.id for row in found]), stale)
    count = connection.execute(change.values(state=UploadState.ABORTED)).rowcount
    left = exists().where(uploads.c.model_id == models.c.id, uploads.c.state.in_(UNFINISHED))
    given_up = and_(
        models.c.id.in_([row.model_id for row in found]), models.c.upload_status == UploadStatus.UPLOADING, ~left
    )
    columns = {"upload_status": UploadStatus.FAILED, "upload_finished_reason": "the upload expired"}
    connection.execute(update(models).where(given_up).values(**columns))
    return count


def purge_models(connection: Connection, before: datetime) -> int:
    """Remove versions that were deleted before `before`, for good, and return how many."""
    query = select(models.c.id).where(models.c.deleted_at < before)
    ids = list(connection.execute(query.limit(_BATCH).with_for_update()).scalars())
    if not ids:
        return 0
    of_these = select(uploads.c.id).where(uploads.c.model_id.in_(ids))
    connection.execute(delete(upload_parts).where(upload_parts.c.upload_id.in_(of_these)))
    detached = update(history).where(history.c.model_id.in_(ids))
    connection.execute(detached.values(model_id=None, archive_id=None))
    connection.execute(delete(uploads).where(uploads.c.model_id.in_(ids)))
    connection.execute(delete(aliases).where(aliases.c.model_id.in_(ids)))
    connection.execute(delete(model_labels).where(model_labels.c.owner_id.in_(ids)))
    connection.execute(delete(models).where(models.c.id.in_(ids)))
    return len(ids)


def purge_repositories(connection: Connection, before: datetime) -> int:
    """Remove repositories that were deleted before `before` and have no versions left; return how many."""
    empty = ~exists().where(models.c.repository_id == repositories.c.id)
    query = select(repositories.c.id).where(repositories.c.deleted_at < before, empty)
    ids = list(connection.execute(query.limit(_BATCH).with_for_update()).scalars())
    if ids:
        for table in (aliases, grants):
            connection.execute(delete(table).where(table.c.repository_id.in_(ids)))
        connection.execute(update(events).where(events.c.repository_id.in_(ids)).values(repository_id=None))
        connection.execute(delete(history).where(history.c.repository_id.in_(ids)))
        connection.execute(delete(repository_labels).where(repository_labels.c.owner_id.in_(ids)))
        connection.execute(delete(repositories).where(repositories.c.id.in_(ids)))
    return len(ids)


def forget_uploads(connection: Connection, before: datetime) -> int:
    """Remove uploads that ended before `before`; their bytes belong to their version by now, or to nobody."""
    over = uploads.c.state.in_((UploadState.PUBLISHED, UploadState.ABORTED))
    query = select(uploads.c.id).where(over, uploads.c.created_at < before, or_(uploads.c.active_at < before))
    ids = list(connection.execute(query.limit(_BATCH)).scalars())
    if ids:
        connection.execute(delete(upload_parts).where(upload_parts.c.upload_id.in_(ids)))
        connection.execute(delete(uploads).where(uploads.c.id.in_(ids)))
    return len(ids)


def drop_archives(connection: Connection, released_before: datetime) -> int:
    """Remove archives that nobody refers to, and that no reader has a valid URL of; return how many."""
    by_model = exists().where(models.c.archive_id == archives.c.id)
    by_upload = exists().where(uploads.c.archive_id == archives.c.id, uploads.c.state == UploadState.COMPLETE)
    kept = or_(history.c.released_at.is_(None), history.c.released_at >= released_before)
    by_reader = exists().where(history.c.archive_id == archives.c.id, kept)
    query = select(archives.c.id).where(~by_model, ~by_upload, ~by_reader)
    ids = list(connection.execute(query.limit(_BATCH)).scalars())
    if ids:
        connection.execute(update(history).where(history.c.archive_id.in_(ids)).values(archive_id=None))
        connection.execute(update(uploads).where(uploads.c.archive_id.in_(ids)).values(archive_id=None))
        connection.execute(delete(archive_parts).where(archive_parts.c.archive_id.in_(ids)))
        connection.execute(delete(archives).where(archives.c.id.in_(ids)))
    return len(ids)


def parts_at(connection: Connection, places: Collection[str]) -> dict[str, dict[int, tuple[int, str]]]:
    """Tell what archives need of some places: where in each parts begin, and bytes and digest of each."""
    size = (archive_parts.c.stop - archive_parts.c.start).label("size")
    query = select(archive_parts.c.place, archive_parts.c.place_start, size, archive_parts.c.digest)
    query = query.where(archive_parts.c.place.in_(places)).order_by(archive_parts.c.place_start)
    found: dict[str, dict[int, tuple[int, str]]] = {}
    for row in connection.execute(query.distinct()):
        found.setdefault(row.place, {})[row.place_start] = (row.size, row.digest)
    return found


def settled_parts_at(connection: Connection, places: Collection[str]) -> dict[str, dict[int, tuple[int, str]]]:
    """Tell the same as `parts_at` of those places that no upload which is open has to do with."""
    open_now = uploads.c.state == UploadState.OPEN
    named = select(upload_parts.c.place).join(uploads).where(upload_parts.c.place.in_(places), open_now)
    busy = set(connection.execute(named).scalars())
    going = select(uploads.c.uid).where(uploads.c.uid.in_(set(map(upload_of, places))), open_now)
    uids = set(connection.execute(going).scalars())
    return parts_at(connection, [name for name in places if name not in busy and upload_of(name) not in uids])


def move_parts(connection: Connection, place: str, starts: Collection[int]) -> None:
    """Note that some parts at a place are stored under their digests as well, and are needed there from now on."""
    hold_pins(connection)
    for table in (archive_parts, upload_parts):
        these = (table.c.place == place) & table.c.place_start.in_(starts)
        connection.execute(update(table).where(these).values(place=None, place_start=0))


def versions_with(connection: Connection, names: Collection[str], *, by_digest: bool = False) -> dict[str, list[str]]:
    """List the tags of the versions that need some blobs, by these.

    Args:
        connection: A read.
        names: Their digests or places.
        by_digest: Whether the names are digests of parts, which may be at any place.
    """
    name = archive_parts.c.digest if by_digest else func.coalesce(archive_parts.c.place, archive_parts.c.digest)
    query = (
        select(name, repositories.c.name, models.c.version)
        .join(models, models.c.archive_id == archive_parts.c.archive_id)
        .join(repositories, models.c.repository_id == repositories.c.id)
        .where(or_(archive_parts.c.digest.in_(names), archive_parts.c.place.in_(names)), name.in_(names))
        .where(models.c.deleted_at.is_(None))
        .distinct()
        .order_by(repositories.c.name, models.c.version)
    )
    found: dict[str, list[str]] = {}
    for blob, repository, version in connection.execute(query):
        found.setdefault(blob, []).append(f"{repository}:{version}")
    return found


def needed_blobs(connection: Connection, after: str, count: int) -> Sequence[tuple[str, int]]:
    """List names and sizes of the blobs that archives are made of, in order of their names.

    Args:
        connection: A read.
        after: Only names behind this one.
        count: How many at most.
    """
    size = func.max(archive_parts.c.stop - archive_parts.c.start)
    name = func.coalesce(archive_parts.c.place, archive_parts.c.digest)
    query = select(name, size).where(name > after).group_by(name)
    return [blob_of(row[0], row[1]) for row in connection.execute(query.order_by(name).limit(count))]
