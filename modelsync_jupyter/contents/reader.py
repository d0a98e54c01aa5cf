"""Readers: random access to the bytes of a file, wherever it lies, with a bound on what is read of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from modelsync_jupyter.archive.borders import Reader

#: What one read of a far file brings at least: a request costs more than its bytes.
_BLOCK = 64 * 1024
#: Blocks of one file that are kept in memory at most.
_KEPT = 256


class TooMuch(ValueError):
    """More of a file would have to be read than was allowed."""


class FileReader:
    """A local file.

    Args:
        path: The file, which is a regular one.

    Raises:
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def read(self, offset: int, size: int) -> bytes:
        with open(self._path, "rb") as file:
            return os.pread(file.fileno(), size, offset)


class SliceReader:
    """A file that lies in a larger stream, such as an archive.

    Args:
        fetch: Returns the bytes of `[start, stop)` of the stream.
        start: Where the file begins.
        size: Bytes in the file.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], start: int, size: int) -> None:
        self._fetch, self._start, self.size = fetch, start, size

    def read(self, offset: int, size: int) -> bytes:
        stop = min(offset + size, self.size)
        return self._fetch(self._start + offset, self._start + stop) if offset < stop else b""


class Blocks:
    """A reader that fetches whole blocks and keeps some of them, so that many small reads are few large ones.

    Args:
        reader: The file.
        budget: Bytes that may be fetched in all.

    Attributes:
        fetched: Bytes fetched so far.
    """

    def __init__(self, reader: Reader, budget: int) -> None:
        self._reader, self._budget = reader, budget
        self.size = reader.size
        self.fetched = 0
        self._blocks: dict[int, bytes] = {}

    def read(self, offset: int, size: int) -> bytes:
        """Return bytes as `Reader` promises.

        Raises:
            TooMuch: The budget is used up.
        """
        stop = min(offset + size, self.size)
        if offset < 0 or offset >= stop:
            return b""
        first, last = offset // _BLOCK, (stop - 1) // _BLOCK
        missing = [index for index in range(first, last + 1) if index not in self._blocks]
        if missing:
            self._fetch(missing[0], missing[-1])
        data = b"".join(self._blocks[index] for index in range(first, last + 1))
        if len(self._blocks) > _KEPT:
            self._blocks = {index: self._blocks[index] for index in range(first, last + 1)}
        return data[offset - first * _BLOCK : stop - first * _BLOCK]

    def _fetch(self, first: int, last: int) -> None:
        start, stop = first * _BLOCK, min((last + 1) * _BLOCK, self.size)
        self.fetched += stop - start
        if self.fetched > self._budget:
            raise TooMuch(f"More than {self._budget:,} bytes would have to be read.")
        data = self._reader.read(start, stop - start)
        for index in range(first, last + 1):
            self._blocks[index] = data[(index - first) * _BLOCK : (index - first + 1) * _BLOCK]
