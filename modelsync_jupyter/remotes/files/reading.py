"""Reading an export: whatever its format, a source like a registry's archive.

A plain tar is read in ranges, from a disk or through any driver that has them. A compressed one is a stream, read from
its start. The first bytes say which it is, not its name.
"""

from __future__ import annotations

import itertools
import tarfile
from collections.abc import Callable, Generator
from contextlib import closing
from typing import IO

from modelsync_jupyter.archive.cut import cut, part_size
from modelsync_jupyter.archive.description import Description, description_size, read_description
from modelsync_jupyter.archive.layout import Layout
from modelsync_jupyter.archive.scan import scan_tar
from modelsync_jupyter.core.errors import IntegrityError, ModelChanged, UsageError
from modelsync_jupyter.core.parts import MIB, Part, split
from modelsync_jupyter.remotes.protocol import ENDLESS, Source

from .codecs import Codec, find_codec
from .places import Place
from .trees import FolderTree, RemoteTree, Tree, ZipTree

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: What is read first: the description of most archives fits into it.
_HEAD = 64 * 1024


def open_archive(place: Place) -> Source | Tree:
    """Open a file or folder: a tar of any compression as a source, all else as a tree.

    Raises:
        UsageError: There is nothing there.
        IntegrityError: It is damaged.
        UnsafeArchive: It would write outside the model, or is a bomb.
    """
    kind = place.kind()
    if not kind:
        raise UsageError(f"There is nothing at `{place.shown}`.", "Check the path.")
    if kind == "folder":
        return FolderTree(place.local) if place.local else RemoteTree(place)
    size, _ = place.stamp()
    with closing(place.views(0, min(size, _HEAD) if size >= 0 else None, bytearray(_HEAD))) as views:
        head = b"".join(bytes(view) for view in itertools.islice(views, 1))
    if head.startswith(_ZIP):
        return ZipTree(place)
    if codec := find_codec(head):
        return StreamSource(place, codec)
    if _is_tar(head):
        return TarSource(place) if place.ranged else StreamSource(place, None)
    return FolderTree(place.local) if place.local else RemoteTree(place)


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class TarSource:
    """A plain tar in a place that can be read in ranges; a `Source`.

    Args:
        place: The file.

    Attributes:
        claimed: The content digest that it says it has, or "".

    Raises:
        IntegrityError: It is damaged.
        UnsafeArchive: A member would leave the model's folder.
    """

    ranged = True

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stamp = place.stamp()
        total = self._stamp[0]
        self.description, self._base = _described(lambda size: self._bytes(0, min(size, total)))
        self.size: int | None = total - self._base
        self.claimed = self.description.digest if self.description else ""
        if self.description:
            if self.size != self.description.layout.size:
                message = f"`{place.shown}` is not as long as its description says."
                raise IntegrityError(message, "Get another copy of it.")
            self.layout: Layout | None = self.description.layout
            self.parts: tuple[Part, ...] = self.description.parts
        else:
            self.layout = self._scanned() if place.local else None
            self.parts = cut(self.layout) if self.layout else split(total, part_size(total)) if total else ()
        if not self.parts:
            raise IntegrityError(f"`{place.shown}` is empty.", "Get another copy of it.")
        self.identity = [place.shown, *self._stamp, self.claimed]

    def views(self, start: int, stop: int | None, buffer: bytearray) -> Generator[memoryview, None, None]:
        """Read the bytes of `[start, stop)`, as `Source` promises."""
        end = self.size if stop is None else stop
        assert end is not None
        return self._place.views(start + self._base, end + self._base, buffer)

    def check(self) -> None:
        """Make sure that the file is as it was."""
        if self._place.stamp() != self._stamp:
            raise ModelChanged(f"`{self._place.shown}` was changed while it was being read.", "Run it again.")

    def close(self) -> None:
        """Nothing to let go of: every stream is closed by its reader."""

    def _bytes(self, start: int, stop: int) -> bytes:
        with closing(self._place.views(start, stop, bytearray(MIB))) as views:
            return b"".join(bytes(view) for view in views)

    def _scanned(self) -> Layout:
        """Read all headers: on a disk that costs nothing, and tells everything before anything is written."""
        with self._place.file() as file:
            entries = tuple(scan_tar(_File(file, self._stamp[0])))
        return Layout(entries, self._stamp[0])


class _File:
    """A file as `scan_tar` wants it."""

    def __init__(self, file: IO[bytes], stop: int) -> None:
        self.stop = stop
        self.tell, self.read, self.seek = file.tell, file.read, file.seek


class StreamSource:
    """A tar that can only be read from its start, because it is compressed or its place has no ranges; a `Source`.

    Args:
        place: The file.
        codec: How it is compressed, or None.

    Attributes:
        claimed: The content digest that it says it has, or "".

    Raises:
        IntegrityError: It is damaged.
    """

    ranged = False

    def __init__(self, place: Place, codec: Codec | None) -> None:
        self._place, self._codec = place, codec
        self._stamp = place.stamp()
        self.description, self._base = _described(self._head)
        self.claimed = self.description.digest if self.description else ""
        self.layout: Layout | None = self.description.layout if self.description else None
        self.size: int | None = self.layout.size if self.layout else None
        self.parts = self.description.parts if self.description else (Part(1, 0, ENDLESS),)
        self.identity = [place.shown, *self._stamp, self.claimed]

    def views(self, start: int, stop: int | None, buffer: bytearray) -> Generator[memoryview, None, None]:
        """Read from the start to `stop`, or to the end of the stream: nothing may follow what the description tells."""
        position, begin = 0, start + self._base
        end = None if stop is None else stop + self._base
        whole = end is not None and stop == self.size
        with closing(self._stream()) as chunks:
            for chunk in chunks:
                view = memoryview(chunk)[max(0, begin - position) :]
                view = view if end is None else view[: max(0, end - max(position, begin))]
                position += len(chunk)
                if view:
                    yield view
                if end is not None and position > end and whole:
                    raise IntegrityError(f"`{self._place.shown}` is longer than its description says.")
                if end is not None and position >= end and not whole:
                    return
        if end is not None and position < end:
            raise IntegrityError(f"`{self._place.shown}` ends early, at byte {position}.", "Get another copy of it.")

    def check(self) -> None:
        """Make sure that the file is as it was."""
        if self._place.stamp() != self._stamp:
            raise ModelChanged(f"`{self._place.shown}` was changed while it was being read.", "Run it again.")

    def close(self) -> None:
        """Nothing to let go of: every stream is closed by its reader."""

    def _stream(self) -> Generator[bytes | memoryview, None, None]:
        with closing(self._place.views(0, self._stamp[0] if self._place.ranged else None, bytearray(MIB))) as raw:
            yield from self._codec.decompress(raw, self._place.shown) if self._codec else raw

    def _head(self, size: int) -> bytes:
        head = bytearray()
        with closing(self._stream()) as chunks:
            for chunk in chunks:
                head += chunk
                if len(head) >= size:
                    break
        return bytes(head[:size])


def _described(read: Callable[[int], bytes]) -> tuple[Description | None, int]:
    """Return an archive's description of itself, if it has one, and the bytes that it takes.

    Args:
        read: Returns so many bytes from the archive's start, or fewer where it has not as many.
    """
    head = read(_HEAD)
    if len(head) < tarfile.BLOCKSIZE:
        raise IntegrityError("The archive is empty, or ends early.", "Get another copy of it.")
    size = description_size(head)
    if size > len(head):
        head = read(size)
    found = read_description(head) if 0 < size <= len(head) else None
    return found, size if found else 0
