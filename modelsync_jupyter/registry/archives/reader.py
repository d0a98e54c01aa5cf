"""A stored archive as one file over its parts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import BinaryIO

from modelsync_jupyter.core.parts import Part

from ..blobs.protocol import Blobs, blob_of
from ..catalog.rows import place_of


class ArchiveReader:
    """Reads across parts; holds at most one blob open.

    Args:
        blobs: Where the parts are.
        parts: The archive's parts in order.

    Attributes:
        stop: Offset behind the last byte.
    """

    def __init__(self, blobs: Blobs, parts: Sequence[Part]) -> None:
        self._blobs = blobs
        self._parts = parts
        self._starts = [part.start for part in parts]
        self._base = self._position = 0
        self.stop = parts[-1].stop if parts else 0
        self._open: tuple[str, BinaryIO] | None = None

    def __enter__(self) -> ArchiveReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start_body(self, base: int) -> None:
        """Count offsets from the start of the archive's body from now on, which is at `base`."""
        self._base, self.stop = base, self.stop - base

    def tell(self) -> int:
        """Return the offset of the next byte."""
        return self._position

    def seek(self, target: int) -> None:
        """Go to an offset."""
        self._position = target

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer at the end of the archive only."""
        data = bytearray()
        while len(data) < size and (block := self._read(size - len(data))):
            data += block
            self._position += len(block)
        return bytes(data)

    def close(self) -> None:
        """Close the blob that is open."""
        if self._open:
            self._open[1].close()
            self._open = None

    def _read(self, size: int) -> bytes:
        """Read at the position from one part, up to its end."""
        place = self._position + self._base
        if self._position >= self.stop:
            return b""
        part = self._parts[bisect_right(self._starts, place) - 1]
        name, start = place_of(part)
        if self._open is None or self._open[0] != name:
            self.close()
            self._open = (name, self._blobs.open(*blob_of(name, part.size)))
        file = self._open[1]
        file.seek(start + place - part.start)
        return file.read(min(size, part.stop - place))
