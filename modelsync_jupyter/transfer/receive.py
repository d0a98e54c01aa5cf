"""Receiving parts: hash, stage, verify, note, in this order."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from modelsync_jupyter.archive.digest import Hasher
from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.progress import Counter

from .journal import Journal

#: The one part of an archive that can only be read as a whole and whose size nobody says.
ENDLESS = Part(1, 0, sys.maxsize)


class Receiver:
    """Takes the bytes of consecutive parts in order.

    Args:
        stage: Where content goes.
        journal: Where a part is noted when its bytes are staged and good.
        counter: Where bytes are counted.
        parts: The parts that come, one behind another.

    Attributes:
        part: The part whose bytes come now.
    """

    def __init__(self, stage: Stage, journal: Journal, counter: Counter, parts: Iterable[Part]) -> None:
        self._stage, self._journal, self._counter = stage, journal, counter
        self._parts = iter(parts)
        self.part = next(self._parts)
        self._hasher = Hasher()

    def write(self, offset: int, view: memoryview) -> None:
        """Take the next bytes.

        Raises:
            IntegrityError: A part is complete and its digest is wrong; its bytes are not counted any more.
        """
        while view:
            piece, view = view[: self.part.stop - offset], view[self.part.stop - offset :]
            self._hasher.update(piece)
            self._stage.write(offset, piece)
            self._counter.add(len(piece))
            offset += len(piece)
            if offset == self.part.stop:
                self._finish(self.part)

    def _finish(self, part: Part) -> None:
        digest = self._hasher.digest()
        if part.digest and digest != part.digest:
            self._counter.add(-part.size)
            raise IntegrityError(f"Part {part.number} of the archive does not match its digest.")
        whole = self._stage.within_one(part.start, part.stop)
        self._journal.add(part=part.number, content=digest if whole else self._stage.digest(part.start, part.stop))
        self.part = next(self._parts, ENDLESS)
        self._hasher = Hasher()


def entries_of(journal: Journal) -> list[Entry]:
    """Members that a former attempt found."""
    return [Entry(*note["entry"]) for note in journal.notes if "entry" in note]


def parts_of(journal: Journal, stage: Stage, parts: Iterable[Part]) -> set[int]:
    """Numbers of the parts that a former attempt staged, and that are still as it left them."""
    content = {note["part"]: note["content"] for note in journal.notes if "part" in note}
    return {part.number for part in parts if part.number in content and _intact(stage, part, content[part.number])}


def _intact(stage: Stage, part: Part, content: str) -> bool:
    try:
        return stage.digest(part.start, part.stop) == content
    except OSError:
        return False
