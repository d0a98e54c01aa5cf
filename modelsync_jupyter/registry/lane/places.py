"""Places: who holds one of the threads for what takes long.

Such a thread is held for as long as a client sends a body, or as what it sent is read. So nobody holds more of them
than are left for all others: of 64, one user has 32 at most, the next one 16 then, and whoever holds none gets one as
long as there is one. A request for which there is none waits on the event loop, not in a thread, until there is.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

#: Requests of one user that wait at most: each holds up to a megabyte that has come already.
_MOST_WAITING = 64


class Places:
    """The places of one process.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[str] = Counter()
        self._waiting: list[Place] = []
        self._lock = threading.Lock()

    def grant(self, user: str) -> bool:
        """Let a user have one more, if they hold fewer than are free."""
        with self._lock:
            granted = self._held[user] < self._free
            if granted:
                self._free -= 1
                self._held[user] += 1
            return granted

    def take_back(self, user: str) -> None:
        """Take back one that was granted, and grant it to whom may have it of those who wait, the first one first."""
        with self._lock:
            self._free += 1
            self._held[user] -= 1
            self._held += Counter()  # forgets who holds none
        for place in list(self._waiting):
            if self.grant(place.user):
                self._waiting.remove(place)
                place.given.set()

    def queue(self, place: Place) -> bool:
        """Let a request wait, unless too many of its user do."""
        fits = sum(other.user == place.user for other in self._waiting) < _MOST_WAITING
        if fits:
            self._waiting.append(place)
        return fits

    def forget(self, place: Place) -> None:
        """Let a request wait no longer."""
        if place in self._waiting:
            self._waiting.remove(place)


class Place:
    """The place of one request. All but `take` is for the event loop.

    Args:
        places: Of which it is one.

    Attributes:
        user: Who sends the request, once that is known.
        given: Set when there is a place after all.
        is_missing: Whether there was none when the request was about to begin.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self.user = ""
        self.given = asyncio.Event()
        self.is_missing = False
        self._is_held = False

    def take(self, user: str) -> bool:
        """Take the place before anything is done, in the thread that will do it; returns whether there is one."""
        if not self._is_held:
            self.user, self._is_held = user, self._places.grant(user)
            self.is_missing = not self._is_held
        return self._is_held

    async def wait(self, seconds: float) -> bool:
        """Wait until there is a place for this user; returns whether there is."""
        self._is_held = self._places.grant(self.user)
        if not self._is_held and self._places.queue(self):
            try:
                await asyncio.wait_for(self.given.wait(), seconds)
            except asyncio.TimeoutError:
                pass
            finally:
                self._places.forget(self)
                self._is_held = self.given.is_set()
        self.is_missing = not self._is_held
        return self._is_held

    def leave(self) -> None:
        """Give the place back."""
        if self._is_held:
            self._is_held = False
            self._places.take_back(self.user)
