"""Progress as plain numbers: the engine adds bytes, whoever draws decides how often."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a transfer.

    Args:
        step: What is being done now: "planning", "hashing", "sending", "receiving", "finishing".
        done: Bytes moved or found to be there already; never above `total`, and smaller again after a failed part.
        total: Bytes in the archive; 0 while unknown.
        reused: Those of `done` that did not have to travel.
    """

    step: str = "planning"
    done: int = 0
    total: int = 0
    reused: int = 0


class Sink(Protocol):
    """Where looks at a transfer go: called by the thread that waits for it, at most 10 times a second."""

    def __call__(self, progress: Progress) -> None: ...


class Counter:
    """The running sum behind `Progress`; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Progress()
        self._sum = 0

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

    def look(self) -> Progress:
        """The sum as it stands."""
        return self._now
