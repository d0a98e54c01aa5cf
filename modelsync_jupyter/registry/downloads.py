"""How often each version was downloaded: counted in memory, written down a second later at most.

A write of the catalog for each download would make readers wait for writers. A process that is killed loses the counts
of its last seconds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from .catalog.database import Database, now
from .catalog.tables import models

_SECONDS = 1.0


class Downloads:
    """Counts the downloads that one process serves.

    Args:
        database: Where they are written down.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._counts: Counter[int] = Counter()
        self._flushed = 0.0
        self._waits = False

    def count(self, model_id: int) -> None:
        """Count one download of a version."""
        with self._lock:
            self._counts[model_id] += 1
            due = time.monotonic() - self._flushed > _SECONDS
            later = not due and not self._waits
            self._waits = self._waits or later
        if due:
            self.flush()
        elif later:
            timer = threading.Timer(_SECONDS, self.flush)
            timer.daemon = True
            timer.start()

    def flush(self) -> None:
        """Write the counts down, unless the catalog cannot be written: then the next time will."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._flushed, self._waits = time.monotonic(), False
        if not counts:
            return
        try:
            with self._database.write() as connection:
                for model_id, count in sorted(counts.items()):
                    columns = {"downloads": models.c.downloads + count, "downloaded_at": now()}
                    connection.execute(update(models).where(models.c.id == model_id).values(**columns))
        except SQLAlchemyError:
            with self._lock:
                self._counts.update(counts)
