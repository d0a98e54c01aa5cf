"""Uploads: bytes on their way to become a version's archive."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, exists, insert, or_, select, update

from modelsync_jupyter.core.parts import Part

from ..blobs.protocol import blob_of
from ..errors import BadRequest, NotFound
from .database import batches, change_many, new_uid, now
from .garbage import hold_pins
from .rows import Facts, PartRow, UploadRow
from .tables import models, repositories, upload_parts, uploads
from .users import Caller
from .words import UploadState

#: Name of a blob, and where in it something begins; no name for what is stored under its digest.
Location = tuple["str | None", int]
_AT_ONCE = 500
_UPLOADS: Select[Any] = (
    select(uploads, models.c.version, repositories.c.name)
    .join(models, uploads.c.model_id == models.c.id)
    .join(repositories, models.c.repository_id == repositories.c.id)
)
# Made once, for each step of an upload asks this.
_BY_UID = _UPLOADS.where(uploads.c.uid == bindparam("uid"), uploads.c.state != UploadState.ABORTED)
_BY_UID_TO_CHANGE = _BY_UID.with_for_update(of=uploads)
_PARTS = (
    select(*(upload_parts.c[column] for column in PartRow.COLUMNS))
    .where(upload_parts.c.upload_id == bindparam("upload"))
    .order_by(upload_parts.c.number)
)
_PART = _PARTS.where(upload_parts.c.number == bindparam("part"))
#: Three earlier attempts at a push are looked at for what they have sent.
_AWAITED = (
    select(uploads.c.id, uploads.c.uid)
    .where(uploads.c.model_id == bindparam("model"), uploads.c.creator_id == bindparam("user"))
    .where(uploads.c.state == bindparam("open"))
    .where(exists().where(upload_parts.c.upload_id == uploads.c.id, upload_parts.c.place.is_not(None)))
    .order_by(uploads.c.id.desc())
    .limit(3)
)
_DECLARE = "INSERT INTO upload_parts (upload_id, number, declared_size, declared_digest) VALUES (?, ?, ?, ?)"
_MOVE = "UPDATE upload_parts SET place = ?, place_start = ? WHERE upload_id = ? AND number = ?"
_AS_DECLARED = {"size": upload_parts.c.declared_size, "digest": upload_parts.c.declared_digest}


def open_upload(
    connection: Connection,
    caller: Caller,
    model_id: int,
    facts: Facts,
    declared: Iterable[Part] = (),
    content_digest: str | None = None,
) -> str:
    """Begin an upload and return its id. The parts it declares are not garbage from then on.

    Args:
        connection: A write.
        caller: Who uploads.
        model_id: The version it is for.
        facts: What to publish with it.
        declared: The parts that will come, or nothing where they are not known.
        content_digest: The content digest that the client declares.
    """
    hold_pins(connection)
    uid, moment = new_uid(), now()
    columns = {
        "uid": uid,
        "model_id": model_id,
        "creator_id": caller.user_id,
        "token_id": caller.token_id,
        "address": caller.address,
        "state": UploadState.OPEN,
        "created_at": moment,
        "active_at": moment,
        "content_digest": content_digest,
        **facts.columns(),
    }
    result = connection.execute(insert(uploads), columns)
    upload_id = result.inserted_primary_key[0]  # type: ignore[index]  # a table with a primary key returns one
    change_many(connection, _DECLARE, [(upload_id, part.number, part.size, part.digest) for part in declared])
    return uid


def find_upload(
    connection: Connection, uid: str, *, model_id: int | None = None, caller: Caller | None = None, lock: bool = False
) -> UploadRow:
    """Find an upload that is not aborted.

    Args:
        connection: A read or a write.
        uid: Its id.
        model_id: The version it must be for.
        caller: Who must have begun it.
        lock: Keep others from changing it until this write ends.

    Raises:
        NotFound: There is none, or it is for another version or of another user.
    """
    row = connection.execute(_BY_UID_TO_CHANGE if lock else _BY_UID, {"uid": uid}).first()
    if row is None or model_id not in (None, row.model_id) or (caller and caller.user_id != row.creator_id):
        raise NotFound("upload not found")
    return UploadRow.of(row)


def check_open(upload: UploadRow) -> None:
    """Accept an upload that still takes bytes.

    Raises:
        BadRequest: It is complete.
    """
    if upload.state != UploadState.OPEN:
        raise BadRequest("the upload is complete already")


def last_upload(connection: Connection, model_id: int, caller: Caller, *states: UploadState) -> UploadRow | None:
    """Find the last upload of a version that this client began, for one that does not say which upload it means.

    A client is told by its token, and among those that share a token by its address.

    Args:
        connection: A read or a write.
        model_id: The version.
        caller: The client.
        states: In which states; any if not given.
    """
    query = _UPLOADS.where(uploads.c.model_id == model_id, uploads.c.creator_id == caller.user_id)
    # an earlier version of the registry did not write the token down
    query = query.where(or_(uploads.c.token_id == caller.token_id, uploads.c.token_id.is_(None)))
    if states:
        query = query.where(uploads.c.state.in_(states))
    near = case((uploads.c.address == caller.address, 0), else_=1)
    row = connection.execute(query.order_by(near, uploads.c.id.desc())).first()
    return UploadRow.of(row) if row else None


def find_part(connection: Connection, upload_id: int, number: int) -> PartRow | None:
    """Find what is known of one part of an upload."""
    row = connection.execute(_PART, {"upload": upload_id, "part": number}).first()
    return PartRow(*row) if row else None


def list_parts(connection: Connection, upload_id: int, run: range | None = None) -> list[PartRow]:
    """List what is known of all parts of an upload, or of neighbours among them, in order."""
    query = _PARTS if run is None else _PARTS.where(upload_parts.c.number.between(run[0], run[-1]))
    return [PartRow(*row) for row in connection.execute(query, {"upload": upload_id}).all()]


def record_part(connection: Connection, upload_id: int, number: int, size: int, digest: str) -> None:
    """Note that a part was received; an earlier one with this number is replaced. The upload must be locked.

    From then on the part is not garbage; whether it was removed before, the caller has to look.
    """
    hold_pins(connection)
    set_upload(connection, upload_id, active_at=now())
    here = (upload_parts.c.upload_id == upload_id) & (upload_parts.c.number == number)
    other = case((upload_parts.c.digest == digest, 0), else_=1)
    columns = {
        "size": size,
        "digest": digest,
        "present": False,
        "place": None,
        "place_start": 0,
        "puts": upload_parts.c.puts + other,
    }
    changed = connection.execute(update(upload_parts).where(here).values(**columns))
    if not changed.rowcount:
        row = {"upload_id": upload_id, "number": number, "size": size, "digest": digest, "puts": 1}
        connection.execute(insert(upload_parts).values(**row))


def record_places(connection: Connection, upload_id: int, places: Mapping[int, Location]) -> None:
    """Note where in the store of blobs parts are, or will be; the upload must be locked.

    From then on those that are there are not garbage; whether one was removed before, the caller has to look.
    """
    if places:
        hold_pins(connection)
        rows = [(name, start, upload_id, number) for number, (name, start) in places.items()]
        change_many(connection, _MOVE, rows)


def awaited(connection: Connection, who: Caller, model_id: int) -> list[tuple[int, str]]:
    """List rows and ids of the caller's last open uploads of a version with parts sent to the store of blobs itself."""
    rows = connection.execute(_AWAITED, {"model": model_id, "user": who.user_id, "open": UploadState.OPEN})
    return [(row.id, row.uid) for row in rows]


def record_arrived(
    connection: Connection, upload_id: int, parts: Iterable[PartRow], sizes: Mapping[str, int]
) -> set[int]:
    """Note which parts have arrived in the store of blobs, with the digests that their client declared.

    Args:
        connection: A write.
        upload_id: The upload.
        parts: What is known of its parts.
        sizes: Bytes of what is there, by its name.

    Returns:
        Their numbers.
    """
    here = set()
    for part in parts:
        size, place = part.declared_size, part.place
        if place and size and not part.received_digest and sizes.get(place) == blob_of(place, size)[1]:
            here.add(part.number)
    _change_parts(connection, upload_id, here, **_AS_DECLARED)
    return here


def places_of(connection: Connection, who: Caller, digests: Collection[str]) -> dict[tuple[str, int], tuple[str, int]]:
    """Return, by digest and bytes, where parts are that the caller has sent to the store of blobs before."""
    found: dict[tuple[str, int], tuple[str, int]] = {}
    for some in batches(sorted(digests), _AT_ONCE):
        query = (
            select(upload_parts.c.digest, upload_parts.c.size, upload_parts.c.place, upload_parts.c.place_start)
            .join(uploads, uploads.c.id == upload_parts.c.upload_id)
            .where(upload_parts.c.digest.in_(some), upload_parts.c.place.is_not(None))
            .where(uploads.c.creator_id == who.user_id)
        )
        for digest, size, place, begin in connection.execute(query):
            found[digest, size] = (place, begin)
    return found


def record_present(connection: Connection, upload_id: int, parts: Collection[Part]) -> None:
    """Note that declared parts need not be sent; the upload must be locked."""
    _change_parts(connection, upload_id, [part.number for part in parts], present=True, **_AS_DECLARED)


def _change_parts(connection: Connection, upload_id: int, numbers: Collection[int], **columns: Any) -> None:
    """Change parts of an upload alike: a model has thousands, and a statement for each would take most of a push."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    for some in batches(runs, _AT_ONCE):
        these = or_(*(upload_parts.c.number.between(first, last) for first, last in some))
        connection.execute(update(upload_parts).where(upload_parts.c.upload_id == upload_id, these).values(**columns))


def set_upload(connection: Connection, upload_id: int, **columns: Any) -> None:
    """Change columns of an upload."""
    connection.execute(update(uploads).where(uploads.c.id == upload_id).values(**columns))
