"""Content digests of versions that an earlier version of the registry took in.

Computing one takes reading all its bytes, so an upgrade does not wait for it: while the registry serves, one thread of
one process works through them, the newest first and one archive at a time. Until it has come to a version, that
version has no content digest in replies, and its state is unknown to clients. A restart resumes where this one was.
"""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import OperationalError

from modelsync_jupyter.core.errors import ModelSyncError

from .catalog.archives import Described, describe_archive, parts_between, undescribed
from .contents import read_contents
from .errors import ApiError
from .multipart import described
from .service import Registry

log = logging.getLogger(__name__)
_BATCH = 100


def start_backfill(registry: Registry) -> None:
    """Describe archives of earlier versions in the background, for as long as this process runs."""
    threading.Thread(target=describe_old_archives, args=(registry,), daemon=True, name="backfill").start()


def describe_old_archives(registry: Registry) -> int:
    """Describe all archives of earlier versions, and return how many there were."""
    before: int | None = None
    count = 0
    while True:
        with registry.database.read() as connection:
            batch = undescribed(connection, before, _BATCH)
        if not batch:
            return count
        for archive_id, size in batch:
            _describe(registry, archive_id, size)
            before, count = archive_id, count + 1


def _describe(registry: Registry, archive_id: int, size: int) -> None:
    try:
        with registry.database.read() as connection:
            parts = parts_between(connection, archive_id, 0, size)
        try:
            found: Described | None = described(read_contents(registry.blobs, parts))
        except (ApiError, ModelSyncError) as error:
            # An earlier version took in archives that this one refuses; they stay as they are, without a digest.
            log.warning("archive %d has no content digest: %s", archive_id, error.message)
            found = None
        with registry.database.write() as connection:
            describe_archive(connection, archive_id, found)
    except (OSError, OperationalError) as error:  # the next start tries again
        log.error("the content digest of archive %d could not be computed: %s", archive_id, error)
