"""Folders and tars for the tests of the archive."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from modelsync_jupyter.archive.folder import BLOCK, FolderArchive
from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.archive.unpack import Frontier, unpack
from modelsync_jupyter.core.parts import Part, from_sizes, split

MTIME = 315_532_800  # as all our archives have it


def read(source: FolderArchive, start: int = 0, stop: int | None = None, block: int = BLOCK) -> bytes:
    """The bytes of `[start, stop)` of an archive of our own."""
    part = Part(1, start, source.layout.size if stop is None else stop)
    return b"".join(bytes(view) for view in source.blocks(part, bytearray(block)))


def pack(folder: Path) -> bytes:
    """Our archive of a folder."""
    return read(FolderArchive.scan(folder, MTIME))


def member(name: str, content: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A tar member; `fields` are set on its TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, content


def tar(*members: tuple[tarfile.TarInfo, bytes], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar as `tarfile` writes it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def unpack_bytes(
    data: bytes,
    folder: Path,
    *,
    parts: tuple[Part, ...] | None = None,
    part_size: int = 4096,
    hand_off: bool = True,
    known: tuple[Entry, ...] = (),
    block: int = 1000,
) -> tuple[Stage, list[Part], list[Entry]]:
    """Unpack a tar; what is handed off is fetched when all headers are read.

    Returns:
        The sealed stage, the parts that were handed off, and the entries that were found.
    """
    if known:
        folder.mkdir()  # a former run made it
    stage = Stage(folder)
    for entry in known:
        stage.add(entry)
    handed: list[Part] = []
    found: list[Entry] = []
    cut = parts if parts is not None else split(len(data), part_size) or from_sizes([1])

    def open_at(position: int) -> Iterator[memoryview]:
        stop = next(part.stop for part in cut if part.start <= position < part.stop)
        return views(data[:stop], position, block)

    take: Callable[[Part], None] | None = handed.append if hand_off else None
    unpack(Frontier(cut, open_at, stage.write, take), stage, known, found.append)
    for part in reversed(handed):
        stage.write(part.start, memoryview(data)[part.start : part.stop])
    stage.seal()
    return stage, handed, found


def views(data: bytes, start: int, block: int) -> Iterator[memoryview]:
    """Bytes from `start` on in pieces, as a network brings them."""
    for position in range(start, len(data), block):
        yield memoryview(data)[position : position + block]
