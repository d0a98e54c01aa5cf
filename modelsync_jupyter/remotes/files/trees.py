"""Trees: files that are not in an archive, read as the archive that they would make.

A folder on any file system, a zip and a snapshot of Hugging Face are a list of members and a way to read each. Laid out
by the rules of our own archives they are a source like any other, with the same parts and the same digests as the model
that they become.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.layout import MTIME, Entry, Layout, check_tree, safe_path
from modelsync_jupyter.core.errors import InvalidModel, ModelChanged, UnsafeArchive
from modelsync_jupyter.core.parts import Buffer, Part, even_size, split
from modelsync_jupyter.files import is_link_within

from .places import LocalPlace, Place, changed


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
                    raise changed(place)
        except OSError as error:
            raise ModelChanged(f"`{place}` cannot be read any more: {error.strerror}.", "Run it again.") from error
        yield from LocalPlace(place).views(start, stop, buffer)

    def check(self) -> None:
        for place, stamp in self._paths.values():
            if not place.exists() or _stamp(place.stat()) != stamp:
                raise changed(place)

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
            raise changed(self._place.shown)

    def close(self) -> None:
        """Nothing to release."""

    def _look(self) -> list[tuple[str, int]]:
        return [(self._place.name, self._place.stamp()[0])] if self._single else sorted(self._place.walk())


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
