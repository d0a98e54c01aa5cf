"""The local side of one transfer: who may stop it, what it counts, how fast it may go. It knows no registry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import Cancelled, ModelSyncError, Unavailable
from modelsync_jupyter.core.outcome import Direction, Options
from modelsync_jupyter.core.parts import MIB
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.retry import Retry
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

#: Bytes of small files that stay in memory between hashing and sending: 20,000 of 1 KB are 36 MB of an archive.
_KEPT = 40 * MIB


class Stop:
    """A stop request, checked often by every thread that works.

    Args:
        above: A wider stop request, which counts as well.
    """

    def __init__(self, above: Stop | None = None) -> None:
        self.above, self._event = above, threading.Event()

    def set(self) -> None:
        """Ask to stop."""
        self._event.set()

    @property
    def wanted(self) -> bool:
        """Whether a stop was requested."""
        return self._event.is_set() or (self.above is not None and self.above.wanted)

    def check(self) -> None:
        """Raise `Cancelled` if a stop was requested."""
        if self.wanted:
            raise Cancelled("The transfer was cancelled.")

    def sleep(self, seconds: float) -> None:
        """Wait, but not longer than until a stop is requested.

        Raises:
            Cancelled: A stop was requested.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not self.wanted:
            self._event.wait(min(left, 0.2))
        self.check()


class Counter:
    """The running sum behind `Progress`; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Progress()
        self._sum = self._retries = 0
        self._kept: Callable[[], int] | None = None
        self._settled = False

    def begin(self, step: str, total: int | None = None, kept: Callable[[], int] | None = None) -> None:
        """Name the step; with `total`, count from zero again.

        Args:
            step: What is done now.
            total: Bytes it moves.
            kept: Returns how many of them the next attempt need not move.
        """
        with self._lock:
            now = self._now
            if total is None:
                self._now = Progress(step, now.done, now.total, now.reused)
            else:
                self._now, self._sum, self._kept = Progress(step, 0, total, 0), 0, kept

    def settle(self) -> None:
        """Count what is kept, and nothing from now on: who stops does not wait for answers to bytes that were sent."""
        with self._lock:
            self._settled = True
            if self._kept:
                self._now = self._now._replace(done=self._kept())

    def add(self, size: int, *, reused: bool = False) -> None:
        """Add bytes; a negative number takes back those of a failed attempt."""
        with self._lock:
            if self._settled:
                return
            now = self._now
            self._sum += size
            done = max(min(self._sum, now.total or self._sum), 0)
            self._now = Progress(now.step, done, now.total, now.reused + (size if reused else 0))

    @contextmanager
    def retrying(self) -> Iterator[None]:
        """Show the step as "retrying" for the length of the block: a request failed and waits to be sent again."""
        with self._lock:
            self._retries += 1
        try:
            yield
        finally:
            with self._lock:
                self._retries -= 1

    def look(self) -> Progress:
        """Return the sum as it stands."""
        now = self._now
        return now._replace(step="retrying") if self._retries else now


class Work:
    """What every step of a transfer shares.

    Args:
        home: BentoML's home folder.
        options: How to transfer.
        cancel: Set when the transfer is cancelled.
        counter: Bytes so far.

    Attributes:
        threads: Parts transferred in parallel: fewer under a low rate limit, so that no connection looks stalled.
        stop: Set when this attempt is to end: the transfer was cancelled, or one of its jobs failed.
        pace: Keeps bytes to the rate limit.
        retry: Repeats requests and parts; its waits end when `stop` is set, and show as "retrying". Meanwhile others
            may send theirs, and where the far end is busy fewer are in flight from then on.
    """

    def __init__(
        self, home: Home, options: Options, cancel: Stop | None = None, counter: Counter | None = None
    ) -> None:
        self.home, self.options = home, options
        self.cancel, self.counter = cancel or Stop(), counter or Counter()
        self.stop = Stop(self.cancel)
        limit = options.rate_limit
        self.threads = options.threads if limit is None else max(1, min(options.threads, limit // MIB))
        self.pace = Pace(options.rate_limit, self._sleep)
        self.retry = Retry(self._wait, on_retry=_note_failure)

    def describe(self, store: LocalStore, model: Model, *, to_send: bool = False) -> Description:
        """Describe a local model, reading what the store does not know the digest of; shown as "hashing".

        Args:
            store: The store.
            model: The model.
            to_send: Whether its archive is read next: then small files stay in memory until they are, up to `_KEPT`.
        """
        self.counter.begin("hashing", model.archive.layout.size)
        keep = _KEPT if to_send else 0
        return store.index.describe(
            model.tag, model.archive, self.threads, self.counter.add, self.stop.check, keep=keep
        )

    def again(self) -> None:
        """Get ready for another attempt: a failure of the last one stops nothing any more."""
        self.stop = Stop(self.cancel)

    def _sleep(self, seconds: float) -> None:
        self.stop.sleep(seconds)

    def _wait(self, seconds: float) -> None:
        from .concurrency import without_place  # here and below: most transfers have no failure

        with self.counter.retrying(), without_place():
            self.stop.sleep(seconds)


def _note_failure(error: ModelSyncError, delay: float, failures: int) -> None:
    if isinstance(error, Unavailable) and error.busy:
        from .concurrency import note_refusal

        note_refusal(0.0 if error.retry_after is None else delay)


class Pace:
    """A rate that all threads of a transfer share.

    Args:
        rate: Bytes per second, or None for no limit.
        sleep: Waits for some seconds; may raise `Cancelled`.
    """

    def __init__(self, rate: int | None, sleep: Callable[[float], None]) -> None:
        self.rate, self._sleep = rate, sleep
        self._free, self._lock = 0.0, threading.Lock()

    def keep(self, size: int) -> None:
        """Wait until `size` more bytes may pass.

        Raises:
            Cancelled: The transfer was stopped meanwhile.
        """
        if self.rate is None:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(self._free, now)
            self._free = begin + size / self.rate
        if begin > now:
            self._sleep(begin - now)


def file_key(direction: Direction, tag: Tag) -> str:
    """Name the lock, journal and stage of a transfer: one for each tag and direction.

    `@` cannot occur in a tag, so no two tags share a name.
    """
    return f"{direction}-{tag.name}@{tag.version}"
