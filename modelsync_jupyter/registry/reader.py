"""A stored archive as one seekable file over its parts."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from modelsync_jupyter.core.parts import Part

from .blobs import Blobs


class ArchiveReader(io.RawIOBase):
    """Reads across parts; holds at most one blob open.

    Args:
        blobs: Where the parts are.
        parts: The archive's parts in order.
    """

    def __init__(self, blobs: Blobs, parts: Sequence[Part]) -> None:
        self._blobs = blobs
        self._parts = parts
        self._starts = [part.start for part in parts]
        self._size = parts[-1].stop if parts else 0
        self._position = 0
        self._open: tuple[int, io.FileIO] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        index = bisect_right(self._starts, self._position) - 1
        part = self._parts[index]
        file = self._file(index)
        file.seek(self._position - part.start)
        count = file.readinto(memoryview(buffer)[: part.stop - self._position]) or 0
        self._position += count
        return count

    def close(self) -> None:
        if self._open:
            self._open[1].close()
            self._open = None
        super().close()

    def _file(self, index: int) -> io.FileIO:
        if self._open and self._open[0] == index:
            return self._open[1]
        if self._open:
            self._open[1].close()
        self._open = (index, self._blobs.open(self._parts[index].digest))
        return self._open[1]
