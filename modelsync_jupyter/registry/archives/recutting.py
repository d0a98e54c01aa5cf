"""Cut what a stock client sent in parts once more, as our own client cuts it, so that equal files are stored once.

A stock client cuts a tar every 100 MiB, wherever files begin: a changed label moves all that lies behind it, and none
of its parts is ever seen again. So before such an upload becomes an archive, its bytes are read and stored in other
parts; those that it was sent in are garbage then. That takes as long as to copy it, and the client waits a minute and
no longer: what is larger than `LARGEST`, or would take more than `SECONDS`, stays as it was sent, and so does
everything while there is no room for both.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from modelsync_jupyter.archive.description import Hasher
from modelsync_jupyter.core.errors import DiskFull, ModelSyncError
from modelsync_jupyter.core.parts import Part

from ..blobs.protocol import Blob, Blobs, ByteSource
from ..catalog.rows import place_of
from ..errors import ApiError
from ..service import Registry
from .cutting import receive_archive
from .patience import Patience

#: Bytes of an archive, and seconds, that may be copied while a client waits.
LARGEST, SECONDS = 8 << 30, 30.0
#: Parts on their way to the store at the same time, each in memory: a bucket or a disk answers slowly, each time.
_AT_ONCE = 4


def recut(registry: Registry, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Store an archive in other parts, and return these; those given where that is not possible or not worth it.

    Nobody needs the new ones until somebody writes so in the catalog: who does has to look for them afterwards.

    Args:
        registry: Where the parts are stored.
        parts: All parts of the archive.
    """
    if parts[-1].stop > LARGEST:
        return parts
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            copy = _Copy(registry.blobs, parts, pool)
            cut = receive_archive(copy.store, copy, parts[-1].stop, registry.settings.data)
            copy.wait()
            return cut
    except (ApiError, ModelSyncError, DiskFull, OSError):
        return parts  # the archive may be bad, which is told when its contents are read


class _Copy:
    """An archive that is read from its parts and stored in others, as long as that is likely to end in time.

    Args:
        blobs: Where all parts are.
        parts: Those to read.
        pool: Stores the others, `_AT_ONCE` at a time.
    """

    def __init__(self, blobs: Blobs, parts: Sequence[Part], pool: ThreadPoolExecutor) -> None:
        self._blobs, self._pool = blobs, pool
        self._running: deque[Future[Blob]] = deque()
        self._blocks, self._rest = _blocks(blobs, parts), b""
        self._patience = Patience(2 * parts[-1].stop, SECONDS)

    def read(self, size: int) -> bytes:
        """Return the next bytes of the archive.

        Raises:
            TimeoutError: It would take too long.
        """
        block = self._rest or next(self._blocks, b"")
        data, self._rest = block[:size], block[size:]
        self._patience.count(len(data))
        return data

    def store(self, source: ByteSource, size: int) -> Blob:
        """Begin to store the next bytes of a source; what goes wrong with them is raised later.

        Raises:
            TimeoutError: It would take too long.
        """
        data = bytearray()
        while len(data) < size and (block := source.read(size - len(data))):
            data += block
        if len(self._running) == _AT_ONCE:
            self._running.popleft().result()
        hasher = Hasher()
        hasher.update(memoryview(data))
        blob = Blob(hasher.digest(), size)
        self._running.append(self._pool.submit(self._blobs.receive, io.BytesIO(data), size, blob.digest))
        self._patience.count(size)
        return blob

    def wait(self) -> None:
        """Wait until all is stored, and raise what went wrong."""
        for each in self._running:
            each.result()


def _blocks(blobs: Blobs, parts: Sequence[Part]) -> Iterator[bytes]:
    for part in parts:
        name, start = place_of(part)
        yield from blobs.stream(name, start, start + part.size)
