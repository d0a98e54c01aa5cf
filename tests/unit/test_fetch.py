"""Parts that share a request are judged one by one."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
from modelsync_jupyter.transfer.fetch import Fetcher

from modelsync_jupyter.archive.digest import Hasher
from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.parts import Part, split
from modelsync_jupyter.core.progress import Counter
from modelsync_jupyter.transfer.journal import Journal

DATA = bytes(range(256)) * 24


class FlippingArchive:
    """Serves `DATA`; at each opening it flips a bit of the part whose number comes next in `flips`."""

    def __init__(self, parts: tuple[Part, ...], flips: list[int]) -> None:
        self._parts, self._flips = parts, flips
        self.opened = 0

    def views(self, start: int, stop: int) -> Generator[memoryview, None, None]:
        self.opened += 1
        data = bytearray(DATA)
        if self._flips:
            data[self._parts[self._flips.pop(0) - 1].start] ^= 1
        yield memoryview(data)[start:stop]


def fetch(tmp_path: Path, flips: list[int]) -> tuple[FlippingArchive, Fetcher, Path]:
    parts = tuple(replace(part, digest=_digest(part)) for part in split(len(DATA), 1024))
    archive = FlippingArchive(parts, flips)
    stage = Stage(tmp_path / "stage")
    stage.add(Entry("weights", "file", 0, 0, len(DATA)))
    fetcher = Fetcher(archive, stage, Journal(tmp_path / "journal", {}), Counter())  # type: ignore[arg-type]
    try:
        fetcher.fetch(parts, bytearray())
    finally:
        assert archive.opened <= len(parts) + 1
    return archive, fetcher, stage.folder / "weights"


def _digest(part: Part) -> str:
    hasher = Hasher()
    hasher.update(memoryview(DATA)[part.start : part.stop])
    return hasher.digest()


def test_every_part_may_be_spoilt_once(tmp_path: Path) -> None:
    archive, fetcher, file = fetch(tmp_path, [1, 2, 3, 4, 5, 6])
    assert (file.read_bytes(), archive.opened, fetcher.spoilt) == (DATA, 7, False)


def test_a_part_that_stays_spoilt_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="Part 4"):
        fetch(tmp_path, [4, 4, 4])
