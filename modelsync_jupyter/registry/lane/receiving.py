"""A blob that arrives in pieces, each of which a thread takes when it is there."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from ..blobs.protocol import BLOCK, Blob, Blobs, Writing

_local = threading.local()


class Receiving:
    """A blob on its way into a store. Nothing is opened there before its first bytes have come.

    Args:
        blobs: The store.
        size: Bytes of the blob.
        digest: What their digest must be, or "".

    Attributes:
        left: Bytes that are still to come.
    """

    def __init__(self, blobs: Blobs, size: int, digest: str) -> None:
        self._blobs, self._size, self._digest, self.left = blobs, size, digest, size
        self._writing: Writing | None = None

    def write(self, pieces: Sequence[memoryview]) -> Blob | None:
        """Take the next bytes, at most `BLOCK`; returns the blob once it is whole.

        Many are joined first: to hash and to write each piece by itself lets go of the interpreter's lock each time,
        and threads that hand it to each other cost more than to copy does.

        Raises:
            BadRequest: They have another digest than they must.
            Full: They do not fit.
        """
        if self._writing is None:
            self._writing = self._blobs.begin(self._size, self._digest)
        block = pieces[0]
        if len(pieces) > 1:
            buffer, stop = _buffer(), 0
            for piece in pieces:
                buffer[stop : stop + len(piece)] = piece
                stop += len(piece)
            block = buffer[:stop]
        self._writing.write(block)
        self.left -= len(block)
        if self.left:
            return None
        blob = self._writing.commit()
        self.discard()
        return blob

    def discard(self) -> None:
        """Remove what was not committed."""
        if self._writing:
            self._writing.discard()


def _buffer() -> memoryview:
    """Return memory of this thread."""
    if not hasattr(_local, "buffer"):
        _local.buffer = memoryview(bytearray(BLOCK))
    found: memoryview = _local.buffer
    return found
