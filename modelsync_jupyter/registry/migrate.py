"""Copy a registry to other engines, or into a folder as a backup, while it serves.

Bytes first, and each is hashed on the way: what is there already is not copied again, so a copy that was killed resumes
where it was. Then one look at the catalog, the few bytes that have come meanwhile, and all rows in one transaction: the
copy is a registry as it was at that moment, or not one yet. Garbage collection may run all the while. It leaves alone
what came within the last hour, so it takes nothing that a round misses, as long as the round takes less than that.

A copy may be brought up to date by another one, which sends what is new. Nothing else is ever overwritten: a target
that has a registry of its own in it, or that was used since it was copied, is refused.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from modelsync_jupyter.core.errors import DiskFull, Unavailable, UsageError
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.files import write_text

from .blobs.folder import FolderBlobs
from .blobs.protocol import Blob, Blobs, blob_of, copy_part
from .catalog import copying, garbage
from .catalog.copying import Needed
from .catalog.database import Database, now
from .catalog.migrations import SCHEMA, version_of
from .catalog.tables import archive_parts, chores, models
from .errors import BadRequest, Full
from .security.signing import secret_file
from .service import open_blobs
from .settings import Settings
from .space import Bad

#: Blobs copied at the same time; each takes a block of 1 MiB, or where a bucket is written to a file of its size.
_THREADS = 8
#: A round of copying that took fewer seconds than this missed nothing that garbage collection may have taken.
_SHORT = 1200.0
_ATTEMPTS = 3
#: How often a long copy tells how far it is.
_SAY_SECONDS = 10.0
_MARK = "copied"


@dataclass
class Copied:
    """What a copy did.

    Args:
        versions: Versions in the copy.
        blobs: Blobs in the copy.
        copied: Those that were sent by this run.
        bytes: Their bytes.
        bad: Blobs that the source lacks, or that have rotted there; they are not in the copy.
    """

    versions: int = 0
    blobs: int = 0
    copied: int = 0
    bytes: int = 0
    bad: list[Bad] = field(default_factory=list)


def migrate(source: Settings, target: Settings, say: Callable[[str], None] = lambda text: None) -> Copied:
    """Copy a registry.

    Args:
        source: Where it is. It may serve all the while.
        target: Where to. Nobody may serve it before the copy is whole.
        say: Told, in a sentence, what is going on.

    Raises:
        UsageError: The source is not a registry of this version, or the target is the source, or is in use.
        DiskFull: The target has no space.
        Unavailable: A disk, a bucket or a database did not do as asked; run it again to resume.
    """
    if _place(source) == _place(target):
        raise UsageError("Both sides have the same catalog.", "Choose another database or folder for the copy.")
    try:
        return _migrate(source, target, say)
    except (OSError, DBAPIError) as error:
        reason = (str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__])[0]
        raise Unavailable(f"The copy broke off: {reason}.", "Run it again: it resumes where it stopped.") from error


def _migrate(source: Settings, target: Settings, say: Callable[[str], None]) -> Copied:
    with ExitStack() as stack:
        theirs = _open_source(source)
        stack.callback(theirs.close)
        _check_folder(target.data)
        ours = Database(target.database_url, target.threads) if _has_catalog(target) else None
        if ours:
            stack.callback(ours.close)
        with theirs.read() as connection:
            who = copying.identity(connection)
        if ours:
            with ours.snapshot() as connection:  # all of it is read, row by row
                _check_target(connection, who)
        target.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.data.chmod(0o700)
        _copy_secrets(source.data, target.data)
        if not ours:
            ours = Database(target.database_url, target.threads)
            stack.callback(ours.close)
        ours.prepare()
        blobs = _Copying(open_blobs(source), open_blobs(target), say)
        blobs.target.prepare()
        return _Migration(theirs, ours, blobs, who, say).run()


@dataclass
class _Migration:
    source: Database
    target: Database
    blobs: _Copying
    who: str
    say: Callable[[str], None]

    def run(self) -> Copied:
        while True:
            began = time.monotonic()
            with self.source.read() as connection:
                batches = list(copying.needed(connection))
            self.say(f"Copying what is missing of {sum(map(len, batches))} blobs.")
            self.blobs.run(batches)
            if time.monotonic() - began < _SHORT:
                break
        for _ in range(_ATTEMPTS):
            with self.source.snapshot() as look:
                batches = list(copying.needed(look))
                bad = self.blobs.run(batches)
                if self._is_outdated(bad):  # purged between that look and now
                    continue
                return self._take_over(look, sum(map(len, batches)), bad)
        raise OSError(errno.EAGAIN, "The registry deletes versions faster than they are copied; run it again")

    def _is_outdated(self, bad: dict[Needed, str]) -> bool:
        with self.source.read() as connection:
            return any(not _in_archives(connection, each.digest) for each in bad)

    def _take_over(self, look: Connection, count: int, bad: dict[Needed, str]) -> Copied:
        self.say("Copying the catalog.")
        tags = garbage.versions_with(look, [each.digest for each in bad], by_digest=True)
        with self.target.write() as connection:
            known = _check_target(connection, self.who)
            copying.replace_catalog(look, connection)
            mark = {"source": self.who, "fingerprint": copying.fingerprint(connection)}
            moment = now()
            connection.execute(
                insert(chores).values(name=_MARK, started_at=moment, finished_at=moment, report=json.dumps(mark))
            )
            alive = (models.c.deleted_at.is_(None), models.c.archive_id.is_not(None))
            total = connection.execute(select(func.count()).select_from(models).where(*alive)).scalar_one()
        if known and isinstance(self.blobs.target, FolderBlobs):
            self._prune()
        faults = [Bad(each.digest, fault, tuple(tags.get(each.digest, ()))) for each, fault in bad.items()]
        return Copied(int(total), count - len(bad), self.blobs.copied, self.blobs.bytes, faults)

    def _prune(self) -> None:
        """Delete blobs that an earlier copy to the same folder needed, and this one does not."""
        with self.target.read() as connection:
            keep = {each.digest for batch in copying.needed(connection) for each in batch}
        self.blobs.target.delete([each.digest for each in self.blobs.target.list() if each.digest not in keep])


@dataclass
class _Copying:
    """Copies blobs from one store to another.

    Attributes:
        copied: How many were copied so far.
        bytes: Their bytes.
    """

    source: Blobs
    target: Blobs
    say: Callable[[str], None]
    copied: int = 0
    bytes: int = 0

    def run(self, batches: Sequence[list[Needed]]) -> dict[Needed, str]:
        """Copy what the target lacks; return those that could not be, each with what is wrong with it."""
        bad: dict[Needed, str] = {}
        total, looked, said = sum(map(len, batches)), 0, time.monotonic()
        with ThreadPoolExecutor(_THREADS, "modelsync-copy") as pool:
            try:
                for batch in batches:
                    for each, fault in zip(batch, pool.map(self._copy, batch), strict=True):
                        looked += 1
                        if time.monotonic() - said > _SAY_SECONDS:
                            said = time.monotonic()
                            size = format_size(self.bytes)
                            self.say(f"Looked at {looked} of {total} blobs; {self.copied} were copied now, {size}.")
                        if fault is None:
                            continue
                        if fault:
                            bad[each] = fault
                        else:
                            self.copied, self.bytes = self.copied + 1, self.bytes + each.size
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return bad

    def _copy(self, blob: Needed) -> str | None:
        """Copy one blob; returns None if it was there, else what is wrong with it, or ""."""
        if self.target.has(blob.digest, blob.size):
            return None
        fault = "missing"
        for place in blob.places:
            if not self.source.has(*blob_of(place[0], blob.size)):
                continue
            try:
                copy_part(self.source, place, self.target, Blob(blob.digest, blob.size))
                return ""
            except FileNotFoundError:  # deleted just now
                pass
            except BadRequest:  # other bytes than the digest says
                fault = "rotten"
            except Full as error:
                raise DiskFull(f"The target's disk is full: {error.message}.") from error
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                fault = "rotten"
        return fault


def _open_source(settings: Settings) -> Database:
    if not _has_catalog(settings):
        step = "Give the `--data` that it serves, and its `--db` where it has one."
        raise UsageError(f"`{settings.data}` is not the folder of a registry.", step)
    database = Database(settings.database_url, 4)
    with database.read() as connection:
        found = version_of(connection)
        served = found == SCHEMA and bool(copying.identity(connection))
    if not served:
        database.close()
        said = f"has version {found} and not {SCHEMA}" if found not in (0, SCHEMA) else "is empty"
        step = "Start the registry once with this version of the program, which brings its catalog up to date."
        raise UsageError(f"The catalog to copy {said}.", step)
    return database


def _place(settings: Settings) -> URL:
    """Return where a catalog is, so that two can be compared."""
    url = make_url(settings.database_url)
    return url.set(database=os.path.realpath(url.database)) if url.database and _is_file(url) else url


def _is_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _has_catalog(settings: Settings) -> bool:
    """Return whether there may be a catalog; a file of SQLite is made by looking into it."""
    url = make_url(settings.database_url)
    return not _is_file(url) or bool(url.database and Path(url.database).is_file())


def _check_folder(folder: Path) -> None:
    """Accept a folder that is new, empty, or a registry's.

    Raises:
        UsageError: Something else is in it.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"`{folder}` is not a folder.", "Choose another one for the copy.")
    names = set(os.listdir(folder)) if folder.exists() else set()
    if names and not names & {"url-secret", "catalog.db"}:
        raise UsageError(f"`{folder}` has other things in it.", "Choose a new folder for the copy.")


def _check_target(connection: Connection, who: str) -> bool:
    """Accept a catalog that is empty, or a copy of the same registry that nobody has used since.

    Returns:
        Whether it is such a copy.

    Raises:
        UsageError: It is something else.
    """
    step = "Choose an empty database and a new folder for the copy."
    found = version_of(connection)
    if found not in (0, SCHEMA):
        raise UsageError("The target has the catalog of another version in it.", step)
    if not found or not copying.identity(connection):
        return False
    row = connection.execute(select(chores.c.report).where(chores.c.name == _MARK)).first()
    mark = json.loads(row.report) if row else {}
    if mark.get("source") != who:
        raise UsageError("The target has another registry in it, or the source itself.", step)
    if mark["fingerprint"] != copying.fingerprint(connection):
        raise UsageError("The target was used since it was copied: what was done there would be lost.", step)
    return True


def _copy_secrets(source: Path, target: Path) -> None:
    """Keep the admin's token, and the URLs that clients hold, valid."""
    for name in ("url-secret", "admin-token"):
        if (source / name).is_file() and not (target / name).exists():
            write_text(target / name, (source / name).read_text(), mode=0o600)
    secret_file(target / "url-secret")


def _in_archives(connection: Connection, digest: str) -> bool:
    return (
        connection.execute(select(archive_parts.c.number).where(archive_parts.c.digest == digest)).first() is not None
    )
