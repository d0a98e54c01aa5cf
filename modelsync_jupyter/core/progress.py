"""Progress as plain numbers: a transfer adds bytes, a display decides how often to draw."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is at one moment.

    Args:
        step: What is being done now: "planning", "hashing", "sending", "receiving", "finishing",
            or "retrying" while a request waits to be sent again.
        done: Bytes moved or found to be there already; never above `total`, and smaller again after a failed part.
        total: Bytes in the archive; 0 while unknown.
        reused: Those of `done` that did not have to be transferred.
    """

    step: str = "planning"
    done: int = 0
    total: int = 0
    reused: int = 0


class Sink(Protocol):
    """Called with progress updates by the thread that waits for a transfer, at most 10 times a second."""

    def __call__(self, progress: Progress) -> None: ...


class Counter:
    """The running sum behind `Progress`; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Progress()
        self._sum = self._retries = 0

    def begin(self, step: str, total: int | None = None) -> None:
        """Name the step; with `total`, count from zero again."""
        with self._lock:
            now = self._now
            if total is None:
                self._now = Progress(step, now.done, now.total, now.reused)
            else:
                self._now, self._sum = Progress(step, 0, total, 0), 0

    def add(self, size: int, *, reused: bool = False) -> None:
        """Add bytes; a negative number takes back those of a failed attempt."""
        with self._lock:
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
        return replace(now, step="retrying") if self._retries else now
