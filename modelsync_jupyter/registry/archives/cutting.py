"""Cut a whole archive into parts while it arrives, as our own client cuts it.

Parts of the same large files are then the same parts, whichever client pushed them and however it packed them, and are
stored once. What has to be read of a file to know where to cut it waits in memory, or on disk where it is long: the
header of most formats, a part of others, all of a zip, whose directory is at its end. What lies between large files
waits for the next one to begin, and is one part, or even ones: its headers are not as ours would be.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType

from modelsync_jupyter.archive.cut import cut_file
from modelsync_jupyter.archive.description import description_size
from modelsync_jupyter.archive.layout import LARGE
from modelsync_jupyter.archive.scan import scan_tar
from modelsync_jupyter.core.parts import Part, from_sizes, split

from ..blobs.protocol import BLOCK, Blob, ByteSource, read_exactly
from .contents import check_tar

Store = Callable[[ByteSource, int], Blob]
_IN_MEMORY, _PASSED = 32 * BLOCK, 16 * BLOCK


def receive_archive(store: Store, source: ByteSource, size: int, scratch: Path) -> tuple[Part, ...]:
    """Store a whole archive.

    Args:
        store: Stores the next bytes of a source as one blob.
        source: Where its bytes come from.
        size: How many there are.
        scratch: Folder for temporary files.

    Raises:
        BadRequest: The bytes end early, or are not a tar.
        IntegrityError: It is a tar that breaks off.
        UnsafeArchive: It has a member that no client would install.
    """
    stored: list[Blob] = []
    head = b"".join(read_exactly(source, min(tarfile.BLOCKSIZE, size)))
    check_tar(head)
    body = _Rest(head, source)
    base = min(description_size(head), size)
    if base:  # the archive's description of itself is a part of its own
        stored.append(store(body, base))
    with _Arriving(store, body, size - base, scratch) as stream:
        for entry in scan_tar(stream):
            if entry.size >= LARGE:
                stream.store(entry.size)
        stream.seek(stream.stop)
        stream.store(0)
        stored += stream.stored
    return from_sizes([blob.size for blob in stored], [blob.digest for blob in stored])


class _Rest:
    """A source of which some bytes were read already."""

    def __init__(self, head: bytes, source: ByteSource) -> None:
        self._head, self._source = head, source

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._source.read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data


class _Arriving:
    """The body of an archive as `scan_tar` reads it; what was read waits until `store` cuts it.

    Attributes:
        stop: Bytes of the body.
        stored: What was stored so far.
    """

    def __init__(self, store: Store, source: ByteSource, stop: int, scratch: Path) -> None:
        self._store, self._source, self._scratch = store, source, scratch
        self._waiting = self._spool()
        self._base = self._begin = self._position = self._target = 0  # bytes that wait begin at `_begin`
        self.stop = stop
        self.stored: list[Blob] = []

    def __enter__(self) -> _Arriving:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.close()

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        if size == 1 and self._position == self._target + 1:
            return b"\0"  # `tarfile` asks for the last byte before a header, which went into a part
        data = b"".join(read_exactly(self._source, min(size, self.stop - self._position)))
        self._waiting.seek(0, SEEK_END)
        self._waiting.write(data)
        self._position += len(data)
        return data

    def seek(self, target: int) -> None:
        self._target = target
        while self._position < target and self.read(min(BLOCK, target - self._position)):
            pass

    def read_at(self, start: int, size: int) -> bytes:
        """Read bytes that are not stored yet; those before them wait."""
        while self._position < start + size and self.read(min(BLOCK, start + size - self._position)):
            pass
        self._waiting.seek(start - self._base)
        return self._waiting.read(size)

    def store(self, size: int) -> None:
        """Store what waits, and then a large file of `size` bytes that begins here."""
        for part in split(self._position - self._begin):
            self._store_next(part.size)
        for piece in cut_file(_Coming(self, self._begin, size)) if size else ():
            self._store_next(piece)

    def take(self, size: int) -> bytes:
        """Return bytes for good: those that wait, and then those that come."""
        if self._begin < self._position:
            self._waiting.seek(self._begin - self._base)
            data = self._waiting.read(min(size, self._position - self._begin))
        else:
            data = self._source.read(size)
            self._position += len(data)
        self._begin += len(data)
        return data

    def _store_next(self, size: int) -> None:
        self.stored.append(self._store(_Taken(self), size))
        if self._begin == self._position or self._begin - self._base > _PASSED:  # leave behind what was stored
            rest = self.read_at(self._begin, self._position - self._begin)
            self._waiting.close()
            self._waiting, self._base = self._spool(), self._begin
            self._waiting.write(rest)

    def _spool(self) -> SpooledTemporaryFile[bytes]:
        return SpooledTemporaryFile(_IN_MEMORY, dir=str(self._scratch))


@dataclass(frozen=True)
class _Taken:
    """An archive that arrives, as a source of bytes that are stored."""

    stream: _Arriving

    def read(self, size: int) -> bytes:
        return self.stream.take(size)


@dataclass(frozen=True)
class _Coming:
    """A large file in an archive that arrives; a `Reader` of what is not stored yet."""

    stream: _Arriving
    start: int
    size: int

    def read(self, offset: int, size: int) -> bytes:
        return self.stream.read_at(self.start + offset, max(0, min(size, self.size - offset)))
