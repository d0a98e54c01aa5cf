"""The writer: the same bytes in the file, whichever way they went."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modelsync_jupyter.archive import writer as module
from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.writer import Writer
from modelsync_jupyter.core.parts import MIB

ENTRY = Entry("weights", "file", 0, 0, 3 * MIB)
DIRECT = getattr(os, "O_DIRECT", 0)


class Opener:
    """Opens one file, and remembers with which flags.

    Args:
        path: The file.
        refuses: Flags it answers with an error.
        error: Which; EINVAL says that a file system cannot go past the cache.
    """

    def __init__(self, path: Path, refuses: int = 0, error: int = errno.EINVAL) -> None:
        self.path, self.refuses, self.error = path, refuses, error
        self.flags: list[int] = []
        path.write_bytes(bytes(ENTRY.size))

    @contextmanager
    def __call__(self, entry: Entry, flags: int) -> Iterator[int]:
        assert entry == ENTRY
        self.flags.append(flags)
        if flags & self.refuses:
            raise OSError(self.error, os.strerror(self.error))
        file = os.open(self.path, flags)
        try:
            yield file
        finally:
            os.close(file)

    @property
    def direct(self) -> int:
        """How often the file was opened to go past the cache."""
        return sum(bool(flags & DIRECT) for flags in self.flags)


@pytest.fixture
def dear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write through the cache is dear."""
    monkeypatch.setattr(module, "_SLOW", 0.0)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """No write through the cache is dear."""
    monkeypatch.setattr(module, "_SLOW", 1.0)


def write_in_pieces(writer: Writer, data: bytes, seed: int) -> int:
    """Write `data` in pieces of odd sizes, at offsets no device would choose; returns what is said to be cached."""
    rng, position, cached = random.Random(seed), 0, 0
    while position < len(data):
        piece = data[position : position + rng.choice([1, 511, 4095, 4096, 300_001, MIB, 2 * MIB])]
        cached += writer.write(ENTRY, memoryview(piece), position)
        position += len(piece)
    return cached


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.usefixtures("dear")
def test_the_bytes_are_the_same_past_the_cache(tmp_path: Path, seed: int) -> None:
    opener, data = Opener(tmp_path / "file"), random.Random(seed).randbytes(ENTRY.size)
    cached = write_in_pieces(Writer(opener), data, seed)
    assert opener.path.read_bytes() == data
    assert cached <= len(data)


@pytest.mark.usefixtures("dear")
@pytest.mark.skipif(not DIRECT, reason="this system has no O_DIRECT")
def test_after_a_dear_write_the_next_ones_go_past_the_cache_and_the_price_is_asked_again(tmp_path: Path) -> None:
    opener = Opener(tmp_path / "file")
    writer, view = Writer(opener), memoryview(bytes(MIB))
    cached = [writer.write(ENTRY, view, 0) for _ in range(1 + module._PAST)]
    assert opener.direct in (module._PAST - 1, 1)  # 1: the tests' own file system refuses it
    assert cached[0] == cached[-1] == MIB


@pytest.mark.usefixtures("cheap")
def test_while_the_cache_is_cheap_all_goes_through_it(tmp_path: Path) -> None:
    opener, data = Opener(tmp_path / "file"), random.Random(1).randbytes(ENTRY.size)
    assert write_in_pieces(Writer(opener), data, 1) == len(data)
    assert opener.path.read_bytes() == data
    assert opener.direct == 0


@pytest.mark.usefixtures("dear")
@pytest.mark.skipif(not DIRECT, reason="this system has no O_DIRECT")
def test_a_file_system_that_refuses_is_asked_once(tmp_path: Path) -> None:
    opener, data = Opener(tmp_path / "file", refuses=DIRECT), random.Random(1).randbytes(ENTRY.size)
    writer = Writer(opener)
    for start in range(0, len(data), MIB):
        assert writer.write(ENTRY, memoryview(data)[start : start + MIB], start) == MIB
    assert opener.path.read_bytes() == data
    assert opener.direct == 1


@pytest.mark.usefixtures("dear")
@pytest.mark.skipif(not DIRECT, reason="this system has no O_DIRECT")
def test_a_full_disk_is_no_reason_to_go_another_way(tmp_path: Path) -> None:
    writer, view = Writer(Opener(tmp_path / "file", refuses=DIRECT, error=errno.ENOSPC)), memoryview(bytes(MIB))
    writer.write(ENTRY, view, 0)
    with pytest.raises(OSError, match="space"):
        writer.write(ENTRY, view, 0)
