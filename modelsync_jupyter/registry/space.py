"""Space: free what is not needed any more, and find what has rotted.

Garbage collection runs beside everything else, as often as one likes; see `catalog.garbage` for why it is safe. First
the catalog lets go: abandoned uploads are aborted, deleted versions are purged when their time to be
restored is over, and archives without a version are dropped. Then blobs that no row names are deleted. A blob that was
received within the last hour is left alone, so that no client has to send one again. Of a blob with many parts of which
few are needed, these are stored by themselves, so that it is free to go.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from modelsync_jupyter.archive.description import Hasher

from .blobs.protocol import BLOCK, Blob, Direct, Stored, blob_of, copy_part, is_direct
from .catalog import garbage
from .catalog.database import batches, now
from .catalog.tables import chores
from .errors import BadRequest
from .service import Registry

#: Parts in one blob: where in it each begins, its bytes and its digest.
Parts = Mapping[int, tuple[int, str]]
log = logging.getLogger(__name__)
_BATCH = 200
#: Seconds between two notes of downloads, and how many of these between two looks at what is due.
_TICK, _TICKS = 1.0, 30
#: A run that was begun so long ago and never ended belonged to a process that was killed.
_LONGEST_RUN = timedelta(hours=6)
#: Blobs received so many seconds ago are not looked at: their part is just being written down.
_SETTLE = 3600.0


@dataclass
class Collected:
    """What a garbage collection freed, or would free.

    Args:
        dry_run: Whether it only looked.
        uploads: Uploads that expired.
        versions: Deleted versions that were purged.
        archives: Archives without a version.
        blobs: Blobs deleted.
        bytes: Their bytes.
        half_received: Bytes of what killed processes had half received.
    """

    dry_run: bool = False
    uploads: int = 0
    versions: int = 0
    archives: int = 0
    blobs: int = 0
    bytes: int = 0
    half_received: int = 0


@dataclass(frozen=True, slots=True)
class Bad:
    """A blob that is not what the catalog says.

    Args:
        digest: Its name.
        fault: "rotten" or "missing".
        versions: Tags of the versions that need it.
    """

    digest: str
    fault: str
    versions: tuple[str, ...]


@dataclass
class Verified:
    """What a verification found.

    Args:
        blobs: Blobs read.
        bytes: Their bytes.
        bad: Those that are rotten, which were quarantined, and those that are needed but missing.
    """

    blobs: int = 0
    bytes: int = 0
    bad: list[Bad] = field(default_factory=list)


class _DryRun(Exception):
    """Undoes the transaction of a dry run."""


def collect_garbage(registry: Registry, *, dry_run: bool = False, settle: float = _SETTLE) -> Collected:
    """Free what is not needed any more.

    Args:
        registry: The registry; others may use it all the while.
        dry_run: Only say what would be freed. Keeps others from writing while it looks.
        settle: Blobs received within so many seconds are left alone.
    """
    found = Collected(dry_run)
    if dry_run:
        stored = list(_settled(registry, settle))
        with suppress(_DryRun), registry.database.write() as connection:
            _release(connection, registry, found)
            for batch in batches(stored, _BATCH):
                _count(found, _garbage(connection, batch))
            raise _DryRun
        return found
    done = -1
    while done != (done := found.uploads + found.versions + found.archives):
        with registry.database.write() as connection:  # one batch each time, so that others get their turn
            _release(connection, registry, found)
    for batch in batches(_settled(registry, settle), _BATCH):
        with registry.database.read() as connection:
            candidates = _garbage(connection, batch)
        if candidates:
            with registry.database.write() as connection:
                garbage.hold_pins(connection, alone=True)
                doomed = _garbage(connection, candidates)
                registry.blobs.delete([each.digest for each in doomed])
            _count(found, doomed)
    for batch in batches(_settled(registry, settle), _BATCH):
        _take_apart(registry, [each for each in batch if is_direct(each.digest)])
    found.half_received = registry.blobs.sweep()
    return found


def verify_blobs(registry: Registry, *, progress: Callable[[int], None] = lambda size: None) -> Verified:
    """Read every blob, quarantine those that do not match their digest, and look for those that are missing.

    A quarantined blob counts as missing from then on, so that the next push of the same bytes brings it back.

    Args:
        registry: The registry; others may use it all the while.
        progress: Called with the number of bytes just read.
    """
    found = Verified()
    rotten: list[str] = []
    for batch in batches(_stored(registry), _BATCH):
        with registry.database.read() as connection:
            needed = garbage.parts_at(connection, [each.digest for each in batch])
        for each in batch:
            parts = needed.get(each.digest, {0: (each.size, each.digest)})
            if is_direct(parts[min(parts)][1]):  # no version needs it, or its upload is open
                continue
            bad = _find_rotten(registry, each, parts, progress)
            found.blobs += 1
            found.bytes += each.size
            if not bad and each.size == blob_of(each.digest, parts[min(parts)][0])[1]:
                continue
            _rescue(registry, each.digest, {start: parts[start] for start in parts.keys() - bad})
            if registry.blobs.quarantine(each.digest):
                log.error("blob %s has rotted and was quarantined", each.digest)
                rotten.append(each.digest)
    missing, after = [], ""
    while True:
        with registry.database.read() as connection:
            blobs = garbage.needed_blobs(connection, after, _BATCH)
        if not blobs:
            break
        stored = registry.blobs.find(blobs)
        missing += [each[0] for each in blobs if each[0] not in rotten and each not in stored]
        after = blobs[-1][0]
    for fault, names in (("rotten", rotten), ("missing", missing)):
        for some in batches(names, _BATCH):
            with registry.database.read() as connection:
                versions = garbage.versions_with(connection, some)
            found.bad += [Bad(name, fault, tuple(versions.get(name, ()))) for name in some]
    return found


def start_housekeeping(registry: Registry) -> None:
    """Collect garbage now and then in the background, in one process of the registry at a time."""
    threading.Thread(target=_keep_house, args=(registry,), daemon=True, name="housekeeping").start()


def collect_if_due(registry: Registry) -> Collected | None:
    """Collect garbage if the last time was long enough ago, and no other process is at it."""
    if not _claim(registry, "gc", timedelta(seconds=registry.settings.keeping.interval)):
        return None
    found = collect_garbage(registry)
    with registry.database.write() as connection:
        ended = update(chores).where(chores.c.name == "gc")
        connection.execute(ended.values(finished_at=now(), report=json.dumps(asdict(found))))
    if found.blobs or found.uploads or found.versions:
        log.info("garbage collection: %s", found)
    return found


def last_collection(connection: Connection) -> dict[str, Any] | None:
    """Return when garbage was last collected by the timer and what came of it, or None."""
    row = connection.execute(select(chores).where(chores.c.name == "gc")).first()
    if row is None:
        return None
    return {"started_at": row.started_at, "finished_at": row.finished_at, **json.loads(row.report or "{}")}


def _release(connection: Connection, registry: Registry, found: Collected) -> None:
    """Let the catalog go of one batch of each kind."""
    keeping, moment = registry.settings.keeping, now()
    deleted = moment - timedelta(seconds=keeping.deleted)
    stale = moment - timedelta(seconds=keeping.uploads)
    found.uploads += garbage.expire_uploads(connection, stale)
    found.versions += garbage.purge_models(connection, deleted)
    garbage.purge_repositories(connection, deleted)
    garbage.forget_uploads(connection, stale)
    found.archives += garbage.drop_archives(connection, moment - timedelta(seconds=registry.signer.ttl))


def _settled(registry: Registry, settle: float) -> Iterator[Stored]:
    limit = _seconds(now()) - settle
    return (each for each in _stored(registry) if each.modified <= limit)


def _stored(registry: Registry) -> Iterator[Stored]:
    """List blobs, and parts that clients sent to the store themselves."""
    yield from registry.blobs.list()
    if isinstance(registry.blobs, Direct):
        yield from registry.blobs.list_direct()


def _seconds(moment: datetime) -> float:
    return (moment - datetime(1970, 1, 1)).total_seconds()


def _garbage(connection: Connection, blobs: list[Stored]) -> list[Stored]:
    """Return those of some blobs that nobody needs."""
    pinned = garbage.pinned(connection, [each.digest for each in blobs])
    return [each for each in blobs if each.digest not in pinned]


def _count(found: Collected, blobs: list[Stored]) -> None:
    found.blobs += len(blobs)
    found.bytes += sum(each.size for each in blobs)


def _find_rotten(registry: Registry, blob: Stored, parts: Parts, progress: Callable[[int], None]) -> set[int]:
    """Return where in a blob parts begin that are not what they should be."""
    bad: set[int] = set()
    try:
        with registry.blobs.open(blob.digest) as file:
            for start, (size, digest) in parts.items():
                hasher = Hasher()
                try:
                    file.seek(start)
                    while size and (block := file.read(min(BLOCK, size))):
                        hasher.update(memoryview(block))
                        size -= len(block)
                        progress(len(block))
                except OSError as error:  # the disk cannot read it: as bad as rotten
                    log.error("blob %s cannot be read: %s", blob.digest, error)
                    size = 1
                if size or hasher.digest() != digest:
                    bad.add(start)
    except FileNotFoundError:  # deleted meanwhile
        return set()
    return bad


def _take_apart(registry: Registry, objects: list[Stored]) -> None:
    """Store parts under their digests that are no more than half of the object that they are in.

    It is garbage then, and is freed the next time: until that readers have URLs of it.
    """
    with registry.database.read() as connection:
        needed = garbage.settled_parts_at(connection, [each.digest for each in objects]) if objects else {}
    for each in objects:
        parts = needed.get(each.digest, {})
        if 0 < 2 * sum(size for size, _ in parts.values()) <= each.size:
            _rescue(registry, each.digest, parts)


def _rescue(registry: Registry, name: str, parts: Parts) -> None:
    """Store parts of a blob under their digests, so that they can do without it; those that cannot be read stay."""
    moved = []
    for start, (size, digest) in parts.items():
        with suppress(OSError, BadRequest):
            copy_part(registry.blobs, (name, start), registry.blobs, Blob(digest, size))
            moved.append(start)
    if moved:
        with registry.database.write() as connection:
            garbage.move_parts(connection, name, moved)


def _claim(registry: Registry, name: str, interval: timedelta) -> bool:
    """Take a chore for this process if it is due; also where it was last begun in the future, by a clock since set."""
    moment = now()
    future = moment + _LONGEST_RUN
    ahead = chores.c.started_at > future
    over = chores.c.finished_at.is_not(None) | (chores.c.started_at <= moment - _LONGEST_RUN) | ahead
    with registry.database.read() as connection:
        last = connection.execute(select(chores.c.started_at).where(chores.c.name == name)).scalar()
    if last is not None and moment - interval < last <= future:
        return False
    columns = {"started_at": moment, "finished_at": None}
    try:
        with registry.database.write() as connection:
            due = (chores.c.name == name) & ((chores.c.started_at <= moment - interval) | ahead) & over
            if connection.execute(update(chores).where(due).values(**columns)).rowcount:
                return True
            if last is None:
                connection.execute(insert(chores).values(name=name, **columns))
                return True
    except IntegrityError:  # another process was faster
        pass
    return False


def _keep_house(registry: Registry) -> None:
    waiting, ticks = threading.Event(), 0
    while not waiting.wait(_TICK):
        ticks += 1
        try:
            registry.downloads.flush()
            if ticks % _TICKS == 0:
                collect_if_due(registry)
        except (OSError, SQLAlchemyError) as error:  # the next tick tries again
            log.error("housekeeping failed: %s", type(error).__name__)
