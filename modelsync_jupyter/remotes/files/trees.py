"""Trees: files that are not in an archive, read as the archive that they would make.

A folder on any file system, a zip and a snapshot of Hugging Face are a list of members and a way to read each. Laid out
by the rules of our own archives they are a source like any other, with the same parts and the same digests as the model
that they become.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO, Protocol

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.layout import MTIME, Entry, Layout, check_link, check_tree, safe_path
from modelsync_jupyter.archive.scan import MAX_MEMBERS
from modelsync_jupyter.core.errors import IntegrityError, InvalidModel, ModelChanged, UnsafeArchive
from modelsync_jupyter.core.parts import Buffer, Part, even_size, split
from modelsync_jupyter.files import is_link_within

from .codecs import FREE_SIZE, MAX_RATIO
from .places import LocalPlace, Place

#: Bytes of a link's target in a zip at most.
_LONGEST_LINK = 4096


class Tree(Protocol):
    """Members and their bytes.

    Attributes:
        members: Files, folders and links, in any order; their offsets do not matter.
        ranged: Whether files can be read from any offset, by several threads.
        identity: JSON values that change when the tree does.
        claimed: The content digest that it says it has, or "".
    """

    @property
    def members(self) -> Sequence[Entry]: ...
    @property
    def ranged(self) -> bool: ...
    @property
    def identity(self) -> object: ...
    @property
    def claimed(self) -> str: ...

    def views(self, path: str, start: int, stop: int, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read `[start, stop)` of a file; raises as `Source.views`."""
        ...

    def check(self) -> None:
        """Raise `ModelChanged` if a file changed since the tree was opened."""
        ...

    def close(self) -> None:
        """Release what it holds open."""
        ...


class TreeSource:
    """A tree as an archive; a `Source`.

    Args:
        tree: The tree.
        more: Files that it does not have, or has otherwise: their bytes by path.

    Raises:
        UnsafeArchive: Two members are at one path, or a parent of one is not a folder.
    """

    description: Description | None = None

    def __init__(self, tree: Tree, more: Mapping[str, bytes] | None = None) -> None:
        self._tree, self._more = tree, dict(more or {})
        members = [each for each in tree.members if each.path not in self._more]
        members += [Entry(path, "file", 0, 0, len(data)) for path, data in self._more.items()]
        members.sort(key=lambda entry: entry.path)
        check_tree(members)
        self.layout: Layout | None = Layout.arrange(members, MTIME)
        self._layout = self.layout
        self.size: int | None = self.layout.size
        self.parts: tuple[Part, ...] = split(self.size, even_size(self.size))
        self.ranged = tree.ranged
        self.identity = [tree.identity, sorted(self._more)]

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read the bytes of `[start, stop)`, as `Source` promises."""
        position, end = start, self._layout.size if stop is None else stop
        while position < end:
            index = self._layout.find(position)
            entry = self._layout.entries[index] if index >= 0 else None
            if entry and position < entry.offset:
                data = entry.header(MTIME)[position - entry.start :][: end - position]
                yield memoryview(data)
                position += len(data)
            elif entry and position < entry.content_stop:
                limit = min(end, entry.content_stop)
                with closing(self._content(entry, position - entry.offset, limit - entry.offset, buffer)) as views:
                    for view in views:
                        yield view
                        position += len(view)
                if position != limit:
                    raise ModelChanged(f"`{entry.path}` is shorter than it was.", "Run it again.")
            else:
                last = index + 1 == len(self._layout.entries)
                size = (self._layout.size if last or not entry else entry.stop) - position
                yield memoryview(bytes(min(size, end - position, len(buffer))))
                position += min(size, end - position, len(buffer))

    def _content(self, entry: Entry, start: int, stop: int, buffer: Buffer) -> Generator[memoryview, None, None]:
        if entry.path in self._more:
            yield memoryview(self._more[entry.path])[start:stop]
        else:
            yield from self._tree.views(entry.path, start, stop, buffer)

    def check(self) -> None:
        """Make sure that the files are as they were."""
        self._tree.check()

    def close(self) -> None:
        """Release what the tree holds open."""
        self._tree.close()


class FolderTree:
    """A folder on this computer, as people have it; a `Tree`.

    Links that stay in the folder stay links; what others point to is taken in their place, as in a snapshot of the
    Hugging Face cache, where each file is a link to `../../blobs`.

    Args:
        path: The folder, or one file.

    Raises:
        InvalidModel: In it is a device, a name that is not Unicode, or a link that leads nowhere or round in circles.
    """

    ranged = True
    claimed = ""

    def __init__(self, path: Path) -> None:
        self._paths: dict[str, tuple[Path, tuple[int, ...]]] = {}
        self.members: list[Entry] = []
        try:
            if path.is_dir():
                self._add_folder(path, "", path.resolve(), ())
            else:
                self._add(path, path.name)
        except OSError as error:
            raise InvalidModel(f"`{error.filename or path}` cannot be read: {error.strerror}.", "") from error
        self.identity: object = [str(path), sorted((name, stamp) for name, (_, stamp) in self._paths.items())]

    def views(self, path: str, start: int, stop: int, buffer: Buffer) -> Generator[memoryview, None, None]:
        place, stamp = self._paths[path]
        try:
            with open(place, "rb", buffering=0) as file:
                if _stamp(os.fstat(file.fileno())) != stamp:
                    raise ModelChanged(f"`{place}` was changed while it was being read.", "Run it again.")
        except OSError as error:
            raise ModelChanged(f"`{place}` cannot be read any more: {error.strerror}.", "Run it again.") from error
        yield from LocalPlace(place).views(start, stop, buffer)

    def check(self) -> None:
        for place, stamp in self._paths.values():
            if not place.exists() or _stamp(place.stat()) != stamp:
                raise ModelChanged(f"`{place}` was changed while it was being read.", "Run it again.")

    def close(self) -> None:
        """Nothing to release."""

    def _add_folder(self, folder: Path, prefix: str, top: Path, above: tuple[Path, ...]) -> None:
        here = folder.resolve()
        if here in above:
            raise InvalidModel(f"`{folder}` is a link to a folder that it is in.", "Take the link out of the folder.")
        for item in sorted(folder.iterdir()):
            path = f"{prefix}{item.name}"
            if item.is_symlink() and is_link_within(item, top) and os.path.exists(item):
                self.members.append(Entry(_text(path), "link", 0, 0, target=_text(os.readlink(item))))
            elif item.is_dir():
                self.members.append(Entry(_text(path), "dir", 0, 0))
                self._add_folder(item, f"{path}/", item.resolve() if item.is_symlink() else top, (*above, here))
            else:
                self._add(item, path)

    def _add(self, item: Path, path: str) -> None:
        facts = item.stat()
        if not stat.S_ISREG(facts.st_mode):
            raise InvalidModel(f"`{item}` is not a file, folder or link.", "Take it out of the folder.")
        self._paths[path] = item, _stamp(facts)
        self.members.append(Entry(_text(path), "file", 0, 0, facts.st_size, bool(facts.st_mode & 0o100)))


class RemoteTree:
    """A folder or one file behind a URL; a `Tree`. Of links and empty folders such systems know nothing.

    Args:
        place: The folder or file.

    Raises:
        UnsafeArchive: A name would leave the folder.
    """

    claimed = ""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._single = place.kind() == "file"
        self._found = self._look()
        self.ranged = place.ranged
        self.members = [Entry(_safe(path), "file", 0, 0, size) for path, size in self._found]
        self.identity: object = [place.shown, self._found]

    def views(self, path: str, start: int, stop: int, buffer: Buffer) -> Generator[memoryview, None, None]:
        place = self._place if self._single else self._place.child(path)
        if self.ranged:
            yield from place.views(start, stop, buffer)
            return
        with closing(place.views(0, None, buffer)) as views:  # whole, from its start: the copy asks for nothing else
            yield from views

    def check(self) -> None:
        if self._look() != self._found:
            raise ModelChanged(f"`{self._place.shown}` was changed while it was being read.", "Run it again.")

    def close(self) -> None:
        """Nothing to release."""

    def _look(self) -> list[tuple[str, int]]:
        return [(self._place.name, self._place.stamp()[0])] if self._single else sorted(self._place.walk())


class ZipTree:
    """A zip; a `Tree`. Its files are read from their start to their end only.

    Args:
        place: The file.

    Raises:
        IntegrityError: It is not a zip, or is damaged.
        UnsafeArchive: A member would leave the folder, is a device, or the sizes are those of a bomb.
    """

    ranged = False
    #: How the comment of a zip of ours begins; its content digest follows.
    COMMENT = b"modelsync "

    def __init__(self, place: Place) -> None:
        self._place = place
        size, mark = place.stamp()
        self.identity: object = [place.shown, size, mark]
        self._file: IO[bytes] = place.file()
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._infos: dict[str, zipfile.ZipInfo] = {}
            self.members = list(self._read_members(size))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            self._file.close()
            raise IntegrityError(f"`{place.shown}` is not a good zip: {error}.", "Get another copy of it.") from error
        except BaseException:
            self._file.close()
            raise
        comment = self._zip.comment
        self.claimed = comment[len(self.COMMENT) :].decode("ascii", "replace") if self._is_ours(comment) else ""

    def views(self, path: str, start: int, stop: int, buffer: Buffer) -> Generator[memoryview, None, None]:
        try:
            with self._zip.open(self._infos[path]) as file:
                position, size = 0, self._infos[path].file_size
                while position < size and (data := file.read(min(len(buffer), size - position))):
                    view = memoryview(data)[max(0, start - position) : max(0, stop - position)]
                    position += len(data)
                    if view:
                        yield view
                    if position >= stop < size:
                        return
                if file.read(1):
                    raise IntegrityError(f"`{path}` in `{self._place.shown}` is longer than it says.")
        except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, OSError, ValueError) as error:
            message = f"`{path}` in `{self._place.shown}` is damaged: {error}."
            raise IntegrityError(message, "Get another copy of it.") from error
        except Exception as error:
            if type(error).__module__ in ("zlib", "_lzma", "bz2"):
                message = f"`{path}` in `{self._place.shown}` is damaged: {error}."
                raise IntegrityError(message, "Get another copy of it.") from error
            raise

    def check(self) -> None:
        if list(self._place.stamp()) != self.identity[1:]:  # type: ignore[index]
            raise ModelChanged(f"`{self._place.shown}` was changed while it was being read.", "Run it again.")

    def close(self) -> None:
        self._zip.close()
        self._file.close()

    def _is_ours(self, comment: bytes) -> bool:
        return comment.startswith(self.COMMENT)

    def _read_members(self, archive_size: int) -> Iterator[Entry]:
        infos = self._zip.infolist()
        if len(infos) > MAX_MEMBERS:
            raise UnsafeArchive(f"The archive has more than {MAX_MEMBERS:,} members.")
        if sum(info.file_size for info in infos) > FREE_SIZE + MAX_RATIO * max(archive_size, 0):
            text = "If you trust it, unpack it with other tools, and import the folder."
            raise UnsafeArchive(f"`{self._place.shown}` expands to more than {MAX_RATIO} times its size.", text)
        for info in infos:
            path = safe_path(info.filename.replace("\\", "/"))
            mode = info.external_attr >> 16
            if info.flag_bits & 1:
                raise UnsafeArchive(
                    f"Member `{path}` is encrypted.", "Unpack it with other tools, and import the folder."
                )
            if path is None:
                continue
            if info.is_dir():
                yield Entry(path, "dir", 0, 0)
            elif stat.S_ISLNK(mode):
                if info.file_size > _LONGEST_LINK:
                    raise UnsafeArchive(f"Link `{path}` has a target of {info.file_size} bytes.")
                target = self._zip.read(info).decode("utf-8", "strict")
                check_link(path, target)
                yield Entry(path, "link", 0, 0, target=target)
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                self._infos[path] = info
                yield Entry(path, "file", 0, 0, info.file_size, bool(mode & 0o100))
            else:
                raise UnsafeArchive(f"Member `{path}` is not a file, folder or link.")


def read_small(tree: Tree, path: str, limit: int) -> bytes | None:
    """Return a small file of a tree, or None where it has none of at most `limit` bytes there."""
    entry = next((each for each in tree.members if each.path == path and each.kind == "file"), None)
    if entry is None or entry.size > limit:
        return None
    with closing(tree.views(path, 0, entry.size, bytearray(64 * 1024))) as views:
        return b"".join(bytes(view) for view in views)


def _stamp(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def _text(name: str) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidModel(f"{name!r} is a name that is not Unicode.", "Rename it.") from error
    return name


def _safe(name: str) -> str:
    path = safe_path(name)
    if path is None:
        raise UnsafeArchive(f"{name!r} is not a file name.")
    return path
