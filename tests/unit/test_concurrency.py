"""How many requests are in flight, on simulated lines: no thread, no socket, no clock but the simulation's own."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import pytest

from modelsync_jupyter.core.errors import Cancelled, Unavailable
from modelsync_jupyter.core.parts import MIB
from modelsync_jupyter.transfer.concurrency import InFlight, Request, Window, note_refusal, without_place
from modelsync_jupyter.transfer.work import Stop, _note_failure

TICK = 0.001
#: Seconds until a refused request is sent again.
PAUSE = 0.5
#: Seconds of a span in which a far end counts requests.
SPAN = 10.0


@dataclass(eq=False)
class Sent:
    """A request on its way: when its first byte passes, how many are left, how many of the next block have passed."""

    request: Request
    first: float
    size: int
    left: float
    refused: bool
    block: float = 0.0


@dataclass
class Line:
    """A line to a far end.

    Args:
        rate: Bytes a second of a connection.
        delay: Seconds to the first byte, or to a refusal.
        whole: Bytes a second of all connections together.
        buffer: Bytes that each request moves at once, since the buffer of its socket takes them.
        takes: Requests that the far end takes at the same time; it refuses others.
        quota: Requests that it takes in `SPAN` seconds; then it refuses all, and says when the next span begins.

    Attributes:
        limits: How many requests might be in flight, at each tick.
        refused: How many were refused.
        most: How many were in flight at most.
    """

    rate: float
    delay: float = 0.03
    whole: float = float("inf")
    buffer: int = 0
    takes: int = 1000
    quota: int = 1_000_000
    now: float = 0.0
    limits: list[int] = field(default_factory=list)
    refused: int = 0
    most: int = 0
    _asked: tuple[float, int] = (0.0, 0)

    def carry(self, sizes: list[int], threads: int) -> float:
        """Send requests of these sizes, as many at a time as a window lets; returns the seconds that takes."""
        window, begun = Window(threads, lambda: self.now), self.now
        left, again, flying = deque(sizes), deque[tuple[float, int]](), list[Sent]()
        while left or again or flying:
            while window.has_room and (left or (again and again[0][0] <= self.now)):
                size = again.popleft()[1] if again and again[0][0] <= self.now else left.popleft()
                refused = sum(not each.refused for each in flying) >= self.takes or not self._count()
                flying.append(Sent(window.begin(), self.now + self.delay, size, size, refused))
                if self.buffer:
                    window.move(flying[-1].request, self.buffer)
            self.limits.append(window.limit)
            self.most = max(self.most, window.running)
            self.now += TICK
            moving = [each for each in flying if each.first <= self.now]
            for each in moving:
                if each.refused:
                    self.refused += 1
                    pause = SPAN - self.now % SPAN if self._asked[1] >= self.quota else 0.0
                    window.refuse(each.request, pause)
                    again.append((self.now + max(pause, PAUSE), each.size))
                else:
                    self._move(window, each, min(self.rate, self.whole / len(moving)) * TICK)
                if each.refused or each.left <= 0:
                    window.end(each.request, done=not each.refused)
                    flying.remove(each)
        return self.now - begun

    def _count(self) -> bool:
        span = self.now // SPAN
        self._asked = (span, self._asked[1] if self._asked[0] == span else 0)
        if self._asked[1] < self.quota:
            self._asked = (span, self._asked[1] + 1)
            return True
        return False

    def _move(self, window: Window, each: Sent, size: float) -> None:
        each.left -= size
        each.block += size
        if each.block >= MIB or each.left <= 0:
            window.move(each.request, int(each.block))
            each.block = 0.0


@pytest.mark.parametrize(("threads", "percent"), [(4, 0), (10, 6), (16, 6), (64, 17)])
def test_a_line_that_is_not_full_gets_all_threads_at_little_cost(threads: int, percent: int) -> None:
    """A gigabyte and more, 30 ms to the first byte, 90 MB/s a connection."""
    line = Line(90e6)
    seconds = line.carry([32 * MIB] * 2 * threads, threads)
    at_once = 2 * (0.03 + 32 * MIB / 90e6)
    assert line.most == threads
    assert line.limits[0] <= 8
    assert seconds <= at_once * (1 + percent / 100) + 0.002


def test_small_requests_that_are_answered_get_all_threads_too() -> None:
    line = Line(90e6, delay=0.1, buffer=64 * 1024)
    line.carry([200_000] * 200, threads=32)
    assert line.limits[0] == 8
    assert line.most == 32


@pytest.mark.parametrize("megabytes", [10, 40])
def test_a_line_that_is_full_gets_no_more(megabytes: int) -> None:
    line = Line(90e6, whole=megabytes * 1e6)
    line.carry([8 * MIB] * 64, threads=64)
    assert line.most <= 32
    assert line.limits[-1] <= 32


@pytest.mark.parametrize("rate", [30e3, 1e6])
def test_a_slow_line_has_few_at_a_time_for_what_is_half_sent_is_lost_with_a_stop(rate: float) -> None:
    line = Line(90e6, whole=rate, buffer=256 * 1024)
    line.carry([MIB] * 24, threads=16)
    assert line.limits[0] == 8
    assert line.most <= 9


@pytest.mark.parametrize("takes", [1, 3, 5, 12])
def test_a_busy_far_end_is_asked_for_no_more_than_it_takes(takes: int) -> None:
    line, count = Line(90e6, takes=takes), 200
    seconds = line.carry([16 * MIB] * count, threads=16)
    assert line.most <= 16
    assert line.limits[-1] <= takes + 1
    assert line.refused <= 16 + count / (6 * takes)
    assert seconds <= 1.4 * (count / takes) * (0.03 + 16 * MIB / 90e6)


def test_a_far_end_that_counts_requests_is_asked_again_when_it_says() -> None:
    line = Line(90e6, quota=20)
    seconds = line.carry([16 * MIB] * 100, threads=16)
    assert seconds <= 4 * SPAN + 8  # 20 in each span, and the last 20 one after the other at worst
    assert line.refused <= 4 * 8  # those in flight when the first one is refused, and nobody after it


@pytest.mark.parametrize(("said", "is_open"), [(60.0, False), (None, True)])
def test_only_a_far_end_that_says_when_holds_up_all(said: float | None, is_open: bool) -> None:
    in_flight = InFlight(2, lambda: None)
    with in_flight.place():
        _note_failure(Unavailable("Too many.", status=429, retry_after=said), 60.0, 1)
    assert in_flight._window.is_open is is_open


def test_a_far_end_that_is_no_longer_busy_is_asked_for_more() -> None:
    window = Window(16, lambda: 0.0)
    requests = [window.begin() for _ in range(8)]
    window.refuse(requests[0])
    limits = [window.limit]
    for _ in range(2000):
        window.end(requests.pop(0), done=True)
        requests.append(window.begin())
        limits.append(window.limit)
    assert limits == sorted(limits)
    assert (limits[0], limits[-1]) == (4, 16)
    assert limits.count(7) > 4 * limits.count(6)  # 8 were too many


def test_refusals_that_were_on_their_way_together_count_once() -> None:
    window = Window(16, lambda: 0.0)
    requests = [window.begin() for _ in range(8)]
    for request in requests:
        window.refuse(request)
        window.end(request, done=False)
    assert window.limit == 4
    window.refuse(window.begin())
    assert window.limit == 1


def test_who_waits_to_send_again_leaves_its_place_to_others() -> None:
    in_flight, sent = InFlight(1, lambda: None), []

    def send() -> None:
        with in_flight.place():
            sent.append("other")

    with in_flight.place():
        note_refusal()
        other = threading.Thread(target=send)
        other.start()
        with without_place():
            other.join(60)
        sent.append("mine")
    assert sent == ["other", "mine"]
    with in_flight.place():  # all places were given back
        sent.append("again")


def test_a_thread_that_waits_for_a_place_is_stopped() -> None:
    stop, ended = Stop(), []
    in_flight = InFlight(1, stop.check)

    def send() -> None:
        try:
            with in_flight.place():
                ended.append("sent")
        except Cancelled:
            ended.append("stopped")

    with in_flight.place():
        other = threading.Thread(target=send)
        other.start()
        stop.set()
        other.join(60)
    assert ended == ["stopped"]


@pytest.mark.parametrize(
    ("error", "busy"),
    [
        (Unavailable("Too many.", status=429), True),
        (Unavailable("Slow down.", status=503, retry_after=1), True),
        (Unavailable("No answer in time.", late=True), True),
        (Unavailable("It broke."), False),
        (Unavailable("A bug.", status=500), False),
    ],
)
def test_only_what_says_that_it_is_too_much_makes_it_less(error: Unavailable, busy: bool) -> None:
    assert error.busy is busy
