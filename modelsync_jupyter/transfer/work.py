"""The local side of one transfer: who may stop it, what it counts, how fast it may go. It knows no registry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.outcome import Direction, Options
from modelsync_jupyter.core.parts import MIB
from modelsync_jupyter.core.progress import Counter
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.retry import Retry

from .pool import Stop


class Work:
    """What every step of a transfer shares.

    Args:
        home: BentoML's home folder.
        options: How to transfer.
        cancel: Set when somebody cancels the transfer.
        counter: Bytes so far.

    Attributes:
        stop: Set when this attempt is to end: the transfer was cancelled, or one of its jobs failed.
        pace: Keeps bytes to the rate limit.
        retry: Repeats requests and parts; its waits end when `stop` is set, and show as "retrying".
    """

    def __init__(
        self, home: Home, options: Options, cancel: Stop | None = None, counter: Counter | None = None
    ) -> None:
        self.home, self.options = home, options
        self.cancel, self.counter = cancel or Stop(), counter or Counter()
        self.stop = Stop(self.cancel)
        self.pace = Pace(options.rate_limit, self._sleep)
        self.retry = Retry(self._wait)

    def again(self) -> None:
        """Get ready for another attempt: a failure of the last one stops nothing any more."""
        self.stop = Stop(self.cancel)

    @property
    def threads(self) -> int:
        """Parts transferred in parallel: fewer under a low rate limit, so that no connection looks stalled."""
        limit = self.options.rate_limit
        return self.options.threads if limit is None else max(1, min(self.options.threads, limit // MIB))

    def _sleep(self, seconds: float) -> None:
        self.stop.sleep(seconds)

    def _wait(self, seconds: float) -> None:
        with self.counter.retrying():
            self.stop.sleep(seconds)


class Pace:
    """A rate that all threads of a transfer share.

    Args:
        rate: Bytes per second, or None for no limit.
        sleep: Waits for some seconds; may raise `Cancelled`.
    """

    def __init__(self, rate: int | None, sleep: Callable[[float], None]) -> None:
        self._rate, self._sleep = rate, sleep
        self._free = 0.0
        self._lock = threading.Lock()

    def keep(self, size: int) -> None:
        """Wait until `size` more bytes may pass.

        Raises:
            Cancelled: The transfer was stopped meanwhile.
        """
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(self._free, now)
            self._free = begin + size / self._rate
        if begin > now:
            self._sleep(begin - now)


def file_key(direction: Direction, tag: Tag) -> str:
    """Name the lock, journal and stage of a transfer: one for each tag and direction.

    `@` cannot occur in a tag, so no two tags share a name.
    """
    return f"{direction}-{tag.name}@{tag.version}"
