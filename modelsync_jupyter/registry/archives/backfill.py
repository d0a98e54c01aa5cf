"""Content digests of versions that were taken in without: large ones of stock clients, and those of earlier versions.

Computing one takes reading all its bytes. A stock client does not wait that long for an answer, nor does an upgrade. So
while the registry serves, one thread on each machine works through them, the newest first and one archive at a time.
Until it has come to a version, that version has no content digest in replies, and its state is unknown to clients. A
restart resumes where this one was.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from modelsync_jupyter.core.errors import ModelSyncError

from ..catalog.archives import Described, describe_archive, parts_between, undescribed
from ..errors import ApiError
from ..service import Registry
from .contents import read_contents

log = logging.getLogger(__name__)
_BATCH = 100
#: Seconds between two looks for archives that another process has taken in.
_LOOK = 20.0


def start_backfill(registry: Registry) -> None:
    """Describe archives in the background, for as long as this process runs."""
    threading.Thread(target=_keep_describing, args=(registry,), daemon=True, name="backfill").start()


def describe_old_archives(registry: Registry, failed: set[int] | None = None, *, older: bool = True) -> int:
    """Describe all archives that are not described yet, and return how many there were.

    Args:
        registry: The registry.
        failed: Archives that could not be read; they are left alone, and more are added.
        older: Also those whose digest is built on the rules of an earlier version.
    """
    before: int | None = None
    count = 0
    left_alone = set() if failed is None else failed
    while True:
        with registry.database.read() as connection:
            batch = undescribed(connection, before, _BATCH, older=older)
        if not batch:
            return count
        for archive_id, size in batch:
            before = archive_id
            if archive_id not in left_alone:
                count += 1
                if not _describe(registry, archive_id, size):
                    left_alone.add(archive_id)


def _keep_describing(registry: Registry) -> None:
    failed: set[int] = set()
    older = True
    # The lock ends with its process, and another one goes on.
    with open(registry.settings.data / "backfill.lock", "ab") as lock:
        while True:
            registry.undescribed.clear()
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    describe_old_archives(registry, failed, older=older)
                    older = False
                except (OSError, SQLAlchemyError) as error:
                    log.error("content digests could not be computed: %s", type(error).__name__)
                finally:
                    fcntl.flock(lock, fcntl.LOCK_UN)
            registry.undescribed.wait(_LOOK)


def _describe(registry: Registry, archive_id: int, size: int) -> bool:
    """Describe an archive, and return whether that could be done; the next start tries again where not."""
    try:
        with registry.database.read() as connection:
            parts = parts_between(connection, archive_id, 0, size)
        try:
            found: Described | None = read_contents(registry.blobs, parts).described()
        except (ApiError, ModelSyncError) as error:
            # An earlier version took in archives that this one refuses; they stay as they are, without a digest.
            log.warning("archive %d has no content digest: %s", archive_id, error.message)
            found = None
        with registry.database.write() as connection:
            describe_archive(connection, archive_id, found)
    except (OSError, SQLAlchemyError) as error:
        log.error("the content digest of archive %d could not be computed: %s", archive_id, error)
        return False
    return True
