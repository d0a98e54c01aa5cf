"""FolderArchive: an archive that is read straight out of a model's folder. No archive file ever exists."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import PAGESIZE
from pathlib import Path

from modelsync_jupyter.core.errors import InvalidModel, ModelChanged, UnsafeArchive
from modelsync_jupyter.core.parts import Buffer, Part

from .borders import Reader
from .description import Description, Hasher
from .layout import MTIME, Entry, Layout, check_link

#: Bytes read at a time. A transfer's buffers take `threads x BLOCK` of memory, whatever the size of model and part.
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FolderArchive:
    """A folder seen as an archive.

    Args:
        folder: The model's folder.
        layout: What is in it, laid out.
        mtime: Time of all members, in whole seconds since the epoch.
        stamps: For each file its size, mtime, ctime, inode and mode when it was scanned; () for other entries.
    """

    folder: Path
    layout: Layout
    mtime: int
    stamps: tuple[tuple[int, ...], ...]

    @classmethod
    def scan(cls, folder: Path, mtime: int = MTIME) -> FolderArchive:
        """Scan a folder; reads no file's content.

        Raises:
            InvalidModel: It cannot be read, or in it is a device, a link that leaves it, or a name that is not Unicode.
        """
        found: dict[str, tuple[Entry, tuple[int, ...]]] = {}
        try:
            _walk(folder, "", found)
        except OSError as error:
            raise InvalidModel(f"`{folder}` cannot be read: {error.strerror}.") from error
        pairs = [found[path] for path in sorted(found)]
        layout = Layout.arrange((entry for entry, _ in pairs), mtime)
        return cls(folder, layout, mtime, tuple(stamp for _, stamp in pairs))

    @property
    def content_size(self) -> int:
        """Bytes in all files."""
        return sum(entry.size for entry in self.layout.entries)

    def blocks(self, part: Part, buffer: Buffer) -> Iterator[memoryview]:
        """Yield the bytes of a part, in views of `buffer` that are valid until the next one is asked for.

        Raises:
            ModelChanged: A file is not as it was when scanned.
        """
        start = part.start
        while start < part.stop:
            lead = self._lead(start) if len(buffer) > PAGESIZE else 0
            view = memoryview(buffer)[lead : lead + min(len(buffer) - lead, part.stop - start)]
            self._fill(view, start)
            yield view
            start += len(view)

    @contextmanager
    def reader(self, entry: Entry) -> Iterator[Reader]:
        """Open a file of the folder to read here and there in it.

        Raises:
            ModelChanged: It is not as it was when scanned.
            InvalidModel: It cannot be read.
        """
        path, index = self.folder / entry.path, self.layout.find(entry.offset)
        try:
            with open(path, "rb", buffering=0) as file:
                if _stamp(os.fstat(file.fileno())) != self.stamps[index]:
                    raise ModelChanged(f"`{path}` was changed while it was being read.")
                yield _File(file.fileno(), entry.size)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise ModelChanged(f"`{path}` was changed while it was being read.") from error
        except OSError as error:
            raise InvalidModel(f"`{path}` cannot be read: {error.strerror}.") from error

    def digest(self, part: Part, buffer: Buffer) -> str:
        """Return the digest of a part's bytes."""
        hasher = Hasher()
        for view in self.blocks(part, buffer):
            hasher.update(view)
        return hasher.digest()

    def check_unchanged(self) -> None:
        """Scan again, and compare.

        Raises:
            ModelChanged: The folder is not as it was when scanned.
        """
        try:
            now = FolderArchive.scan(self.folder, self.mtime)
        except InvalidModel as error:
            raise ModelChanged(f"`{self.folder}` was changed while it was being read: {error.message}") from error
        if (now.layout, now.stamps) != (self.layout, self.stamps):
            raise ModelChanged(f"`{self.folder}` was changed while it was being read.")

    def _lead(self, position: int) -> int:
        """Return where in a page content lies in its file.

        Put at the same place of a page of memory, it is copied there two to five times as fast: processors are slow
        where a target lies a little further in its page than the source.
        """
        index = self.layout.find(position)
        return (position - self.layout.entries[index].offset) % PAGESIZE if index >= 0 else 0

    def _fill(self, view: memoryview, position: int) -> None:
        """Fill `view` with the bytes from `position` on: of each member its header, its content and its padding."""
        entries, index = self.layout.entries, self.layout.find(position)
        while view and 0 <= index < len(entries):
            entry = entries[index]
            if position < entry.offset:
                data = entry.header(self.mtime)[position - entry.start :][: len(view)]
                count = len(data)
                view[:count] = data
            elif position < entry.content_stop:
                count = self._read(entry, index, view[: entry.content_stop - position], position - entry.offset)
            else:
                count = max(0, min(len(view), entry.stop - position))
                view[:count] = bytes(count)
                index += position + count >= entry.stop
            view, position = view[count:], position + count
        view[:] = bytes(len(view))  # the end marker

    def _read(self, entry: Entry, index: int, view: memoryview, offset: int) -> int:
        try:
            file = os.open(f"{self.folder}/{entry.path}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                if _stamp(os.fstat(file)) == self.stamps[index]:
                    count = os.preadv(file, [view], offset)
                    if count:
                        return count
            finally:
                os.close(file)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            pass
        except OSError as error:
            raise InvalidModel(f"`{self.folder / entry.path}` cannot be read: {error.strerror}.") from error
        raise ModelChanged(f"`{self.folder / entry.path}` was changed while it was being read.")


@dataclass(frozen=True, slots=True)
class _File:
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
    """

    ranged = True

    def __init__(self, archive: FolderArchive, description: Description) -> None:
        self._archive = archive
        self.identity = description.digest
        self.description: Description | None = description
        self.layout, self.parts = description.layout, description.parts
        self.size: int | None = description.layout.size

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read the bytes of `[start, stop)` into `buffer`, piece by piece, as `Source` promises."""
        end = self._archive.layout.size if stop is None else stop
        yield from self._archive.blocks(Part(1, start, end), buffer)

    def check(self) -> None:
        """Make sure that the folder is as it was when it was scanned."""
        self._archive.check_unchanged()

    def close(self) -> None:
        """Nothing to release: files are opened for each read."""


def _walk(folder: Path, prefix: str, found: dict[str, tuple[Entry, tuple[int, ...]]]) -> None:
    """Add what is in a folder, and in the folders in it: by its path the entry and its stamp."""
    with os.scandir(folder) as items:
        for item in items:
            path, facts = prefix + item.name, item.stat(follow_symlinks=False)
            try:
                path.encode("utf-8")
                if stat.S_ISREG(facts.st_mode):
                    executable = bool(facts.st_mode & 0o100)
                    found[path] = Entry(path, "file", 0, 0, facts.st_size, executable), _stamp(facts)
                elif stat.S_ISDIR(facts.st_mode):
                    found[path] = Entry(path, "dir", 0, 0), ()
                    _walk(Path(item.path), f"{path}/", found)
                elif stat.S_ISLNK(facts.st_mode):
                    target = os.readlink(item.path)
                    target.encode("utf-8")
                    check_link(path, target)
                    found[path] = Entry(path, "link", 0, 0, target=target), ()
                else:
                    message = f"`{item.path}` is not a file, folder or link."
                    raise InvalidModel(message, step="Take it out of the model's folder.")
            except UnicodeEncodeError as error:
                message = f"{item.path!r} has a name or target that is not Unicode."
                raise InvalidModel(message, step="Rename it.") from error
            except UnsafeArchive as error:
                raise InvalidModel(error.message, step="Copy what the link points to into the model.") from error


def _stamp(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_mode
