"""Pace: bytes pass no faster than a rate that all threads of a transfer share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Pace:
    """Makes threads wait for their turn.

    Args:
        rate: Bytes a second; None for as fast as they come.
        sleep: Waits for some seconds, or stops.
    """

    def __init__(self, rate: int | None, sleep: Callable[[float], None]) -> None:
        self._rate, self._sleep = rate, sleep
        self._free = 0.0
        self._lock = threading.Lock()

    def keep(self, size: int) -> None:
        """Wait until `size` more bytes may pass.

        Raises:
            Cancelled: Somebody asked to stop.
        """
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            begin = max(self._free, now)
            self._free = begin + size / self._rate
        if begin > now:
            self._sleep(begin - now)
