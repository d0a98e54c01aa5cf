"""Scan: the one reader of tar headers, for a pull of a stock archive and for the registry.

`tarfile` understands the headers. It trusts what it reads, so what it may ask for at once is bounded here; and it takes
a damaged header for the end of the archive, so the end is checked here too: else all members behind would be lost
without a word.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import IO, Protocol, cast

from modelsync_jupyter.core.errors import IntegrityError, UnsafeArchive

from .layout import Entry, entry_from_tar

#: Bytes that `tarfile` may read at once: the header of one member, its extensions included.
MAX_HEADER = 1 << 20
#: Members of one archive; each takes about half a kilobyte of memory while the archive is in use.
MAX_MEMBERS = 500_000


class Stream(Protocol):
    """Where headers are read from; all offsets count from the start of the archive's body.

    Attributes:
        stop: Offset behind the archive, as far as is known.
    """

    stop: int

    def tell(self) -> int:
        """Return the offset of the next byte."""
        ...

    def read(self, size: int) -> bytes:
        """Read `size` bytes; fewer at the end of the archive only."""
        ...

    def seek(self, target: int) -> object:
        """Continue at `target`, which is never before the place that was reached."""
        ...


def is_tar(head: bytes) -> bool:
    """Return whether bytes begin as an uncompressed tar does. What does not could be anything."""
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def scan_tar(stream: Stream, limit: int = MAX_MEMBERS) -> Iterator[Entry]:
    """Read headers from where the stream stands to the end of the archive.

    Args:
        stream: The archive.
        limit: Members that it may have.

    Yields:
        Each member as soon as its header is read; its content is passed over when the next one is asked for.

    Raises:
        IntegrityError: It is not a plain tar, or ends before its end marker.
        UnsafeArchive: A member would leave the model's folder, or the archive has more than this reader takes.
    """
    headers = _Headers(stream)
    count = 0
    try:
        with tarfile.open(fileobj=cast(IO[bytes], headers), mode="r:") as tar:
            while member := tar.next():
                tar.members.clear()  # type: ignore[attr-defined]  # an entry is all that is needed, and far smaller
                entry = entry_from_tar(member)
                if entry is None:
                    continue
                if entry.stop > stream.stop:
                    raise IntegrityError(f"The archive breaks off: it ends before member `{entry.path}` does.")
                count += 1
                if count > limit:
                    raise UnsafeArchive(f"The archive has more than {limit:,} members.")
                yield entry
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise IntegrityError(f"The archive breaks off, or is not a plain tar: {error}.") from error
    _check_end(stream, headers.last)


def _check_end(stream: Stream, last: bytes) -> None:
    """Check that two empty blocks and nothing but padding follow: one alone may be a header that was lost."""
    position, empty = stream.tell(), bytes(tarfile.BLOCKSIZE)
    if last != empty or stream.read(tarfile.BLOCKSIZE) != empty:
        raise IntegrityError(f"The archive breaks off at byte {position}: its end marker is missing.")
    while block := stream.read(tarfile.RECORDSIZE):
        if any(block):
            raise IntegrityError(f"The archive is broken at byte {position}: more follows its end marker.")


class _Headers:
    """The stream as `tarfile` sees it: no read of a size that a hostile header made up."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.tell = stream.tell
        self.seek = stream.seek
        self.last = b""

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise UnsafeArchive(f"The header at byte {self.tell()} of the archive is longer than {MAX_HEADER:,} bytes.")
        self.last = self._stream.read(size)
        return self.last
