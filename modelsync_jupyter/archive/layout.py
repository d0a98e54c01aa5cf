"""Layout: which bytes of an archive are which file. Nothing here touches a disk.

An archive is a plain PAX tar. The standard library's `tarfile` makes and reads every header byte; this module only
remembers where things are, and where parts begin; how a large file is cut, `cut` tells by its bytes.
"""

from __future__ import annotations

import re
import tarfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import accumulate, pairwise
from pathlib import PurePosixPath
from typing import Any, Literal, NamedTuple
from zlib import crc32

from modelsync_jupyter.core.errors import UnsafeArchive
from modelsync_jupyter.core.parts import MIB, Buffer, Part, from_sizes, room
from modelsync_jupyter.core.plain import is_text

#: Time of every member of our archives, 1980-01-01: one that differed would make each small file another part in each
#: version. model.yaml says when a model was made.
MTIME = 315_532_800

#: Name of the rules by which an archive is cut, which `cut` tells; it stands beside every content digest.
CUT = "cut-3"
#: A file of so many bytes or more has parts of its own; a smaller one is one piece and shares parts with neighbours.
LARGE = MIB
#: Members that share a part: from here on it ends before one in `_ONE_IN`, by its name, and at `MIB` in any case.
_SHARED, _ONE_IN = MIB // 4, 16
#: The member that differs in every version, and so has a part of its own.
_OWN = "model.yaml"

Kind = Literal["file", "dir", "link", "hardlink"]

_TYPES: dict[Kind, bytes] = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}
_KINDS: dict[bytes, Kind] = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "link",
    tarfile.LNKTYPE: "hardlink",
}
#: A path of plain names, which there is nothing to normalise in.
_NORMAL = re.compile(r"(?:[\w-][\w.-]*/)*[\w-][\w.-]*", re.ASCII)
#: What the number fields of a plain tar header cannot hold; and what its fields of text hold.
_OCTAL, _NAME = 8**11, tarfile.LENGTH_NAME


class Entry(NamedTuple):
    """One member of an archive: a tuple, since it takes a quarter of the time to make, and there may be 100,000.

    Args:
        path: Where it goes: relative, POSIX, normalised, inside the model's folder.
        kind: "file", "dir", "link" (symbolic), or "hardlink" (to an earlier member; only in other people's archives).
        start: Offset of its first header byte.
        offset: Offset of its content.
        size: Bytes of content.
        executable: Whether the exec bit is kept.
        target: What a link points to, as written.
    """

    path: str
    kind: Kind
    start: int
    offset: int
    size: int = 0
    executable: bool = False
    target: str = ""

    @property
    def content_stop(self) -> int:
        """Offset behind the content, before the padding."""
        return self.offset + self.size

    @property
    def stop(self) -> int:
        """Offset behind the padding, where the next member starts."""
        return self.offset + padded(self.size)

    def header(self, mtime: int) -> bytes:
        """Return the header bytes of this entry in an archive of our own making."""
        if not self.is_plain(mtime):
            return self.tar_header(mtime)
        # `tarfile` takes longer to make a header than a small file takes to be read, so it makes one for each kind.
        path, kind, _, _, size, executable, target = self
        owner, time, kind_of, end, total = _template(kind, executable, mtime)
        name, digits, link = (f"{path}/" if kind == "dir" else path).encode(), b"%011o\0" % size, target.encode()
        total += sum(name) + sum(digits) + sum(link)
        name, link = name.ljust(tarfile.LENGTH_NAME, b"\0"), link.ljust(tarfile.LENGTH_LINK, b"\0")
        return b"".join((name, owner, digits, time, b"%06o\0 " % total, kind_of, link, end))

    def tar_header(self, mtime: int) -> bytes:
        """Return the header bytes as `tarfile` makes them."""
        info = tarfile.TarInfo(self.path)
        info.type = _TYPES[self.kind]
        info.size = self.size
        info.mode = 0o755 if self.kind == "dir" or self.executable else 0o777 if self.kind == "link" else 0o644
        info.mtime = mtime
        info.linkname = self.target
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")

    def is_plain(self, mtime: int) -> bool:
        """Return whether the fields of plain tar, one block, hold the header: quick to tell, and true of nearly all."""
        path, kind, _, _, size, _, target = self
        short = len(path) + (kind == "dir") <= _NAME and len(target) <= _NAME  # a folder's name ends with a slash
        return short and path.isascii() and target.isascii() and 0 <= mtime < _OCTAL and size < _OCTAL

    def to_json(self) -> dict[str, Any]:
        """Return the entry as the wire has it."""
        mode = 0o755 if self.executable or self.kind == "dir" else 0o644
        return {
            "path": self.path,
            "kind": self.kind,
            "mode": mode,
            "size": self.size,
            "offset": self.offset,
            "target": self.target,
        }


@lru_cache(maxsize=16)
def _template(kind: Kind, executable: bool, mtime: int) -> tuple[bytes, bytes, bytes, bytes, int]:
    """Make the header of a member without name, size and target.

    Returns:
        What lies between name and size, size and checksum, checksum and target; what follows the target; and the sum of
        all these bytes, in which the checksum counts as spaces.
    """
    data = Entry("", kind, 0, 0, 0, executable).tar_header(mtime)
    owner, time, kind_of, end = data[100:124], data[136:148], data[156:157], data[257:]
    return owner, time, kind_of, end, sum(map(sum, (owner, time, kind_of, end))) + 8 * ord(" ")


class Layout:
    """All members of an archive, in the order of the stream.

    Args:
        entries: The members.
        size: Bytes in the archive, its end marker included.
    """

    def __init__(self, entries: tuple[Entry, ...], size: int) -> None:
        self.entries, self.size = entries, size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and (self.entries, self.size) == (other.entries, other.size)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Offset of the first header byte of each entry."""
        return tuple(entry.start for entry in self.entries)

    @classmethod
    def arrange(cls, members: Iterable[Entry], mtime: int) -> Layout:
        """Arrange members as in our own archives, one behind another: sets their offsets and keeps all else.

        Args:
            members: Sorted members; their `start` and `offset` do not matter.
            mtime: Time of all members, in whole seconds since the epoch.
        """
        entries: list[Entry] = []
        position = 0
        for member in members:
            offset = position + (tarfile.BLOCKSIZE if member.is_plain(mtime) else len(member.tar_header(mtime)))
            entry = Entry(member.path, member.kind, position, offset, member.size, member.executable, member.target)
            entries.append(entry)
            position = offset + padded(member.size)
        end = position + 2 * tarfile.BLOCKSIZE
        return cls(tuple(entries), -(-end // tarfile.RECORDSIZE) * tarfile.RECORDSIZE)

    @classmethod
    def from_json(cls, data: object, size: int, base: int = 0) -> Layout:
        """Check a layout from the wire.

        Args:
            data: The layout as JSON.
            size: Bytes in the archive.
            base: How many more its offsets count, of something in front of the archive.

        Raises:
            UnsafeArchive: It is not a list of members that follow each other within `size` bytes.
        """
        if not isinstance(data, list):
            raise UnsafeArchive("The layout of the archive is not a list.")
        entries: list[Entry] = []
        position = 0
        for item in data:
            entry = _entry_from_json(item, position + base)
            if base:
                entry = entry._replace(start=entry.start - base, offset=entry.offset - base)
            if entry.offset < position or entry.stop > size:
                raise UnsafeArchive(f"The layout of the archive puts `{entry.path}` outside it.")
            entries.append(entry)
            position = entry.stop
        return cls(tuple(entries), size)

    def find(self, position: int) -> int:
        """Return the index of the last entry that starts at or before `position`; -1 before the first."""
        return bisect_right(self.starts, position) - 1

    def room(self, position: int, buffer: Buffer) -> memoryview:
        """Return the `room` of a buffer for what lies in the archive from `position` on."""
        index = self.find(position)
        return room(buffer, position - self.entries[index].offset if index >= 0 else 0)


def contents(
    entries: Sequence[Entry], starts: Sequence[int], start: int, stop: int
) -> Iterator[tuple[Entry, int, int]]:
    """Yield files with content in `[start, stop)`, each with the range `[begin, end)` of the archive that is in it.

    Args:
        entries: Members in the order of the stream; may grow at its end meanwhile.
        starts: The `start` of each.
        start: Offset in the archive.
        stop: Offset in the archive.
    """
    for index in range(max(bisect_right(starts, start) - 1, 0), len(starts)):
        entry = entries[index]
        if entry.start >= stop:
            return
        begin, end = max(start, entry.offset), min(stop, entry.content_stop)
        if begin < end:
            yield entry, begin, end


def cut(layout: Layout, pieces: Mapping[str, Sequence[int]]) -> tuple[Part, ...]:
    """Return the parts, without digests, that cover an archive.

    Args:
        layout: Its layout.
        pieces: The sizes of the parts of each file of `LARGE` bytes or more, by its path, as `cut_file` tells them.
    """
    edges = [0]
    for entry in layout.entries:
        waiting = entry.start - edges[-1]
        at_its_name = waiting >= _SHARED and crc32(entry.path.encode()) % _ONE_IN == 0
        if waiting >= MIB or at_its_name or entry.path == _OWN:
            edges.append(entry.start)
        if entry.kind == "file" and entry.size >= LARGE:
            edges += accumulate(pieces[entry.path], initial=entry.offset)
        elif entry.path == _OWN:
            edges.append(entry.stop)
    return from_sizes(stop - start for start, stop in pairwise([*edges, layout.size]) if start < stop)


def padded(size: int) -> int:
    """Return `size` rounded up to whole tar blocks."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def claim_path(kinds: dict[str, Kind], entry: Entry) -> None:
    """Add an entry to the tree that earlier ones make.

    Args:
        kinds: What is at each path so far.
        entry: The next member.

    Raises:
        UnsafeArchive: Something else is at its path, or a parent of it is not a folder.
    """
    if entry.path in kinds and not (entry.kind == kinds[entry.path] == "dir"):
        raise UnsafeArchive(f"Member `{entry.path}` comes twice.")
    parent = entry.path.rpartition("/")[0]
    while parent and (kind := kinds.get(parent)) != "dir":
        if kind:
            raise UnsafeArchive(f"Member `{entry.path}` goes through `{parent}`, which is not a folder.")
        kinds[parent] = "dir"  # and what is above a folder that is known has been looked at with it
        parent = parent.rpartition("/")[0]
    kinds[entry.path] = entry.kind


def check_tree(entries: Iterable[Entry]) -> None:
    """Check that entries make a tree.

    Raises:
        UnsafeArchive: Two are at one path, a parent is not a folder, or a hard link points to no earlier file.
    """
    kinds: dict[str, Kind] = {}
    for entry in entries:
        claim_path(kinds, entry)
        if entry.kind == "hardlink" and kinds.get(entry.target) != "file":
            raise UnsafeArchive(f"Link `{entry.path}` points to `{entry.target}`, which is not a file of the model.")


def entry_from_tar(member: tarfile.TarInfo) -> Entry | None:
    """Return the entry of a tar member, or None for the model's own folder.

    Raises:
        UnsafeArchive: It is a device, a sparse file or the like, or would leave the folder.
    """
    path = safe_path(member.name)
    kind = _KINDS.get(member.type)
    if kind is None or member.issparse() or member.size < 0:
        raise UnsafeArchive(f"Member `{member.name}` is not a file, folder or link (tar type {member.type!r}).")
    if path is None:
        if kind != "dir":
            raise UnsafeArchive(f"Member `{member.name}` would take the place of the model's folder.")
        return None
    target = member.linkname if kind in ("link", "hardlink") else ""
    if kind == "link":
        check_link(path, target)
    elif kind == "hardlink":
        target = safe_path(target) or ""
    size = member.size if kind == "file" else 0
    executable = kind == "file" and bool(member.mode & 0o100)
    return Entry(path, kind, member.offset, member.offset_data, size, executable, target)


def safe_path(name: str) -> str | None:
    """Return `name` normalised, or None for the model's own folder.

    Raises:
        UnsafeArchive: It is absolute, climbs with `..`, or cannot be a file name.
    """
    if _NORMAL.fullmatch(name) and name.isascii():
        return name
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not is_text(name):
        raise UnsafeArchive(f"Member {name!r} would leave the model's folder, or is not a file name.")
    return None if path == PurePosixPath() else str(path)


def check_link(path: str, target: str) -> None:
    """Check that a symbolic link at `path` stays inside the folder, by its text alone.

    Raises:
        UnsafeArchive: It is absolute or climbs out.
    """
    depth = len(PurePosixPath(path).parts) - 1
    if not target or PurePosixPath(target).is_absolute() or not is_text(target):
        raise UnsafeArchive(f"Link `{path}` points outside the model's folder: {target!r}.")
    for word in target.split("/"):
        depth += -1 if word == ".." else 0 if word in ("", ".") else 1
        if depth < 0:
            raise UnsafeArchive(f"Link `{path}` points outside the model's folder: `{target}`.")


def _entry_from_json(item: object, start: int) -> Entry:
    if not isinstance(item, Mapping):
        raise UnsafeArchive("A member in the layout of the archive is not an object.")
    name, kind, size, offset = item.get("path"), item.get("kind"), item.get("size"), item.get("offset")
    target, mode = item.get("target") or "", item.get("mode") or 0
    path = safe_path(name) if isinstance(name, str) else None
    if path is None or kind not in ("file", "dir", "link") or not isinstance(target, str) or type(mode) is not int:
        raise UnsafeArchive(f"A member in the layout of the archive is malformed: `{name}`.")
    if type(size) is not int or type(offset) is not int or size < 0:
        raise UnsafeArchive(f"Member `{path}` in the layout of the archive has no place.")
    if kind == "link":
        check_link(path, target)
    return Entry(
        path, kind, start, offset, size if kind == "file" else 0, kind == "file" and bool(mode & 0o100), target
    )
