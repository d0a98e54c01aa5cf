"""How a folder is cut, worked out afresh and one part after another: what the index must come to as well."""

from __future__ import annotations

from modelsync_jupyter.archive.cut import cut_file
from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.archive.layout import LARGE, cut
from modelsync_jupyter.core.parts import Part


def cut_folder(archive: FolderArchive) -> tuple[Part, ...]:
    """Return the parts of a folder, without digests."""
    pieces = {}
    for entry in archive.layout.entries:
        if entry.size >= LARGE:
            with archive.reader(entry) as file:
                pieces[entry.path] = list(cut_file(file))
    return cut(archive.layout, pieces)


class BytesReader:
    """Bytes as a file that can be read from any offset; counts what was read."""

    def __init__(self, data: bytes) -> None:
        self._data, self.size, self.fetched = data, len(data), 0

    def read(self, offset: int, size: int) -> bytes:
        data = self._data[offset : offset + size]
        self.fetched += len(data)
        return data
