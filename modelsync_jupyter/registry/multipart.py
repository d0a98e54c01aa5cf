"""Multipart uploads: receive parts in any order, complete. Whole bodies are cut into parts on arrival."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from modelsync_jupyter.archive.description import digest_of
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.tags import Tag

from .archives import modelyaml
from .archives.contents import read_contents
from .archives.cutting import receive_archive
from .archives.patience import Patience
from .archives.recutting import recut
from .blobs.protocol import Blob, ByteSource, Direct, blob_of, direct_name, hex_of
from .catalog import uploads
from .catalog.archives import add_archive
from .catalog.database import now
from .catalog.garbage import hold_pins
from .catalog.rows import PartRow, StoredPart, UploadRow
from .catalog.tokens import check_valid
from .catalog.users import Caller
from .catalog.words import UploadState
from .errors import Again, BadRequest
from .service import Registry
from .values import MAX_PART_NUMBER

#: Seconds that a stock client waits while its upload becomes an archive: it gives up after a minute.
_SECONDS = 45.0
#: How often a part may come with other bytes than before: what it replaces stays on the disk for an hour or more, and
#: who has the URL of one part could fill the disk.
_MAX_PUTS = 8


def begin_parts(
    registry: Registry, uid: str, run: range, size: int, token_id: int, *, alone: bool
) -> list[tuple[int, int, str]]:
    """Begin to store neighbouring parts of an upload, which `record_parts` notes when they are there.

    Args:
        registry: The registry.
        uid: The upload.
        run: Their numbers.
        size: Their bytes.
        token_id: The token that the URL was made for, which has to be valid still.
        alone: Whether the URL was made for this one part. Any others have to be declared: that tells where in the body
            each begins, and who has the URL of a run cannot send more than the upload is to have.

    Returns:
        Number, size and declared digest, or "", of each.

    Raises:
        Forbidden: The token is not.
        NotFound: There is no such upload.
        BadRequest: The upload is complete, the parts are not of the declared size, or one came with other bytes too
            often.
    """
    if not run or not 0 < run[0] <= run[-1] <= MAX_PART_NUMBER:
        raise BadRequest(f"a run of parts is FIRST-LAST, numbers from 1 to {MAX_PART_NUMBER}")
    with registry.database.read() as connection:
        check_valid(connection, token_id)
        upload = uploads.find_upload(connection, uid)
        found = uploads.list_parts(connection, upload.id, run)
    uploads.check_open(upload)
    if worn := [part for part in found if part.puts >= _MAX_PUTS]:
        raise BadRequest(f"the part was sent {worn[0].puts} times with other bytes each time: begin another upload")
    declared = [(part.number, part.declared_size or 0, part.declared_digest) for part in found if part.declared_digest]
    if alone and not declared:
        return [(run[0], size, "")]
    if [number for number, _, _ in declared] != list(run):
        raise BadRequest("parts that were not declared come one by one")
    if sum(each for _, each, _ in declared) != size:
        raise BadRequest(f"the parts have {size} bytes, declared were others, with their digests")
    return [(number, each, digest or "") for number, each, digest in declared]


def record_parts(registry: Registry, uid: str, blobs: Mapping[int, Blob]) -> None:
    """Note that parts of an upload are stored.

    Args:
        registry: The registry.
        uid: The upload.
        blobs: The parts by their numbers.

    Raises:
        Again: One was collected as garbage before that.
        NotFound: There is no such upload.
        BadRequest: The upload is complete.
    """
    with registry.database.write(durable=False) as connection:
        upload = uploads.find_upload(connection, uid, lock=True)
        uploads.check_open(upload)
        for number, blob in blobs.items():
            uploads.record_part(connection, upload.id, number, blob.size, blob.digest)
        _check_stored(registry, blobs.values())


def receive_whole(registry: Registry, uid: str, source: ByteSource, size: int) -> None:
    """Receive a whole archive, cut into parts, and complete its upload; see `receive_archive` and `assemble`.

    Raises:
        NotFound: There is no such upload.
        BadRequest: The upload is complete, or the bytes are not a model's archive.
    """
    with registry.database.read() as connection:
        upload = uploads.find_upload(connection, uid)
    uploads.check_open(upload)
    number = 0

    def store(part: ByteSource, bytes: int) -> Blob:
        nonlocal number
        blob, number = registry.blobs.receive(part, bytes), number + 1
        with registry.database.write() as connection:
            uploads.check_open(uploads.find_upload(connection, uid, lock=True))
            uploads.record_part(connection, upload.id, number, blob.size, blob.digest)
            _check_stored(registry, [blob])
        return blob

    assemble(registry, upload, receive_archive(store, source, size, registry.settings.data), cut=True)


def complete(registry: Registry, caller: Caller, uid: str, model_id: int, listed: Mapping[int, str]) -> None:
    """Make an archive of the parts of an upload; to complete it again changes nothing.

    Args:
        registry: The registry.
        caller: Who began it.
        uid: The upload.
        model_id: The version it must be for.
        listed: The digest, in hexadecimal, of each part that the client knows of.

    Raises:
        NotFound: There is no such upload.
        BadRequest: Parts are missing or others than listed; the upload goes on.
    """
    with registry.database.read() as connection:
        upload = uploads.find_upload(connection, uid, model_id=model_id, caller=caller)
        parts = uploads.list_parts(connection, upload.id)
    arrived: set[int] = set()
    if any(part.place and not part.received_digest for part in parts) and isinstance(registry.blobs, Direct):
        sizes = registry.blobs.arrived(uid)
        with registry.database.write(durable=False) as connection:
            arrived = uploads.record_arrived(connection, upload.id, parts, sizes)
    if upload.state != UploadState.OPEN:
        return
    found = _match(registry, uid, parts, listed, arrived)
    if any(part.declared_digest or part.place for part in parts):  # ours, whose clients wait for minutes
        assemble(registry, upload, found)
        return
    patience = Patience(found[-1].stop, _SECONDS)
    with suppress(Again):  # garbage was collected in between
        cut = recut(registry, found)
        assemble(registry, upload, cut, cut=cut is not found, pinned=False, patience=patience)
        return
    assemble(registry, upload, found, patience=patience)


def assemble(
    registry: Registry,
    upload: UploadRow,
    parts: tuple[Part, ...],
    *,
    cut: bool = False,
    pinned: bool = True,
    patience: Patience | None = None,
) -> None:
    """Make the archive of an upload out of parts that are all durable.

    Args:
        registry: The registry.
        upload: The upload.
        parts: Its parts.
        cut: Whether we have cut them ourselves.
        pinned: Whether the upload itself keeps them from being collected.
        patience: How long the client waits; where digests take longer, `backfill` computes them behind its back.

    Raises:
        Again: One was collected meanwhile.
        BadRequest: It is not a tar, is of another model, or has another content digest than was declared.
        IntegrityError: The archive breaks off, or describes itself wrongly.
        InvalidModel: Its model.yaml is missing or broken.
        UnsafeArchive: It has a member that no client would install.
    """
    found = read_contents(registry.blobs, parts, cut=cut, patience=patience)
    if found.info.tag != Tag(upload.name, upload.version):
        raise BadRequest(f"the archive is of `{found.info.tag}`, the upload of `{upload.name}:{upload.version}`")
    if found.digest and upload.content_digest not in (None, found.digest):
        said = f"is `{found.digest}`; declared was `{upload.content_digest}`"
        raise BadRequest(f"the content digest of the archive {said}")
    facts = upload.facts
    if not facts.are_all_there:
        facts = facts.or_else(modelyaml.facts(found.info, found.size))
    with registry.database.write(durable=False) as connection:
        if uploads.find_upload(connection, upload.uid, lock=True).state != UploadState.OPEN:
            return
        archive_id = add_archive(connection, digest_of(parts), parts, found.described())
        if not pinned:  # from here on nobody can collect them
            hold_pins(connection)
            _check_stored(registry, parts)
        noted = {"archive_id": archive_id, "content_digest": found.digest or None, "active_at": now()}
        uploads.set_upload(connection, upload.id, state=UploadState.COMPLETE, **noted, **facts.columns())
    if not found.digest:
        registry.undescribed.set()


def _check_stored(registry: Registry, blobs: Collection[Blob | Part]) -> None:
    """Look whether blobs are there, in the transaction that notes them.

    Raises:
        Again: One was collected as garbage between its arrival and the note.
    """
    wanted = {(blob.digest, blob.size) for blob in blobs}
    if registry.blobs.find(wanted) != wanted:
        raise Again("the part was lost: send it again")


def _match(
    registry: Registry, uid: str, parts: Sequence[PartRow], listed: Mapping[int, str], arrived: set[int]
) -> tuple[Part, ...]:
    """Return the parts of the archive, if they were all received, or arrived just now, and are the listed ones."""
    good: set[int] = set()
    others: dict[int, tuple[str, int]] = {}  # of these, the store is asked whether they are still there
    found: list[StoredPart] = []
    own, start = direct_name(uid, ""), 0
    for part in parts:
        number, digest, stop = part.number, part.digest, start + part.size
        if (part.received_digest or number in arrived) and listed.get(number) == hex_of(digest):
            if part.place and part.place.startswith(own):
                good.add(number)
            else:
                others[number] = blob_of(part.place or digest, part.size)
        found.append(StoredPart(number, start, stop, digest, part.place, part.place_start))
        start = stop
    there = registry.blobs.find(others.values())
    good.update(number for number, blob in others.items() if blob in there)
    wanted = set(range(1, max([*(part.number for part in parts), *listed, 1]) + 1))
    if bad := sorted(wanted - good):
        more = f" and {len(bad) - 50} more" if len(bad) > 50 else ""
        raise BadRequest(f"parts are missing or have another digest: {', '.join(map(str, bad[:50]))}{more}")
    return tuple(found)
