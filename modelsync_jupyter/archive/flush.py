"""Flushing: large files go to disk while more of them arrives, so that in the end there is little left to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from modelsync_jupyter.core.parts import MIB

from .layout import Entry

#: Bytes of one file worth a flush.
_ENOUGH = 32 * MIB


class Flusher:
    """Flushes files from a thread of its own, which lives only while there is enough to do.

    Args:
        sync: Puts what was written of a file on disk.
    """

    def __init__(self, sync: Callable[[Entry], None]) -> None:
        self._sync = sync
        self._written: dict[Entry, int] = {}
        self._lock = threading.Lock()
        self._busy = False
        self._failure: OSError | None = None

    def wrote(self, entry: Entry, size: int) -> None:
        """Take note of bytes written to a file."""
        if entry.size < _ENOUGH:
            return
        with self._lock:
            self._written[entry] = self._written.get(entry, 0) + size
            if self._busy or self._written[entry] < _ENOUGH:
                return
            self._busy = True
        threading.Thread(target=self._run, name="modelsync-flush", daemon=True).start()

    def check(self) -> None:
        """Say what went wrong: a disk tells of a lost write only once.

        Raises:
            OSError: A write did not reach the disk.
        """
        if self._failure:
            raise self._failure

    def _run(self) -> None:
        while entry := self._next():
            try:
                self._sync(entry)
            except OSError as error:
                self._failure = error

    def _next(self) -> Entry | None:
        with self._lock:
            entry = max(self._written, key=lambda each: self._written[each])
            if self._written[entry] < _ENOUGH:
                self._busy = False
                return None
            self._written[entry] = 0
            return entry
