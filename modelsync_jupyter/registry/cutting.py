"""Cut a whole archive into parts while it arrives, as our own client cuts it.

Parts of the same files are then the same parts, whichever client pushed them and however it packed them, and are stored
once. A large file goes straight from the request to its parts. Where the region between two large files is to be cut
depends on its length, so it waits in memory, or on disk where it is long, until the next large file begins.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType

from modelsync_jupyter.archive.description import description_size
from modelsync_jupyter.archive.layout import LARGE, slices
from modelsync_jupyter.archive.scan import scan_tar
from modelsync_jupyter.core.parts import Part, from_sizes

from .blobs.protocol import BLOCK, Blob, ByteSource
from .contents import check_tar
from .errors import BadRequest

Store = Callable[[ByteSource, int], Blob]
_IN_MEMORY = 4 * BLOCK


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
    head = _read(source, min(tarfile.BLOCKSIZE, size))
    check_tar(head)
    body = _Rest(head, source)
    base = min(description_size(head), size)
    if base:  # the archive's description of itself is a part of its own
        stored.append(store(body, base))
    with _Arriving(store, body, size - base, scratch) as stream:
        for entry in scan_tar(stream):
            if entry.size >= LARGE:
                stream.store(entry.content_stop)
        stream.store(stream.stop)
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
        self._store, self._source = store, source
        self._waiting = SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch))  # noqa: SIM115  # closed by `__exit__`
        self._begin = self._position = self._target = 0
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
        data = _read(self._source, min(size, self.stop - self._position))
        self._waiting.write(data)
        self._position += len(data)
        return data

    def seek(self, target: int) -> None:
        self._target = target
        while self._position < target and self.read(min(BLOCK, target - self._position)):
            pass

    def store(self, stop: int) -> None:
        """Cut what waits into parts, and what comes until `stop`: a large file, or the end of the archive."""
        self._waiting.seek(0)
        for start, end in slices(self._begin, self._position):
            self.stored.append(self._store(self._waiting, end - start))
        self._waiting.seek(0)
        self._waiting.truncate()
        for start, end in slices(self._position, stop):
            self.stored.append(self._store(self._source, end - start))
        self._begin = self._position = stop


def _read(source: ByteSource, size: int) -> bytes:
    """Read all of `size` bytes.

    Raises:
        BadRequest: They end early.
    """
    data = bytearray()
    while len(data) < size:
        try:
            block = source.read(min(BLOCK, size - len(data)))
        except OSError as error:
            raise BadRequest("the connection broke in the middle of the body") from error
        if not block:
            raise BadRequest(f"the body ended {size - len(data)} bytes early")
        data += block
    return bytes(data)
