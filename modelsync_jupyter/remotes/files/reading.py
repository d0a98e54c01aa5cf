"""Reading an export: whatever its format, a source like a registry's archive.

A plain tar is read in ranges, from a disk or through any driver that has them. A compressed one is a stream, read from
its start. The first bytes say which it is, not its name; but what is called an archive and is none is no model.
"""

from __future__ import annotations

import itertools
import re
import tarfile
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import IO

from modelsync_jupyter.archive.description import Description, description_size, read_description
from modelsync_jupyter.archive.layout import Layout, check_tree
from modelsync_jupyter.archive.scan import is_tar, scan_tar
from modelsync_jupyter.core.errors import IntegrityError, UsageError
from modelsync_jupyter.core.parts import MIB, Buffer, Part, even_size, split

from ..protocol import ENDLESS
from .codecs import Codec, find_codec
from .places import Place, changed
from .trees import FolderTree, RemoteTree, Tree
from .zips import ZipTree

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
#: What is read first: the description of most archives fits into it.
_HEAD = 64 * 1024
#: Where a stream is searched for a file at most, counted unpacked.
_PEEK = 64 * MIB
_ARCHIVE_NAME = re.compile(r"\.(tar(\.\w+)?|t(gz|bz2|xz|zst)|bentomodel|zip)$", re.IGNORECASE)
#: Pieces of 1 MiB that are expanded ahead of their use.
_AHEAD = 4


def open_archive(place: Place) -> TarSource | StreamSource | Tree:
    """Open a file or folder: a tar of any compression as a source, all else as a tree.

    Raises:
        UsageError: There is nothing there.
        IntegrityError: It is damaged.
        UnsafeArchive: It would write outside the model, or is a bomb.
    """
    kind = check_there(place)
    if kind == "folder":
        return FolderTree(place.local) if place.local else RemoteTree(place)
    size, _ = place.stamp()
    with closing(place.views(0, min(size, _HEAD) if size >= 0 else None, bytearray(_HEAD))) as views:
        head = b"".join(bytes(view) for view in itertools.islice(views, 1))
    if head.startswith(_ZIP):
        return ZipTree(place)
    if codec := find_codec(head):
        return StreamSource(place, codec)
    if is_tar(head):
        return TarSource(place) if place.ranged else StreamSource(place, None)
    if _ARCHIVE_NAME.search(place.name):
        step = "Get another copy of it, or rename it to import the file as it is."
        raise IntegrityError(
            f"`{place.shown}` is called an archive and is none that is known: it may be damaged.", step
        )
    return FolderTree(place.local) if place.local else RemoteTree(place)


def check_there(place: Place) -> str:
    """Return what there is, as `Place.kind` does.

    Raises:
        UsageError: There is nothing there.
    """
    kind = place.kind()
    if not kind:
        raise UsageError(f"There is nothing at `{place.shown}`.", "Check the path.")
    return kind


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
            self.parts = split(total, even_size(total))
        if not self.parts:
            raise IntegrityError(f"`{place.shown}` is empty.", "Get another copy of it.")
        self.identity = [place.shown, *self._stamp, self.claimed]

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read the bytes of `[start, stop)`, as `Source` promises."""
        end = self.size if stop is None else stop
        assert end is not None
        if self._place.local:
            self.check()  # a look costs nothing here, so a mixture of two files is found before it is read
        return self._place.views(start + self._base, end + self._base, buffer)

    def check(self) -> None:
        """Make sure that the file is as it was."""
        if self._place.stamp() != self._stamp:
            raise changed(self._place.shown)

    def close(self) -> None:
        """Nothing to release: every stream is closed by its reader."""

    def _bytes(self, start: int, stop: int) -> bytes:
        with closing(self._place.views(start, stop, bytearray(MIB))) as views:
            return b"".join(bytes(view) for view in views)

    def _scanned(self) -> Layout:
        """Read all headers: on a disk that costs nothing, and tells everything before anything is written."""
        with self._place.file() as file:
            entries = tuple(scan_tar(_File(file, self._stamp[0])))
        check_tree(entries)
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

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read from the start to `stop`, or to the end of the stream: nothing may follow what the description tells."""
        position, begin = 0, start + self._base
        end = None if stop is None else stop + self._base
        whole = end is not None and stop == self.size
        stream = self._stream()
        with closing(_ahead(stream) if self._codec and self._place.local else stream) as chunks:
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
            raise changed(self._place.shown)

    def close(self) -> None:
        """Nothing to release: every stream is closed by its reader."""

    def peek(self, path: str, limit: int) -> bytes | None:
        """Return a small file that stands near the start, or None: what is farther on is not worth reading twice."""
        with closing(_Forwards(self._stream(), self._base, _PEEK)) as stream, suppress(_TooFar, IntegrityError):
            for entry in self.layout.entries if self.layout else scan_tar(stream):
                if entry.path == path and entry.kind == "file" and entry.size <= limit:
                    stream.seek(entry.offset)
                    return stream.read(entry.size)
        return None

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


def _ahead(chunks: Generator[bytes | memoryview, None, None]) -> Generator[bytes | memoryview, None, None]:
    """Expand a stream in a thread of its own, a little ahead of the one that takes it, so that two processors are busy.

    Only for files on this computer: a thread that hangs in the network would keep the process from ending.
    """
    with closing(chunks), ThreadPoolExecutor(1, "modelsync-expand") as expander:
        waiting = deque(expander.submit(next, chunks, b"") for _ in range(_AHEAD))
        try:
            while chunk := waiting.popleft().result():
                waiting.append(expander.submit(next, chunks, b""))
                yield chunk
        finally:
            for future in waiting:
                future.cancel()


class _TooFar(Exception):
    """The reader went farther than it may."""


class _Forwards:
    """The start of a stream as `scan_tar` wants it; offsets count from the start of the archive's body."""

    def __init__(self, chunks: Generator[bytes | memoryview, None, None], base: int, limit: int) -> None:
        self.stop = ENDLESS
        self._chunks, self._base, self._limit = chunks, base, limit
        self._data, self._start, self._position = b"", 0, base

    def tell(self) -> int:
        return self._position - self._base

    def seek(self, target: int) -> None:
        self._position = target + self._base

    def read(self, size: int) -> bytes:
        if self._position + size > self._limit:
            raise _TooFar
        while self._start + len(self._data) < self._position + size and (chunk := next(self._chunks, b"")):
            kept = self._data[max(0, self._position - self._start) :]
            self._start += len(self._data) - len(kept)
            self._data = kept + bytes(chunk)
        begin = self._position - self._start
        found = self._data[begin : begin + size]
        self._position += len(found)
        return found

    def close(self) -> None:
        self._chunks.close()


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
