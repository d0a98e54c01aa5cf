"""Write content into staged files: through the page cache, or past it (O_DIRECT) while buffered writes are slow.

A model is loaded soon after it was pulled, so its bytes should stay in memory. But where memory is short, or a
hypervisor hands it out only when it is touched, a page of cache costs many times what it costs to fill it, and all
other work on the machine pays as well. The processor time of each write shows which it is.
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from modelsync_jupyter.core.parts import MIB

from .folder import BLOCK
from .layout import Entry

#: Processor time per byte above which the cache is slow, in seconds: a MiB takes 0.1 to 0.6 ms where memory is
#: at hand, and 2 to 8 ms where it is not.
_SLOW = 0.8e-3 / MIB
#: Writes that go past the cache before it is tried again.
_PAST = 64
#: Writes smaller than this take too little time to tell, and are not worth going past the cache.
_ENOUGH = MIB // 4
#: Offsets, lengths and memory of a direct write are multiples of this on any device.
_PAGE = 4096
#: Bytes of one file worth a flush.
_FLUSH = 32 * MIB

_DIRECT = getattr(os, "O_DIRECT", 0)

Open = Callable[[Entry, int], AbstractContextManager[int]]


class Writer:
    """Writes into staged files; threads may write at the same time.

    Memory: a buffer of `BLOCK` for each thread that wrote past the cache.

    Args:
        open: Opens a staged file with flags of `os.open`.
    """

    def __init__(self, open: Open) -> None:
        self._open = open
        self._past = 0
        self._possible = bool(_DIRECT)
        self._own = threading.local()

    def write(self, entry: Entry, view: memoryview, position: int) -> int:
        """Write all of `view` at a position in a file.

        Returns:
            How many bytes are in the cache now, and not yet on disk.
        """
        if len(view) < _ENOUGH or not self._possible:
            self._write_through(entry, view, position)
            return len(view)
        if self._past > 1:
            self._past -= 1
            return self._write_past(entry, view, position)
        if self._past:
            self._past = _PAST  # this thread tries the cache, while the others go on
        started = time.thread_time()
        self._write_through(entry, view, position)
        self._past = _PAST if time.thread_time() - started > _SLOW * len(view) else 0
        return len(view)

    def _write_through(self, entry: Entry, view: memoryview, position: int) -> None:
        if view:
            with self._open(entry, os.O_WRONLY) as file:
                _write_all(file, view, position)

    def _write_past(self, entry: Entry, view: memoryview, position: int) -> int:
        """Write whole pages past the cache, what is left at both ends through it."""
        head = -position % _PAGE
        tail = len(view) - (len(view) - head) % _PAGE
        try:
            with self._open(entry, os.O_WRONLY | _DIRECT) as file:
                for start in range(head, tail, BLOCK):
                    _write_all(file, self._aligned(view[start : min(start + BLOCK, tail)]), position + start)
        except OSError as error:
            if error.errno != errno.EINVAL:  # this file system has no other way than the cache
                raise
            self._possible = False
            head, tail = len(view), len(view)
        self._write_through(entry, view[:head], position)
        self._write_through(entry, view[tail:], position + tail)
        return head + len(view) - tail

    def _aligned(self, view: memoryview) -> memoryview:
        """Return the same bytes at the start of a page of memory: as they are, where they lie so."""
        import ctypes  # where the cache is quick, nothing goes past it

        if not view.readonly and ctypes.addressof(ctypes.c_char.from_buffer(view)) % _PAGE == 0:
            return view
        if not hasattr(self._own, "buffer"):
            self._own.buffer = memoryview(mmap.mmap(-1, BLOCK))
        buffer: memoryview = self._own.buffer[: len(view)]
        buffer[:] = view
        return buffer


class Flusher:
    """Flushes large files while more of them arrives, so that in the end there is little left to wait for.

    Its thread lives only while there is enough to do.

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
        """Note that bytes were written to a file."""
        if entry.size < _FLUSH:
            return
        with self._lock:
            self._written[entry] = self._written.get(entry, 0) + size
            if self._busy or self._written[entry] < _FLUSH:
                return
            self._busy = True
        threading.Thread(target=self._run, name="modelsync-flush", daemon=True).start()

    def check(self) -> None:
        """Raise what went wrong: a disk reports a lost write only once.

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
            if self._written[entry] < _FLUSH:
                self._busy = False
                return None
            self._written[entry] = 0
            return entry


def _write_all(file: int, view: memoryview, offset: int) -> None:
    while view:
        count = os.pwrite(file, view, offset)
        view, offset = view[count:], offset + count
