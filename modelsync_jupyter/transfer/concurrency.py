"""Concurrency: how many requests of a copy are in flight, from one to the number of its threads.

Neither the line nor the far end says how many it can take, so that is found out:

- A copy begins with few. For half a second, each request that moves a block of a *round* lets one more be sent, so that
  a round, about a round trip, doubles their number, and a slow one among them holds up none. Rounds are too short to be
  measured then, but what only fills the buffer of a socket does not count: over a slow line, many requests at the same
  time all take long, and what none of them has brought to its end is lost when it is stopped.
- From then on, when each of those that might be in flight has moved a block, twice as many may be if more bytes passed
  in a second than ever before, or one more where those in flight are slow.
- A request that is refused because the far end is busy (429, 503), or that gets no answer in time, halves the number at
  once, and gives up its place for as long as it waits to be sent again. So a busy server is asked less often, not only
  later. Others that were sent before it and are refused as well say nothing new.
- Where the far end says when it may be asked again (`Retry-After`), nobody begins a request before that: a server that
  counts requests would refuse each of them.
- After that, one more may be in flight whenever as many as may be have come to their end, up to one less than were too
  many; as many as that are tried only after `_PATIENCE` times as long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from modelsync_jupyter.core.parts import MIB

#: How many requests are in flight at first: half of what is allowed, but between these.
_FEWEST, _MOST = 4, 8
#: Seconds in which the number grows without proof, and by how much a round has to be faster after them.
_BLIND, _FASTER = 0.5, 1.1
#: Bytes that a request moves before it counts; and bytes a second of one that is slow.
_BLOCK, _SLOW = MIB // 2, MIB // 2
#: How many times as long it takes until a number that was too high is tried again.
_PATIENCE = 8


class Request:
    """A request in flight.

    Args:
        refusals: How often the window had shrunk when it was sent.
        round: The last round in which it moved something.

    Attributes:
        moved: Bytes that it has moved.
    """

    def __init__(self, refusals: int, round: int = -1) -> None:
        self.refusals, self.round, self.moved = refusals, round, 0


class Window:
    """How many requests may be in flight. It knows neither threads nor sockets; calls must not overlap.

    Args:
        most: How many there may ever be.
        clock: Tells the time in seconds.

    Attributes:
        limit: How many there may be now.
        running: How many there are.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self.limit, self.running = min(most, max(_FEWEST, min(_MOST, most // 2))), 0
        self._begun = self._since = clock()
        self._round = self._heard = self._bytes = 0
        self._awaited = self.limit  # how many have to be heard of until the round ends
        self._rate = 0.0
        self._refusals = self._ended = 0
        self._too_many = most + 1  # how many were in flight when one was refused
        self._closed_until = self._begun

    @property
    def is_open(self) -> bool:
        """Whether the far end may be asked, for all that it has said."""
        return self._clock() >= self._closed_until

    @property
    def has_room(self) -> bool:
        """Whether one more request may be sent."""
        return self.running < self.limit and self.is_open

    def begin(self) -> Request:
        """Note that a request is being sent."""
        self.running += 1
        return Request(self._refusals)

    def move(self, request: Request, size: int) -> None:
        """Note that a request has moved some bytes."""
        request.moved += size
        if request.moved >= _BLOCK:
            self._hear(request, size)

    def _hear(self, request: Request, size: int) -> None:
        self._bytes += size
        if request.round != self._round:
            request.round = self._round
            self._heard += 1
            if not self._refusals and self._clock() - self._begun < _BLIND:
                self.limit = min(self._most, self.limit + 1)
            if self._heard >= min(self._awaited, self.limit):
                self._end_round()

    def end(self, request: Request, *, done: bool) -> None:
        """Note that a request is in flight no more; `done`: it was answered as it should be."""
        self.running -= 1
        if done and 0 < request.moved < _BLOCK:  # an answer says more than a block: the line took it all
            self._hear(request, request.moved)
        if done and self._refusals and self.limit < self._most:
            self._ended += 1
            patience = 1 if self.limit + 1 < self._too_many else _PATIENCE
            if self._ended >= self.limit * patience:
                self._ended = 0
                self.limit += 1
                self._too_many = max(self._too_many, self.limit + 1)

    def refuse(self, request: Request, seconds: float = 0.0) -> None:
        """Note that a request, still counted as running, was refused because the far end is busy, or not answered.

        Args:
            request: The request.
            seconds: How long the far end asks to wait.
        """
        self._closed_until = max(self._closed_until, self._clock() + seconds)
        if request.refusals == self._refusals:
            self._refusals += 1
            self._ended = 0
            self._too_many = max(self.running, 2)
            self.limit = max(1, self.running // 2)

    def _end_round(self) -> None:
        now = self._clock()
        if self._since - self._begun >= _BLIND:  # what filled buffers before was faster than the line is
            rate = self._bytes / max(now - self._since, 1e-9)
            if not self._refusals and rate > self._rate * _FASTER:
                self.limit = min(self._most, self.limit + (self.limit if rate > self.limit * _SLOW else 1))
            self._rate = max(self._rate, rate)
        self._since, self._awaited = now, self.limit
        self._round += 1
        self._heard = self._bytes = 0


class InFlight:
    """A window that threads wait for.

    Args:
        most: How many requests there may ever be at the same time.
        check: Called while a thread waits; raises when it is to stop.
        ordered: Whether requests wait for those before them: then there is a place for each of them at any time.
    """

    def __init__(self, most: int, check: Callable[[], None], *, ordered: bool = False) -> None:
        self._window, self._check, self._ordered = Window(most), check, ordered
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place for the length of the block, in which this thread has at most one request in flight.

        Raises:
            Cancelled: The transfer was stopped while it waited for one.
        """
        done = False
        self._take()
        try:
            yield
            done = True
        finally:
            if _here.place:
                self._give_up(_here.place[1], done=done)

    def moved(self, size: int) -> None:
        """Note that the request of this thread has moved some bytes."""
        with self._changed:
            limit = self._window.limit
            if held := _here.place:
                self._window.move(held[1], size)
            if self._window.limit > limit:
                self._changed.notify_all()

    def _take(self) -> None:
        with self._changed:
            while not (self._window.is_open if self._ordered else self._window.has_room):
                self._changed.wait(0.2)
                self._check()
            _here.place = (self, self._window.begin())

    def _give_up(self, request: Request, *, done: bool) -> None:
        _here.place = None
        with self._changed:
            self._window.end(request, done=done)
            self._changed.notify_all()


class _Here(threading.local):
    """The place that this thread holds, whichever copy it works for."""

    place: tuple[InFlight, Request] | None = None


_here = _Here()


def note_refusal(seconds: float = 0.0) -> None:
    """Note that what this thread asked for was refused because the far end is busy, or not answered in time.

    Args:
        seconds: How long the far end asks to wait.
    """
    if _here.place:
        in_flight, request = _here.place
        with in_flight._changed:
            in_flight._window.refuse(request, seconds)


@contextmanager
def without_place() -> Iterator[None]:
    """Have no request in flight for the length of the block; after it, wait until there may be one again."""
    held = _here.place
    if held:
        held[0]._give_up(held[1], done=False)
    yield
    if held:
        held[0]._take()
