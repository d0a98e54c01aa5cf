"""The copy: parts travel from a source to a target, in any order, on a bounded number of threads.

A push, a pull and whatever comes later are this one function with other ends. It owns the threads, the order, the
retries of requests and parts, the rate and the count of bytes; the ends own everything else.

How much an interruption may cost is bounded here. A thread loses at most one write in flight (`Target.grain`), so for
archives above `_SMALL` only so many threads run that all of their writes together are at most a quarter of the archive:
a transfer that is stopped at three quarters keeps two thirds of what it moved, or more. Large archives have parts that
are small beside them, and run on all threads.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial

from modelsync_jupyter.archive.folder import BLOCK
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import MIB, Part
from modelsync_jupyter.remotes.protocol import ENDLESS, Source, Target
from modelsync_jupyter.remotes.retry import WITHIN_A_PART, Renew

from .work import Stop, Work

#: Archives up to this size are sent again in seconds, so they use all threads.
_SMALL = 30 * MIB
_ADDRESS = frozenset({Renew.REQUEST, Renew.URL})

Job = Callable[[bytearray], None]


def copy(source: Source, target: Target, work: Work, step: str) -> None:
    """Write to the target what it lacks of the source. Nothing is published yet.

    Args:
        source: Where bytes come from.
        target: Where they go.
        work: Threads, stop signal, retries, counter and pace.
        step: What to call it in the progress: "sending" or "receiving".

    Raises:
        Cancelled: The transfer was stopped.
        ModelSyncError: A part could not be copied; parts that were are `present` for the next attempt.
    """
    Copy(source, target, work).run(step)


class Copy:
    """One run of `copy`."""

    def __init__(self, source: Source, target: Target, work: Work) -> None:
        self._source, self._target, self._work = source, target, work

    def run(self, step: str) -> None:
        source, target, work = self._source, self._target, self._work
        work.counter.begin(step, source.size or 0)
        for part in source.parts:
            if part.number in target.present:
                work.counter.add(part.size, reused=True)
        missing = [part for part in source.parts if part.number not in target.present]
        with Workers(self._threads(), work.stop) as pool:

            def arrange(buffer: bytearray) -> None:
                target.arrange(
                    missing, partial(self._read, buffer), lambda parts: pool.submit(partial(self._write, parts))
                )

            pool.submit(arrange)  # a thread like the others: what it reads counts as a request in flight

    def _threads(self) -> int:
        size, threads = self._source.size or 0, self._work.threads
        return threads if size <= _SMALL else max(1, min(threads, size // (4 * self._target.grain)))

    def _write(self, parts: tuple[Part, ...], buffer: bytearray) -> None:
        target, counter = self._target, self._work.counter
        left = parts

        def attempt() -> None:
            nonlocal left
            left = self._missing(parts)
            if not left:
                return
            passed = 0

            def counted() -> Generator[memoryview, None, None]:
                nonlocal passed
                with closing(self._read(buffer, left[0].start, left[-1].stop)) as views:
                    for view in views:
                        yield view
                        passed += len(view)

            try:
                with closing(counted()) as views:
                    target.write(left, views)
            except ModelSyncError:
                kept = sum(part.size for part in left if part.number in target.present)
                counter.add(kept - passed)
                raise

        # Each part that arrives starts the count of failures again, so that every part has attempts of its own. What
        # cannot be read from the middle is begun anew as a whole, which is up to the caller.
        renew = WITHIN_A_PART if self._source.ranged else ()
        self._work.retry.run(attempt, lambda: len(parts) - len(self._missing(parts)), renew=renew)

    def _missing(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(part for part in parts if part.number not in self._target.present)

    def _read(self, buffer: bytearray, start: int, stop: int | None) -> Generator[memoryview, None, None]:
        """Read `[start, stop)`, at the rate that is allowed; a stream that breaks is opened again where it broke."""
        source, work = self._source, self._work
        end = None if stop == ENDLESS else stop
        position, stream = start, source.views(start, end, buffer)

        def step() -> memoryview:
            nonlocal position, stream
            try:
                view = next(stream, memoryview(b""))
            except ModelSyncError:
                stream = source.views(position, end, buffer)
                raise
            position += len(view)
            return view

        def next_view() -> memoryview:
            return work.retry.run(step, lambda: position, renew=_ADDRESS) if source.ranged else step()

        try:
            while view := next_view():
                work.stop.check()
                work.pace.keep(len(view))
                yield view
                work.counter.add(len(view))
        finally:
            stream.close()


class Workers:
    """Threads that do at most `threads` jobs at a time. The first failure stops everything that asks the same `stop`.

    They are daemons: a job that hangs in the network cannot keep a process from ending, nor a user from going on.

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

    def __enter__(self) -> Workers:
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
