"""Unpack a tar of unknown layout: read its headers in order, and leave whole parts to the pool.

::

    parts      |---- 1 ----|---- 2 ----|---- 3 ----|---- 4 ----|
    archive    | header | config | header | weights            | end
    walked     |xxxxxxxxxxxxxxxxxxxxxxxxxxx|                    xx|
    handed off                             |---- 3 ---|-- ...

`scan_tar` reads the headers; `Frontier` is the file it reads them from. What it skips is content: the frontier
streams it into the stage, or, where a whole part lies within one file, hands that part off and jumps behind it. So one
thread walks the headers of a stock archive while the pool fetches the weights.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterator, Sequence

from modelsync_jupyter.core.parts import Part

from .layout import Entry
from .scan import scan_tar
from .stage import Stage

#: Opens the stream at an offset: yields views in order, up to the end of the part there or of the archive.
Open = Callable[[int], Iterator[memoryview]]


class Frontier:
    """A file, readable forwards, over parts of a stream.

    Attributes:
        content_stop: Offset behind the content of the member that was read last.
        stop: Offset behind the archive, as far as is known.

    Args:
        parts: Parts that cover the archive; one alone with no known end where it cannot be read in ranges.
        open_at: Opens the stream at the start of a part.
        write: Takes all bytes that pass, with their offset.
        hand_off: Takes a part that lies within one file. None where parts cannot be fetched alone.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        open_at: Open,
        write: Callable[[int, memoryview], None],
        hand_off: Callable[[Part], None] | None,
    ) -> None:
        self._parts = parts
        self._starts = [part.start for part in parts]
        self.stop = parts[-1].stop
        self._open_at = open_at
        self._write = write
        self._hand_off = hand_off
        self._stream: Iterator[memoryview] = iter(())
        self._view = memoryview(b"")
        self._position = self._target = 0
        self.content_stop = 0

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def read(self, size: int) -> bytes:
        """Read header bytes; fewer than asked for at the end of the archive."""
        if size == 1 and self._position == self._target + 1:
            return b"\0"
        data = bytearray()
        while len(data) < size and (view := self._take(size - len(data))):
            data += view
        return bytes(data)

    def seek(self, target: int) -> None:
        """Go forwards; what lies between goes to the stage or is handed off.

        So may the byte at `target`: to notice a truncated file, `tarfile` seeks to the last byte before a header and
        reads that byte, which is never used.
        """
        self._target = target
        while self._position < target:
            part = self._whole_part(min(target + 1, self.content_stop))
            if part and self._hand_off:
                self._hand_off(part)
                self.jump(part.stop)
            elif not self._take(target - self._position):
                return

    def jump(self, target: int) -> None:
        """Continue at `target` without reading what lies between."""
        self.close()
        self._position = target

    def close(self) -> None:
        """Close the stream and what it holds open."""
        if isinstance(self._stream, Generator):
            self._stream.close()
        self._stream, self._view = iter(()), memoryview(b"")

    def resume(self, entry: Entry) -> None:
        """Continue behind an entry whose content may not have arrived."""
        self.jump(self._parts[self._index(entry.offset)].start)
        self.content_stop = entry.content_stop
        self.seek(entry.stop)

    def _index(self, position: int) -> int:
        return bisect_right(self._starts, position) - 1

    def _whole_part(self, limit: int) -> Part | None:
        part = self._parts[self._index(self._position)]
        return part if part.start == self._position and part.stop <= limit else None

    def _take(self, limit: int) -> memoryview:
        if not self._view:
            self._view = next(self._stream, memoryview(b""))
        if not self._view and self._position < self.stop:
            self._stream = self._open_at(self._position)
            self._view = next(self._stream, memoryview(b""))
        taken, self._view = self._view[:limit], self._view[limit:]
        self._write(self._position, taken)
        self._position += len(taken)
        return taken


def unpack(frontier: Frontier, stage: Stage, known: Sequence[Entry], found: Callable[[Entry], None]) -> None:
    """Read the headers to the end of the archive; add members to the stage as they are found.

    Args:
        frontier: Where to read.
        stage: Where members go.
        known: Members that an earlier run found; reading continues behind the last.
        found: Called with each new member, before its content arrives.

    Raises:
        IntegrityError: It is not a tar, or ends before its end marker.
        UnsafeArchive: A member would leave the folder.
    """
    if known:
        frontier.resume(known[-1])
    for entry in scan_tar(frontier):
        stage.add(entry)
        found(entry)
        frontier.content_stop = entry.content_stop
