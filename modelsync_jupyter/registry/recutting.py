"""Cut what a stock client sent in parts once more, as our own client cuts it, so that equal files are stored once.

A stock client cuts a tar every 100 MiB, wherever files begin: a changed label moves all that lies behind it, and none
of its parts is ever seen again. So before such an upload becomes an archive, its bytes are read and stored in other
parts; those that it was sent in are garbage then. That takes as long as to copy it, and the client waits: what is
larger than `LARGEST` stays as it was sent, and so does everything while there is no room for both.
"""

from __future__ import annotations

from modelsync_jupyter.core.errors import DiskFull, ModelSyncError
from modelsync_jupyter.core.parts import Part

from .cutting import receive_archive
from .errors import ApiError
from .reader import ArchiveReader
from .service import Registry

#: Bytes of an archive that are copied while a client waits, which gives up after a minute.
LARGEST = 8 << 30


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
        with ArchiveReader(registry.blobs, parts) as file:
            return receive_archive(registry.blobs.receive, file, parts[-1].stop, registry.settings.data)
    except (ApiError, ModelSyncError, DiskFull, OSError):
        return parts  # the archive may be bad, which is told when its contents are read
