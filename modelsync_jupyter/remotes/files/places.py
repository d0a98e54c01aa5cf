"""Places: where exports are, behind one interface; here those on this computer, in `urls` all others."""

from __future__ import annotations

import errno
import os
import re
import secrets
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.writer import Flusher
from modelsync_jupyter.archive.writer import Writer as FileWriter
from modelsync_jupyter.core.errors import ModelChanged, ModelExists
from modelsync_jupyter.core.parts import Buffer
from modelsync_jupyter.core.steps import advice
from modelsync_jupyter.files import reserve
from modelsync_jupyter.folders import fsync_folder

#: How the hidden names of files that are not whole yet end.
PARTIAL = ".partial"
EXISTS = advice("Choose another path, or replace it by force.")


def changed(what: object) -> ModelChanged:
    """Return the error for a file that is not as it was when reading began."""
    return ModelChanged(f"`{what}` was changed while it was being read.", "Run it again.")


class Writer(Protocol):
    """A file being written in order; others see nothing of it before `commit`."""

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""
        ...

    def commit(self) -> None:
        """Make the file visible under its name, whole."""
        ...

    def discard(self) -> None:
        """Discard what was written. May be called twice, and after `commit`."""
        ...


class Place(Protocol):
    """A file or folder, which may not exist yet.

    Attributes:
        shown: What to call it: without credentials, and without what may be one.
        local: Its path, where it is on this computer.
        ranged: Whether it can be read from any offset.
    """

    @property
    def shown(self) -> str: ...
    @property
    def local(self) -> Path | None: ...
    @property
    def ranged(self) -> bool: ...
    @property
    def name(self) -> str:
        """The last word of its path."""
        ...

    def is_root(self) -> bool:
        """Return whether it is a whole disk, bucket or server."""
        ...

    def kind(self) -> str:
        """Return "file", "folder", or "" where there is nothing."""
        ...

    def stamp(self) -> tuple[int, str]:
        """Return the size of a file, and text that changes when the file does."""
        ...

    def child(self, name: str) -> Place:
        """Return the place of a file or folder inside this one; `name` may have slashes."""
        ...

    def beside(self, name: str) -> Place:
        """Return the place of another file in the same folder."""
        ...

    def walk(self) -> Iterator[tuple[str, int]]:
        """Yield the files below, each by its path from here, with its size."""
        ...

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read `[start, stop)` of a file, or from its start to its end where it is not ranged.

        Raises:
            ModelChanged: The file is shorter than it was.
            Unavailable: It cannot be read now.
        """
        ...

    def file(self) -> IO[bytes]:
        """Open a file to read it from anywhere, for one thread."""
        ...

    def writer(self, *, replace: bool) -> Writer:
        """Begin to write a file."""
        ...

    def delete(self) -> None:
        """Delete a file, or a folder with all that is in it."""
        ...


@dataclass(frozen=True)
class LocalPlace:
    """A path on this computer; a `Place`."""

    path: Path
    ranged = True

    @property
    def shown(self) -> str:
        return str(self.path)

    @property
    def local(self) -> Path | None:
        return self.path

    @property
    def name(self) -> str:
        return self.path.name

    def is_root(self) -> bool:
        return self.path == self.path.parent

    def kind(self) -> str:
        return "folder" if self.path.is_dir() else "file" if self.path.exists() else ""

    def stamp(self) -> tuple[int, str]:
        facts = self.path.stat()
        return facts.st_size, f"{facts.st_mtime_ns}-{facts.st_ino}"

    def child(self, name: str) -> Place:
        return LocalPlace(self.path / name)

    def beside(self, name: str) -> Place:
        return LocalPlace(self.path.with_name(name))

    def walk(self) -> Iterator[tuple[str, int]]:
        for folder, _, names in os.walk(self.path):
            for name in names:
                path = Path(folder, name)
                yield path.relative_to(self.path).as_posix(), path.stat().st_size

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        with open(self.path, "rb", buffering=0) as file:
            position = start
            while stop is None or position < stop:
                view = memoryview(buffer)[: len(buffer) if stop is None else min(len(buffer), stop - position)]
                count = os.preadv(file.fileno(), [view], position)
                if not count:
                    if stop is None:
                        return
                    raise changed(self.shown)
                yield view[:count]
                position += count

    def file(self) -> IO[bytes]:
        return open(self.path, "rb")

    def writer(self, *, replace: bool) -> LocalWriter:
        return LocalWriter(self.path, replace=replace)

    def delete(self) -> None:
        self.path.unlink()


class LocalWriter:
    """A file being written beside its final name, under a hidden one; a `Writer`, and open to writes at any offset.

    Args:
        path: The final name.
        replace: Whether to replace what is there.
        name: Hidden name that an earlier attempt used, to continue what it wrote.

    Attributes:
        name: The hidden name.
        resumed: Whether the earlier attempt's file was there, and is this user's alone.
        position: Bytes written in order.
    """

    def __init__(self, path: Path, *, replace: bool, name: object = None) -> None:
        self._path, self._replace = path, replace
        path.parent.mkdir(parents=True, exist_ok=True)
        pattern = re.escape(f".{path.name}.") + "[0-9a-f]{12}" + re.escape(PARTIAL)
        self.name = name if isinstance(name, str) else ""
        self.resumed = re.fullmatch(pattern, self.name) is not None
        self.position = 0
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        if self.resumed:
            try:
                self.fd = os.open(self._hidden, flags)
                facts = os.fstat(self.fd)
                self.resumed = facts.st_uid == os.geteuid() and facts.st_nlink == 1 and not facts.st_mode & 0o077
                if not self.resumed:
                    os.close(self.fd)
            except OSError:
                self.resumed = False
        if not self.resumed:
            self.name = f".{path.name}.{secrets.token_hex(6)}{PARTIAL}"
            self.fd = os.open(self._hidden, flags | os.O_CREAT | os.O_EXCL, 0o600)
        self._facts = os.fstat(self.fd)
        self._entry = Entry(self.name, "file", 0, 0, sys.maxsize)
        self._writer, self._flusher = FileWriter(self._open), Flusher(self._sync)

    @property
    def _hidden(self) -> Path:
        return self._path.with_name(self.name)

    def reserve(self, size: int) -> None:
        """Set the size, and take the space where the system can."""
        reserve(self.fd, size)

    def write(self, data: bytes | memoryview) -> None:
        self.write_at(data, self.position)
        self.position += len(data)

    def write_at(self, data: bytes | memoryview, offset: int) -> None:
        """Write at an offset; threads may do so at the same time."""
        self._flusher.wrote(self._entry, self._writer.write(self._entry, memoryview(data), offset))

    def read_at(self, start: int, stop: int, buffer: Buffer) -> Iterator[memoryview]:
        """Read what was written."""
        while start < stop:
            view = memoryview(buffer)[: min(len(buffer), stop - start)]
            count = os.preadv(self.fd, [view], start)
            if not count:
                return
            yield view[:count]
            start += count

    def cut(self, position: int) -> None:
        """Forget what was written behind a position, and go on there."""
        os.ftruncate(self.fd, position)
        self.position = position

    def commit(self) -> None:
        os.fsync(self.fd)
        self._flusher.check()
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(self.fd, 0o666 & ~mask)
        if self._replace:
            self._hidden.replace(self._path)
        else:
            try:
                os.link(self._hidden, self._path)  # which, unlike a rename, replaces nothing
                self._hidden.unlink()
            except FileExistsError:
                raise ModelExists(f"`{self._path}` exists already.", EXISTS) from None
            except OSError:  # a file system without hard links
                if os.path.lexists(self._path):
                    raise ModelExists(f"`{self._path}` exists already.", EXISTS) from None
                self._hidden.rename(self._path)
        fsync_folder(self._path.parent)
        self.close()

    def discard(self) -> None:
        self.close()
        with suppress(OSError):
            self._hidden.unlink()

    def close(self) -> None:
        """Keep what was written for another attempt. May be called twice."""
        file, self.fd = self.fd, -1
        if file >= 0:
            os.close(file)

    @contextmanager
    def _open(self, entry: Entry, flags: int) -> Iterator[int]:
        if flags == os.O_WRONLY:
            yield self.fd
            return
        with self._again(flags) as file:
            yield file

    def _sync(self, entry: Entry) -> None:
        with self._again(os.O_RDONLY) as file:
            os.fsync(file)

    @contextmanager
    def _again(self, flags: int) -> Iterator[int]:
        """Open the hidden file once more, and make sure that it is the same: others may write to its folder."""
        file = os.open(self._hidden, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not os.path.samestat(os.fstat(file), self._facts):
                raise OSError(errno.ESTALE, "Replaced by another file", str(self._hidden))
            yield file
        finally:
            os.close(file)
