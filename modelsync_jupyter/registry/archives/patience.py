"""Long work while a client waits: it is given up as soon as it is clear that it would not end in time."""

from __future__ import annotations

import time

#: Seconds after which it is judged how long the whole will take.
_TRIAL = 2.0


class Patience:
    """How long somebody waits for some work.

    Args:
        work: Bytes that are to be read and written in all.
        seconds: How long the work may take.
    """

    def __init__(self, work: int, seconds: float) -> None:
        self._work, self._seconds, self._done = work, seconds, 0
        self._began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the work began."""
        return time.monotonic() - self._began

    def count(self, size: int) -> None:
        """Note that bytes were read or written.

        Raises:
            TimeoutError: The whole would take too long.
        """
        self._done += size
        if self.spent > min(_TRIAL, self._seconds) and self.spent * self._work > self._seconds * self._done:
            raise TimeoutError("it would take too long")
