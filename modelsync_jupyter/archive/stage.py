"""Stage: the hidden folder in which a model is built from parts that arrive in any order.

Homes are shared, and a folder that others may write to is not a safe place to unpack into: a link that somebody puts
there would lead each write out of it. So a stage has a random name and is private to its user; a journal keeps the
name, and `reopen` believes it only if the folder is still that. No link is in a stage before `seal`.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from mmap import mmap
from pathlib import Path

from modelsync_jupyter.core.errors import UnsafeArchive
from modelsync_jupyter.core.parts import Part, room
from modelsync_jupyter.files import PAGE, disk_errors, reserve, share_blocks
from modelsync_jupyter.folders import (
    MANY,
    claim,
    fsync_folder,
    is_private,
    private_folder,
    remove_tree,
    sync_file_system,
)

from .arrival import Arrival
from .description import Hasher
from .folder import BLOCK
from .layout import Entry, Kind, claim_path, contents
from .writer import Flusher, Writer

#: How the names of stages begin.
PREFIX, EXPORTED = "modelsync-pull-", ".modelsync-export-"
_MODEL = "model"
#: Bytes of a file that is made when it is written, and characters of its path at most.
_SMALL, _SHORT_NAME = BLOCK, 100
_NAME = re.compile(r"(modelsync-pull-|\.modelsync-export-)[A-Za-z0-9_]+")


class Stage:
    """A folder under construction. Entries are added in the order of the stream; bytes may come in any order.

    Args:
        folder: Where to build; made if it is not there. Files that an earlier run left in it are reused, links removed.

    Attributes:
        entries: What has been added so far.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[Entry] = []
        self._starts: list[int] = []
        self._kinds: dict[str, Kind] = {}
        self._folders: set[str] = set()
        self._root = str(folder)
        self._writer = Writer(self._open)
        self._flusher = Flusher(self._sync)
        self._own = threading.local()
        with disk_errors(folder):
            self._is_new = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            _remove_links(folder)

    @classmethod
    def create(cls, place: Path, prefix: str = PREFIX) -> Stage:
        """Begin a stage in a new private folder.

        Args:
            place: Where to, on the file system of the store: see `LocalStore.building_place`.
            prefix: How its name begins: `PREFIX`, or `EXPORTED` outside the store.
        """
        with disk_errors(place):
            return cls(private_folder(place, prefix) / _MODEL)

    @classmethod
    def reopen(cls, place: Path, name: object) -> Stage | None:
        """Open a stage of an earlier run; None if it is gone, or is not a private folder of this user.

        Args:
            place: Where stages are.
            name: Its `name`, as a journal kept it.
        """
        if not isinstance(name, str) or not _NAME.fullmatch(name) or not is_private(place / name):
            return None
        with disk_errors(place):
            claim(place / name)
            return cls(place / name / _MODEL)

    @property
    def name(self) -> str:
        """What to `reopen` it by."""
        return self.folder.parent.name

    def discard(self) -> None:
        """Delete the stage with all that is in it, and its private folder."""
        remove_tree(self.folder.parent)

    def add(self, entry: Entry) -> None:
        """Create the next member; other threads may write to earlier ones meanwhile.

        Raises:
            UnsafeArchive: A path comes twice, goes through something that is not a folder, or is too long.
            DiskFull: No space.
        """
        claim_path(self._kinds, entry)
        try:
            self._make(entry)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise UnsafeArchive(f"The name of member `{entry.path[:100]}…` is too long.") from error
            with disk_errors(self.folder):
                raise
        self.entries.append(entry)
        self._starts.append(entry.start)

    def arrival(self, part: Part) -> Arrival:
        """Return what takes the bytes of a part apart, as far as its files are known when they come."""
        return Arrival(self.entries, self._starts, alone=self.within_one(part.start, part.stop))

    def write(self, offset: int, view: memoryview, arrival: Arrival | None = None) -> None:
        """Write a piece of the archive; content of known files goes there, headers and padding are ignored.

        Args:
            offset: Where it lies in the archive.
            view: Its bytes.
            arrival: That of the part which it is a piece of, where somebody wants to know what passed.
        """
        arrival = arrival or self.arrival(Part(0, offset, offset + len(view)))
        with disk_errors(self.folder):
            for entry, position, content in arrival.take(offset, view):
                cached = self._writer.write(entry, content, position)
                self._flusher.wrote(entry, cached)

    def share(self, start: int, stop: int, file: int, position: int) -> tuple[int, int]:
        """Fill whole pages of `[start, stop)`, which lies in one known file, with blocks of another file.

        Args:
            start: Offset in the archive.
            stop: Offset in the archive.
            file: The file that has these bytes, open.
            position: Where they begin in it.

        Returns:
            What of the archive is filled, as `[begin, end)`: nothing where the file system cannot share blocks, or the
            bytes lie elsewhere within their pages.
        """
        entry, begin, end = next(contents(self.entries, self._starts, start, stop))
        offset = begin - entry.offset
        head = -offset % PAGE
        size = (end - begin - head) // PAGE * PAGE
        if size > 0 and (position + head) % PAGE == 0:
            with disk_errors(self.folder), self._open(entry, os.O_WRONLY) as target:
                if share_blocks(file, position + head, target, offset + head, size):
                    return begin + head, begin + head + size
        return start, start

    def within_one(self, start: int, stop: int) -> bool:
        """Return whether `[start, stop)` is content of one known file and nothing else."""
        return next(contents(self.entries, self._starts, start, stop), (None, 0, 0))[1:] == (start, stop)

    def digest(self, start: int, stop: int) -> str:
        """Return the digest of the staged content in `[start, stop)`, headers and padding left out."""
        if not hasattr(self._own, "buffer"):
            self._own.buffer = mmap(-1, BLOCK)
        hasher = Hasher()
        for entry, begin, end in contents(self.entries, self._starts, start, stop):
            with self._open(entry, os.O_RDONLY) as file:
                while begin < end:
                    position = begin - entry.offset
                    view = room(self._own.buffer, position)[: end - begin]
                    count = os.preadv(file, [view], position)
                    if not count:
                        return ""
                    hasher.update(view[:count])
                    begin += count
        return hasher.digest()

    def seal(self) -> None:
        """Create the links and flush everything to disk.

        Raises:
            UnsafeArchive: A link leaves the folder.
        """
        with disk_errors(self.folder):
            for entry in self.entries:
                if entry.kind in ("link", "hardlink"):
                    self._link(entry)
            for entry in self.entries:  # only now, for a link may go through another that came later
                if entry.kind == "link":
                    self._check_inside(entry)
            if len(self.entries) <= MANY or not sync_file_system(self.folder):
                for entry in self.entries:
                    if entry.kind == "file":
                        self._sync(entry)
                    elif entry.kind == "dir":
                        fsync_folder(self.folder / entry.path)
                fsync_folder(self.folder)
            self._flusher.check()

    def _sync(self, entry: Entry) -> None:
        with self._open(entry, os.O_RDONLY) as file:
            os.fsync(file)

    def _make(self, entry: Entry) -> None:
        folder = entry.path if entry.kind == "dir" else entry.path.rpartition("/")[0]
        if folder and folder not in self._folders:
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
            self._folders.add(folder)
        # Small files of a new stage are made by the write that fills them, for there may be many. Those of long names
        # are not: that a file system refuses a name has to show now.
        later = self._is_new and 0 < entry.size < _SMALL and len(entry.path) <= _SHORT_NAME and entry.path.isascii()
        if entry.kind == "file" and not later:
            with self._open(entry, os.O_WRONLY | os.O_CREAT) as file:
                reserve(file, entry.size)

    def _link(self, entry: Entry) -> None:
        path = self.folder / entry.path
        path.unlink(missing_ok=True)
        if entry.kind == "hardlink":
            if self._kinds.get(entry.target) != "file":
                raise UnsafeArchive(
                    f"Link `{entry.path}` points to `{entry.target}`, which is not a file of the model."
                )
            os.link(self.folder / entry.target, path)
            return
        path.symlink_to(entry.target)

    def _check_inside(self, entry: Entry) -> None:
        path, folder = os.path.realpath(self.folder / entry.path), os.path.realpath(self.folder)
        if path != folder and not path.startswith(folder + os.sep):
            raise UnsafeArchive(f"Link `{entry.path}` points outside the model's folder: `{entry.target}`.")

    def _open(self, entry: Entry, flags: int) -> _Opened:
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_CREAT if flags & os.O_WRONLY and entry.size < _SMALL else 0)
        return _Opened(os.open(f"{self._root}/{entry.path}", flags, 0o777 if entry.executable else 0o666))


class _Opened:
    """An open file, closed when the block is done; `contextmanager` would cost more than the write of a small file."""

    __slots__ = ("_file",)

    def __init__(self, file: int) -> None:
        self._file = file

    def __enter__(self) -> int:
        return self._file

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _remove_links(folder: Path) -> None:
    """Remove links that a run made which was killed while it sealed the stage."""
    if folder.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, "Not a folder", str(folder))
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if os.path.islink(found := os.path.join(path, name)):
                os.unlink(found)
