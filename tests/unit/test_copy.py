"""The copy: every part once, each retried by itself, and never more in flight than an interruption may cost."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from modelsync_jupyter.archive.description import Description, Hasher
from modelsync_jupyter.archive.layout import Layout
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import IntegrityError, ModelSyncError, Unavailable
from modelsync_jupyter.core.outcome import Options
from modelsync_jupyter.core.parts import MIB, Buffer, Part, split
from modelsync_jupyter.remotes.protocol import HandOff, Read
from modelsync_jupyter.transfer.copy import copy
from modelsync_jupyter.transfer.work import Work

DATA = bytes(range(256)) * 24


def digest_of_bytes(data: bytes) -> str:
    hasher = Hasher()
    hasher.update(memoryview(data))
    return hasher.digest()


class Bytes:
    """A source in memory.

    Args:
        data: Its bytes.
        flips: Numbers of parts: each time a stream is opened, the next of them arrives damaged.
        breaks: How many streams break off after some bytes.
    """

    layout: Layout | None = None
    description: Description | None = None

    def __init__(
        self, data: bytes = DATA, part_size: int = 1024, flips: Sequence[int] = (), breaks: int = 0, ranged: bool = True
    ) -> None:
        self.data, self.ranged, self.identity = data, ranged, "it"
        self.size: int | None = len(data)
        self.parts = tuple(
            part._replace(digest=digest_of_bytes(data[part.start : part.stop])) for part in split(len(data), part_size)
        )
        self._flips, self._breaks = list(flips), breaks
        self.opened: list[int] = []

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        assert self.ranged or not start
        self.opened.append(start)
        data: bytes | bytearray = self.data
        if self._flips:
            data = bytearray(data)
            data[self.parts[self._flips.pop(0) - 1].start] ^= 1
        end = len(data) if stop is None else stop
        if self._breaks:
            self._breaks -= 1
            yield memoryview(data)[start : start + (end - start) // 2]
            raise Unavailable("It broke.", status=503)
        step = max(512, len(data) // 256)
        for begin in range(start, end, step):
            yield memoryview(data)[begin : min(begin + step, end)]

    def check(self) -> None: ...

    def close(self) -> None: ...


class Memory:
    """A target in memory: takes all parts of a run in one write, and checks each.

    Args:
        size: Bytes of the archive.
        run: How many parts make one write.
        seconds: How long a write takes.
    """

    ordered = False

    def __init__(self, size: int = len(DATA), run: int = 6, seconds: float = 0.0) -> None:
        self.data = bytearray(size)
        self.present: set[int] = set()
        self.grain = 1024
        self._run, self._seconds = run, seconds
        self._lock = threading.Lock()
        self.writing = self.most = 0
        self.writes = 0

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        for index in range(0, len(parts), self._run):
            hand_off(tuple(parts[index : index + self._run]))

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        with self._lock:
            self.writes += 1
            self.writing += 1
            self.most = max(self.most, self.writing)
        try:
            time.sleep(self._seconds)
            self._take(parts, b"".join(bytes(view) for view in views))
        finally:
            with self._lock:
                self.writing -= 1

    def _take(self, parts: tuple[Part, ...], data: bytes) -> None:
        start = parts[0].start
        for part in parts:
            piece = data[part.start - start : part.stop - start]
            if digest_of_bytes(piece) != part.digest:
                raise IntegrityError(f"Part {part.number} does not match its digest.")
            self.data[part.start : part.stop] = piece
            self.present.add(part.number)

    def publish(self) -> None: ...

    def give_up(self, error: ModelSyncError) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    found = Work(Home(tmp_path), Options(threads=8))
    monkeypatch.setattr(found, "_sleep", lambda seconds: None)
    monkeypatch.setattr(found.retry, "_sleep", lambda seconds: None)
    return found


def test_each_part_is_written_once(work: Work) -> None:
    source, target = Bytes(), Memory()
    copy(source, target, work, "sending")
    assert (bytes(target.data), target.present) == (DATA, {1, 2, 3, 4, 5, 6})
    look = work.counter.look()
    assert (look.step, look.done, look.total, look.reused) == ("sending", len(DATA), len(DATA), 0)


def test_what_is_present_is_not_read(work: Work) -> None:
    source, target = Bytes(), Memory(run=1)
    target.present = {1, 2, 5}
    copy(source, target, work, "sending")
    assert sorted(source.opened) == [2048, 3072, 5120]
    assert (work.counter.look().done, work.counter.look().reused) == (len(DATA), 3072)


def test_each_part_of_a_run_may_arrive_damaged_once(work: Work) -> None:
    source, target = Bytes(flips=[1, 2, 3, 4, 5, 6]), Memory()
    copy(source, target, work, "receiving")
    assert (bytes(target.data), len(source.opened)) == (DATA, 7)
    assert work.counter.look().done == len(DATA)


def test_a_part_that_stays_damaged_is_given_up(work: Work) -> None:
    source, target = Bytes(flips=[4, 4, 4, 4]), Memory()
    with pytest.raises(IntegrityError, match="Part 4"):
        copy(source, target, work, "receiving")
    assert target.present == {1, 2, 3}
    assert work.counter.look().done == 3 * 1024


def test_a_stream_that_breaks_is_resumed_where_it_broke(work: Work) -> None:
    source, target = Bytes(breaks=3), Memory()
    copy(source, target, work, "receiving")
    assert bytes(target.data) == DATA
    assert source.opened == [0, 3072, 4608, 5376]
    assert target.writes == 1


def test_what_has_no_ranges_is_not_read_from_the_middle(work: Work) -> None:
    source, target = Bytes(breaks=1, ranged=False), Memory()
    with pytest.raises(Unavailable):
        copy(source, target, work, "receiving")
    assert source.opened == [0]


@pytest.mark.parametrize(("size", "grain", "threads"), [(MIB, MIB, 8), (64 * MIB, MIB, 8), (64 * MIB, 4 * MIB, 4)])
def test_no_more_is_in_flight_than_an_interruption_may_cost(size: int, grain: int, threads: int, work: Work) -> None:
    source, target = Bytes(bytes(size), grain // 8), Memory(size, run=8, seconds=0.02)
    target.grain = grain
    copy(source, target, work, "sending")
    assert target.most <= threads
    assert bytes(target.data) == source.data


def test_a_failure_stops_the_other_threads(work: Work) -> None:
    source, target = Bytes(flips=[1] * 9), Memory(run=1, seconds=0.01)
    source.parts = tuple(part._replace(digest="blake3:" + "0" * 64) for part in source.parts[:1]) + source.parts[1:]
    with closing(source), pytest.raises(IntegrityError):
        copy(source, target, work, "receiving")
    assert work.stop.wanted
    work.again()
    assert not work.stop.wanted


class Ordered(Memory):
    """A target whose writes wait for those before them, as a file that is written from its front does.

    The first one is refused once, when others wait for it.
    """

    ordered = True

    def __init__(self, size: int) -> None:
        super().__init__(size, run=1)
        self._turn, self._next, self._waiting, self._refused = threading.Condition(), 1, 0, False

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        data = b"".join(bytes(view) for view in views)
        with self._turn:
            self._waiting += 1
            self._turn.notify_all()
            if parts[0].number == 1 and not self._refused:
                assert self._turn.wait_for(lambda: self._waiting >= 4, 20)
                self._refused = True
                raise Unavailable("Busy.", status=503, retry_after=0)
            assert self._turn.wait_for(lambda: self._next == parts[0].number, 20)
            self._take(parts, data)
            self._next += 1
            self._turn.notify_all()


def test_writes_that_wait_for_others_do_not_keep_them_out(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work.retry, "_sleep", work._wait)
    source, target = Bytes(DATA * 9), Ordered(len(DATA) * 9)
    copy(source, target, work, "exporting")
    assert bytes(target.data) == DATA * 9


class Whole(Memory):
    """A target that takes everything in one write, as a stage does of an archive that has no ranges."""

    def __init__(self, parts: tuple[Part, ...]) -> None:
        super().__init__()
        self._all = parts

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        hand_off(self._all)


def test_a_part_that_is_there_hides_none_before_it(work: Work) -> None:
    """Holes in a new stage can equal a part that an earlier attempt noted: zeros in the middle of an archive."""
    source = Bytes(ranged=False)
    target = Whole(source.parts)
    target.present = {3, 5}
    copy(source, target, work, "receiving")
    assert (bytes(target.data), target.present) == (DATA, {1, 2, 3, 4, 5, 6})
