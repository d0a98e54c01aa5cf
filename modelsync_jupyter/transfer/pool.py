"""Threads that do jobs, and the wish to stop.

The threads are daemons: a job that hangs in the network cannot keep a process from ending, nor a user from going on.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from modelsync_jupyter.archive.source import BLOCK
from modelsync_jupyter.core.errors import Cancelled

Job = Callable[[bytearray], None]


class Stop:
    """Whether to stop, asked often by whoever works.

    Args:
        above: A wider wish to stop, which counts as well.
    """

    def __init__(self, above: Stop | None = None) -> None:
        self._event = threading.Event()
        self._above = above

    def set(self) -> None:
        """Ask to stop."""
        self._event.set()

    @property
    def wanted(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set() or (self._above is not None and self._above.wanted)

    def check(self) -> None:
        """Go on or not.

        Raises:
            Cancelled: Somebody asked to stop.
        """
        if self.wanted:
            raise Cancelled("The transfer was cancelled.")

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until somebody asks to stop.

        Raises:
            Cancelled: Somebody did.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.wanted:
            self._event.wait(min(left, 0.2))
        self.check()


class Pool:
    """At most `threads` jobs at a time. The first failure stops everything that asks the same `stop`.

    Memory: `threads x BLOCK` for the buffers, whatever the jobs move.

    Args:
        threads: How many.
        stop: The wish to stop; a failure sets it.
    """

    def __init__(self, threads: int, stop: Stop) -> None:
        self.stop = stop
        self._threads = threads
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._started = self._busy = 0
        self._closed = False
        self._failure: BaseException | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is not None:
            self._fail(error)
        self.join()

    def submit(self, job: Job) -> None:
        """Have a job done; it gets a buffer of its thread's to use."""
        with self._changed:
            self._jobs.append(job)
            if self._started < min(self._threads, self._busy + len(self._jobs)):
                self._started += 1
                threading.Thread(target=self._work, name="modelsync", daemon=True).start()
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until all jobs are done.

        Raises:
            BaseException: The first failure.
        """
        with self._changed:
            while self._busy or (self._jobs and not self._failure):
                self._changed.wait()
            self._closed = True
            self._changed.notify_all()
        if self._failure:
            raise self._failure

    def _work(self) -> None:
        buffer = bytearray(BLOCK)
        while job := self._next():
            try:
                self.stop.check()
                job(buffer)
            except BaseException as error:
                self._fail(error)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _next(self) -> Job | None:
        with self._changed:
            while not self._jobs and not self._closed:
                self._changed.wait()
            if not self._jobs or self._failure:
                return None
            self._busy += 1
            return self._jobs.popleft()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._failure is None:
                self._failure = error
            self.stop.set()
            self._changed.notify_all()
