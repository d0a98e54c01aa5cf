"""FolderArchive: an archive that is read straight out of a model's folder. No archive file ever exists."""

from __future__ import annotations

import errno
import os
import stat
import struct
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from modelsync_jupyter.core.errors import InvalidModel, ModelChanged, ModelSyncError, UnsafeArchive
from modelsync_jupyter.core.parts import Buffer, Part

from .borders import Reader
from .description import Description, Hasher
from .layout import MTIME, Entry, Layout, check_link
from .unread import Unread, sliced

#: Bytes read at a time. A transfer's buffers take `threads x BLOCK` of memory, whatever the size of model and part.
BLOCK = 1 << 20
#: Bytes of content from which on it is cheaper not to read it than to send it together with what lies around it.
_WORTH = 64 * 1024
#: Bytes that the kernel is asked to send at once, at most, while that takes it less than so many seconds: in between, a
#: stop is noticed and progress is told. The first bytes say little: the buffer of a socket takes them at once.
_LONGEST, _SECONDS, _UNPROVEN = 8 * BLOCK, 0.1, BLOCK // 4
#: What there is to know of a member without reading it: a file's stamp, b"" for a folder, where a link points to.
Fact = bytes | str
#: A stamp: 36 bytes take a sixth of the memory of five numbers, of which 100,000 files have half a million.
_STAMP = struct.Struct("<QqqQI")


class FolderArchive:
    """A folder seen as an archive.

    Args:
        folder: The model's folder.
        members: What is in it, sorted by path; where each lies in the archive, `layout` alone knows.
        mtime: Time of all members, in whole seconds since the epoch.
        stamps: For each file its size, mtime, ctime, inode and mode when it was scanned; b"" for other entries.

    Attributes:
        kept: Bytes that were read and are soon read again, by their offset; each is let go when it is.
    """

    def __init__(self, folder: Path, members: tuple[Entry, ...], mtime: int, stamps: tuple[bytes, ...]) -> None:
        self.folder, self.members, self.mtime, self.stamps = folder, members, mtime, stamps
        self.kept: dict[int, bytes] = {}

    @classmethod
    def scan(cls, folder: Path, mtime: int = MTIME) -> FolderArchive:
        """Scan a folder; reads no file's content.

        Raises:
            InvalidModel: It cannot be read, or in it is a device, a link that leaves it, or a name that is not Unicode.
        """
        members: list[Entry] = []
        stamps: list[bytes] = []
        for path, fact in sorted(_look(folder).items()):
            if isinstance(fact, str):
                entry = Entry(path, "link", 0, 0, target=fact)
            elif fact:
                size, _, _, _, mode = _STAMP.unpack(fact)
                entry = Entry(path, "file", 0, 0, size, bool(mode & 0o100))
            else:
                entry = Entry(path, "dir", 0, 0)
            members.append(entry)
            stamps.append(b"" if isinstance(fact, str) else fact)
        return cls(folder, tuple(members), mtime, tuple(stamps))

    @cached_property
    def layout(self) -> Layout:
        """What is in it, laid out: only for whom that is of use, since it takes half as long as to scan the folder."""
        return Layout.arrange(self.members, self.mtime)

    @cached_property
    def _proven(self) -> bytearray:
        """1 for each file of which all was read, as it was when scanned: what becomes of it since does not matter."""
        return bytearray(len(self.members))

    @property
    def last_change(self) -> int:
        """When a file was changed last, by its ctime in nanoseconds; 0 without files."""
        return max((_STAMP.unpack(stamp)[2] for stamp in self.stamps if stamp), default=0)

    @property
    def content_size(self) -> int:
        """Bytes in all files."""
        return sum(entry.size for entry in self.members)

    def blocks(self, part: Part, buffer: Buffer) -> Iterator[memoryview]:
        """Yield the bytes of a part, in views of `buffer` that are valid until the next one is asked for.

        They are those of the scan: a file that changed since, and be it while it was read, is an error.

        Raises:
            ModelChanged: A file is not as it was when scanned.
        """
        start = part.start
        while start < part.stop:
            if kept := self._let_go(start, part.stop):
                yield from sliced(kept, BLOCK)
                start += len(kept)
                continue
            view = self.layout.room(start, buffer)[: part.stop - start]
            self._fill(view, start)
            yield view
            start += len(view)

    def unread(self, part: Part, buffer: Buffer) -> Iterator[memoryview | Unread]:
        """Yield the bytes of a part like `blocks`, but for those of large files, which are left where they are.

        Raises:
            ModelChanged: A file is not as it was when scanned.
        """
        entries, position, length = self.layout.entries, part.start, _WORTH
        while position < part.stop:
            if kept := self._let_go(position, part.stop):
                yield from sliced(kept, BLOCK)
                position += len(kept)
                continue
            index, stop = self.layout.find(position), min(part.stop, position + len(buffer))
            entry = entries[index]
            left = min(entry.content_stop, part.stop) - position
            if position >= entry.offset and left >= _WORTH:
                piece: memoryview | Unread = Unread(self, index, position - entry.offset, min(left, length), buffer)
            else:
                following = (each for each in islice(entries, index + (position >= entry.offset), None))
                large = next((each.offset for each in following if each.size >= _WORTH or each.start >= stop), stop)
                piece = memoryview(buffer)[: min(large, stop) - position]
                self._fill(piece, position)
            begun = time.monotonic()
            yield piece
            position += len(piece)
            if time.monotonic() - begun >= _SECONDS:
                length = max(length // 2, _WORTH)
            elif position - part.start > _UNPROVEN:
                length = min(2 * length, _LONGEST)

    @contextmanager
    def reader(self, entry: Entry) -> Iterator[Reader]:
        """Open a file of the folder to read here and there in it.

        Raises:
            ModelChanged: It is not as it was when scanned.
            InvalidModel: It cannot be read.
        """
        with self.open(self.layout.find(entry.offset)) as file:
            try:
                yield _File(file.fileno(), entry.size)
                if stamp_of(os.fstat(file.fileno())) != self.stamps[self.layout.find(entry.offset)]:
                    raise self.changed(self.layout.find(entry.offset))
            except OSError as error:
                raise InvalidModel(f"`{self.folder / entry.path}` cannot be read: {error.strerror}.") from error

    def open(self, index: int) -> FileIO:
        """Open the file that is a certain entry; a pipe in its place is not waited for.

        Raises:
            ModelChanged: It is not as it was when scanned.
            InvalidModel: It cannot be read.
        """
        path = f"{self.folder}/{self.layout.entries[index].path}"
        try:
            file = FileIO(path, opener=_open)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise self.changed(index) from error
        except OSError as error:
            raise InvalidModel(f"`{path}` cannot be read: {error.strerror}.") from error
        if stamp_of(os.fstat(file.fileno())) != self.stamps[index]:
            file.close()
            raise self.changed(index)
        return file

    def changed(self, index: int) -> ModelChanged:
        """Return the error that says that an entry is not as it was when scanned."""
        return ModelChanged(f"`{self.folder / self.layout.entries[index].path}` was changed while it was being read.")

    def digest(self, part: Part, buffer: Buffer) -> str:
        """Return the digest of a part's bytes."""
        hasher = Hasher()
        for view in self.blocks(part, buffer):
            hasher.update(view)
        return hasher.digest()

    def check_unchanged(self) -> None:
        """Scan again, and compare; of files that `read` has read since, with all others as they were, only the names.

        Raises:
            ModelChanged: The folder is not as it was when scanned.
        """
        read = zip(self.members, self.stamps, self._proven, strict=True)
        try:
            now = _look(self.folder, {entry.path: stamp for entry, stamp, proven in read if proven})
        except InvalidModel as error:
            raise ModelChanged(f"`{self.folder}` was changed while it was being read: {error.message}") from error
        if len(now) != len(self.members) or any(
            now.get(entry.path) != (entry.target if entry.kind == "link" else stamp)
            for entry, stamp in zip(self.members, self.stamps, strict=True)
        ):
            raise ModelChanged(f"`{self.folder}` was changed while it was being read.")

    def _let_go(self, start: int, stop: int) -> memoryview:
        """Return the bytes that were kept from `start` on, up to `stop`; they are kept no longer."""
        return memoryview(self.kept.pop(start, b""))[: stop - start]

    def _fill(self, view: memoryview, position: int) -> None:
        """Fill `view` with the bytes from `position` on: of each member its header, its content and its padding."""
        entries, index = self.layout.entries, self.layout.find(position)
        done, size = 0, len(view)
        while done < size and 0 <= index < len(entries):
            entry = entries[index]
            if position + done < entry.offset:
                data = entry.header(self.mtime)[position + done - entry.start :][: size - done]
                view[done : done + len(data)] = data
                done += len(data)
            end = min(size, entry.content_stop - position)
            while done < end:
                done += self._read(index, view[done:end], position + done - entry.offset)
            end = min(size, entry.stop - position)
            if done < end:
                view[done:end] = bytes(end - done)
                done = end
            index += 1
        view[done:] = bytes(size - done)  # the end marker

    def read(self, part: Part) -> tuple[bytes, list[tuple[str, bytes]]]:
        """Read a part that small files share, at once: each file is opened once, and nothing is copied but to join it.

        Args:
            part: It begins where a member begins or ends.

        Returns:
            Its bytes; and the path and content of each file whose content lies in it.

        Raises:
            ModelChanged: A file is not as it was when scanned.
            InvalidModel: One cannot be read.
        """
        entries, stamps, mtime, root, end = self.layout.entries, self.stamps, self.mtime, f"{self.folder}/", part.stop
        pieces: list[bytes] = []
        contents: list[tuple[str, bytes]] = []
        position, index = part.start, max(self.layout.find(part.start), 0)
        try:
            while position < end and index < len(entries):
                entry = entries[index]
                path, _, start, offset, size, _, _ = entry
                if position < offset:
                    pieces.append(entry.header(mtime)[position - start : end - start])
                    position += len(pieces[-1])
                if size and position == offset < end:
                    file = _open(root + path, os.O_RDONLY)
                    try:
                        data = os.read(file, size)
                        while len(data) < size and (more := os.read(file, size - len(data))):
                            data += more
                        same = len(data) == size and stamp_of(os.fstat(file)) == stamps[index]
                    finally:
                        os.close(file)
                    if not same:
                        raise self.changed(index)
                    self._proven[index] = 1
                    pieces.append(data)
                    contents.append((path, data))
                    position += size
                if (gap := min(entry.stop, end) - position) > 0:
                    pieces.append(bytes(gap))
                    position += gap
                index += 1
        except OSError as error:
            raise self._unreadable(index, error) from error
        pieces.append(bytes(end - position))  # the end marker
        return b"".join(pieces), contents

    def _read(self, index: int, view: memoryview, offset: int) -> int:
        try:
            file = _open(f"{self.folder}/{self.layout.entries[index].path}", os.O_RDONLY)
            try:
                count = os.preadv(file, [view], offset)
                if count and stamp_of(os.fstat(file)) == self.stamps[index]:  # now, hence all the time since the scan
                    return count
            finally:
                os.close(file)
        except OSError as error:
            raise self._unreadable(index, error) from error
        raise self.changed(index)

    def _unreadable(self, index: int, error: OSError) -> ModelSyncError:
        """Return what it means that an entry cannot be opened or read: something else may have taken its place."""
        if error.errno in (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ESPIPE, errno.EAGAIN):  # the last: a pipe
            return self.changed(index)
        return InvalidModel(f"`{self.folder / self.layout.entries[index].path}` cannot be read: {error.strerror}.")


class _File(NamedTuple):
    """An open file; a `Reader`."""

    file: int
    size: int

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self.file, max(0, min(size, self.size - offset)), offset)


class FolderSource:
    """A folder whose archive is described, as a `Source` of a copy.

    Args:
        archive: The folder.
        description: Its archive, as the store describes it.
        unread: Whether `views` yields `Unread` where it can.
    """

    ranged = True

    def __init__(self, archive: FolderArchive, description: Description, *, unread: bool = False) -> None:
        self._archive, self._unread = archive, unread
        self.identity = description.digest
        self.description: Description | None = description
        self.layout, self.parts = description.layout, description.parts
        self.size: int | None = description.layout.size

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[Any, None, None]:
        """Read the bytes of `[start, stop)` into `buffer`, piece by piece, as `Source` promises."""
        part = Part(1, start, self._archive.layout.size if stop is None else stop)
        yield from self._archive.unread(part, buffer) if self._unread else self._archive.blocks(part, buffer)

    def check(self) -> None:
        """Make sure that the folder is as it was when it was scanned."""
        self._archive.check_unchanged()

    def close(self) -> None:
        """Nothing to release: files are opened for each read."""


def _look(folder: Path, known: Mapping[str, Fact] | None = None) -> dict[str, Fact]:
    """Return what is in a folder, and in the folders in it, by path.

    Args:
        folder: The folder.
        known: What is taken for granted where there is something of this path.

    Raises:
        InvalidModel: It cannot be read, or holds something that no model may hold.
    """
    found: dict[str, Fact] = {}
    waiting, known = [""], known or {}
    try:
        while waiting:
            prefix = waiting.pop()
            # Each item is looked at by its name alone: to find the way to it from the root takes longer than that.
            with _opened_folder(f"{folder}/{prefix}") as place, os.scandir(place) as items:
                for item in items:
                    path = prefix + item.name
                    if path in known:
                        found[path] = known[path]
                        continue
                    facts = item.stat(follow_symlinks=False)
                    mode = facts.st_mode
                    kind = stat.S_IFMT(mode)
                    if not path.isascii():
                        _check_name(path, f"{folder}/{path}")
                    if kind == stat.S_IFREG:
                        found[path] = _STAMP.pack(  # as `stamp_of` does: there may be many
                            facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, mode
                        )
                    elif kind == stat.S_IFDIR:
                        found[path] = b""
                        waiting.append(f"{path}/")
                    elif kind == stat.S_IFLNK:
                        found[path] = _target(path, f"{folder}/{path}")
                    else:
                        message = f"`{folder}/{path}` is not a file, folder or link."
                        raise InvalidModel(message, step="Take it out of the model's folder.")
    except OSError as error:
        raise InvalidModel(f"`{folder}` cannot be read: {error.strerror}.") from error
    return found


@contextmanager
def _opened_folder(path: str) -> Iterator[int]:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


def _target(path: str, link: str) -> str:
    target = os.readlink(link)
    _check_name(target, link)
    try:
        check_link(path, target)
    except UnsafeArchive as error:
        raise InvalidModel(error.message, step="Copy what the link points to into the model.") from error
    return target


def _check_name(name: str, shown: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        message = f"{shown!r} has a name or target that is not Unicode."
        raise InvalidModel(message, step="Rename it.") from error


def stamp_of(facts: os.stat_result) -> bytes:
    """Return the stamp of a file: all that tells whether it is as it was."""
    return _STAMP.pack(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_mode)
