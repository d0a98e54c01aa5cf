"""The copy: parts travel from a source to a target, in any order, on a bounded number of threads.

A push, a pull and whatever comes later are this one function with other ends. It owns the threads, the order, the
retries of requests and parts, the rate and the count of bytes; the ends own everything else.

How much an interruption may cost is bounded here. A thread loses at most one write in flight (`Target.grain`), so for
archives above `_SMALL` only so many threads run that all of their writes together are at most a quarter of the archive:
a transfer that is stopped at three quarters keeps two thirds of what it moved, or more. Large archives have parts that
are small beside them, and run on all threads: as many of them as the line and the far end can take (`concurrency`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from mmap import mmap
from typing import Any, NamedTuple

from modelsync_jupyter.archive.folder import BLOCK
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import MIB, Buffer, Part
from modelsync_jupyter.remotes.protocol import ENDLESS, Source, Target
from modelsync_jupyter.remotes.retry import WITHIN_A_PART, Renew

from .concurrency import InFlight
from .work import Stop, Work

#: Archives up to this size are sent again in seconds, so they use all threads.
_SMALL = 30 * MIB
_ADDRESS = frozenset({Renew.REQUEST, Renew.URL})

#: Its last argument is a buffer of `BLOCK` bytes.
Job = Callable[..., None]


def copy(source: Source, target: Target, work: Work, step: str) -> None:
    """Write to the target what it lacks of the source. Nothing is published yet.

    Args:
        source: Where bytes come from.
        target: Where they go.
        work: Threads, stop signal, retries, counter and pace.
        step: What to call it in the progress: "sending" or "receiving".

    Raises:
        Cancelled: The transfer was stopped.
        ModelSyncError: A part could not be copied; those that were are `present` for the next attempt.
    """
    size, threads = source.size or 0, work.threads
    if size > _SMALL:
        threads = max(1, min(threads, round(size / (4 * target.grain))))
    work.counter.begin(step, size, lambda: sum(part.size for part in source.parts if part.number in target.present))
    for part in source.parts:
        if part.number in target.present:
            work.counter.add(part.size, reused=True)
    missing = [part for part in source.parts if part.number not in target.present]
    in_flight = InFlight(threads, work.stop.check, ordered=target.ordered)
    stream, workers = _Stream(source, target, work, in_flight), Workers(threads, work.stop)

    def arrange(buffer: Buffer) -> None:
        with in_flight.place():
            target.arrange(missing, partial(stream.read, buffer), partial(workers.submit, stream.write))

    workers.submit(arrange)  # a thread like the others: what it reads counts as a request in flight
    workers.join()


@contextmanager
def published(source: Source, target: Target, work: Work) -> Iterator[None]:
    """Check and publish what the block has copied. A target is told why the copy failed, and closed in any case.

    Args:
        source: Where bytes came from.
        target: Where they went.
        work: Whose stop signal a failure has set; the next attempt starts afresh.
    """
    try:
        yield
        work.counter.begin("finishing")
        source.check()
        target.publish()
    except ModelSyncError as error:
        target.give_up(error)
        work.again()
        raise
    finally:
        target.close()


class _Stream(NamedTuple):
    """How bytes get from one end of a copy to the other, by any of its threads."""

    source: Source
    target: Target
    work: Work
    in_flight: InFlight

    def write(self, parts: tuple[Part, ...], buffer: Buffer) -> None:
        """Copy neighbouring parts, in as many attempts as that takes."""
        target, counter = self.target, self.work.counter

        def arrived() -> int:
            # How many, from the first on. They arrive in order, but a later one may have been there before.
            for count, part in enumerate(parts):
                if part.number not in target.present:
                    return count
            return len(parts)

        def attempt() -> None:
            left = parts[arrived() :]
            if not left:
                return
            passed = 0

            def counted() -> Generator[memoryview, None, None]:
                nonlocal passed
                with closing(self.read(buffer, left[0].start, left[-1].stop)) as views:
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
        with self.in_flight.place():
            self.work.retry.run(attempt, arrived, renew=WITHIN_A_PART if self.source.ranged else ())

    def read(self, buffer: Buffer, start: int, stop: int | None) -> Generator[memoryview, None, None]:
        """Read `[start, stop)`, at the rate that is allowed; a stream that breaks is opened again where it broke."""
        source, work = self.source, self.work
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
                self.in_flight.moved(len(view))
        finally:
            stream.close()


class Workers:
    """Threads that do at most `threads` jobs at a time. The first failure stops everything that asks the same `stop`.

    They are daemons: a job that hangs in the network cannot keep a process from ending, nor a user from going on.
    Memory: `threads x BLOCK` for the buffers, whatever the jobs move.

    Args:
        threads: How many.
        stop: The stop request; a failure sets it.
    """

    def __init__(self, threads: int, stop: Stop) -> None:
        self._threads, self._stop = threads, stop
        self._jobs: deque[Callable[[Buffer], None]] = deque()
        self._changed = threading.Condition()
        self._started = self._busy = 0
        self._closed = False
        self._failure: BaseException | None = None

    def submit(self, job: Job, *args: Any) -> None:
        """Queue a job; it is called with `args` and its thread's buffer, and may submit others."""
        with self._changed:
            self._jobs.append(partial(job, *args))
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
        buffer = mmap(-1, BLOCK)  # it begins with a page
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                if not self._jobs or self._failure:
                    return
                self._busy += 1
                job = self._jobs.popleft()
            failure: BaseException | None = None
            try:
                self._stop.check()
                job(buffer)
            except BaseException as error:
                failure = error
            with self._changed:
                self._busy -= 1
                if failure:
                    self._failure = self._failure or failure
                    self._stop.set()
                self._changed.notify_all()
