"""An archive that describes itself: cut, content digest, layout and parts, in the archive's own first member.

::

    offset 0                 base                                            base + layout.size
    | PAX global header:     | header  file  header  file ...  end marker    |
    | comment = JSON         | the body: what layout and parts speak of      |

Every tar reader passes over a global header, so stock tools read such an archive as any other; a reader that knows it
has layout and digests of the whole archive after one ranged read, on any server and in any folder. Offsets in the
description count from the start of the body, so that they do not depend on the length of the description itself.

What a description says is a claim. `parse` checks that it does not contradict itself; each part is believed when its
bytes have its digest. Whether a file was cut as `CUT` asks for is told by its bytes alone, and is taken on trust: who
cuts it otherwise gives equal files two digests, but never two files the same one.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple

from blake3 import blake3

from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.parts import ALGORITHM, Part, check_digest, parse_parts

from .layout import CUT, LARGE, Entry, Layout, padded

#: Bytes of a description at most: enough for a terabyte, or for 100,000 files.
MAX_DESCRIPTION = 32 << 20
_COMMENT = "comment"
#: Members and parts that are written as JSON at a time: the text of all of them, beside its bytes, may be 24 MB.
_MANY = 1000
#: Text as JSON has it: a line for each file takes half of the time where only its path has to be encoded.
_quoted = json.encoder.encode_basestring_ascii


class Description(NamedTuple):
    """What an archive says of itself.

    Args:
        layout: Which bytes of the body are which file.
        parts: Parts of the body with their digests, cut by the rules that `CUT` names.
        files: The digest of each file by its path: of its bytes, or for a large file of the list of its parts.
        digest: The content digest of the version.
    """

    layout: Layout
    parts: tuple[Part, ...]
    files: Mapping[str, str]
    digest: str

    @classmethod
    def build(cls, layout: Layout, parts: tuple[Part, ...], small: Mapping[str, str]) -> Description:
        """Describe an archive.

        Args:
            layout: Its layout.
            parts: Its parts with their digests, as `cut.cut` cuts it.
            small: The digest of the bytes of each file of less than `LARGE` bytes.
        """
        files = file_digests(layout, parts, small)
        return cls(layout, parts, files, content_digest(layout.entries, files))

    @classmethod
    def parse(cls, data: object) -> Description:
        """Check a description from the wire or from an archive.

        Raises:
            IntegrityError: It is malformed, is cut by other rules, or contradicts itself.
            UnsafeArchive: A member would leave the model's folder.
        """
        if not isinstance(data, Mapping) or data.get("cut") != CUT:
            raise IntegrityError(f"The archive's description is not one of `{CUT}`.")
        parts = parse_parts(data.get("parts"))
        layout = Layout.from_json(data.get("layout"), parts[-1].stop if parts else 0)
        small = {
            entry.path: check_digest(item.get("digest"))
            for entry, item in zip(layout.entries, data["layout"], strict=True)
            if entry.kind == "file" and entry.size < LARGE
        }
        found = cls.build(layout, parts, small)
        if found.digest != data.get("digest"):
            raise IntegrityError("The archive's description does not match its own content digest.")
        return found

    def header(self) -> bytes:
        """Return the archive's first member, which says all this in JSON: everything before the body."""
        value = [f'{{"cut":"{CUT}","digest":"{self.digest}","layout":['.encode()]
        for start in range(0, len(self.layout.entries), _MANY):
            some = self.layout.entries[start : start + _MANY]
            text = ",".join([_member(each, self.files.get(each.path, "")) for each in some])
            value.append(f",{text}".encode() if start else text.encode())
        value.append(b'],"parts":[')
        for start in range(0, len(self.parts), _MANY):
            parts = self.parts[start : start + _MANY]
            text = ",".join([f'{{"size":{each.size},"digest":"{each.digest}"}}' for each in parts])
            value.append(f",{text}".encode() if start else text.encode())
        value.append(b"]}\n")
        # `tarfile.TarInfo.create_pax_global_header` makes the same bytes, and takes four times their memory for it.
        key = f" {_COMMENT}=".encode()
        rest = len(key) + sum(map(len, value))
        size = rest + len(str(rest + len(str(rest))))  # the length of a record counts its own digits
        member = tarfile.TarInfo("././@PaxHeader")
        member.type, member.size, member.mode = tarfile.XGLTYPE, size, 0
        head = member.tobuf(tarfile.USTAR_FORMAT) + str(size).encode() + key
        return b"".join([head, *value, bytes(padded(size) - size)])


class Hasher:
    """Computes a BLAKE3 digest piece by piece."""

    def __init__(self) -> None:
        self._blake3 = blake3()

    def update(self, view: memoryview) -> None:
        """Add bytes; lets other threads run meanwhile."""
        self._blake3.update(view)

    def digest(self) -> str:
        """Return the digest of all bytes so far: `blake3:` and 64 hexadecimal digits."""
        return f"{ALGORITHM}:{self._blake3.digest().hex()}"


def _member(entry: Entry, digest: str) -> str:
    """Return the JSON of a member as `json` writes it, which takes four times as long."""
    path, kind, _, offset, size, executable, target = entry
    mode = 0o755 if executable or kind == "dir" else 0o644
    text = f'"path":{_quoted(path)},"kind":"{kind}","mode":{mode},"size":{size},"offset":{offset}'
    more = f',"digest":"{digest}"' if kind == "file" else ""
    return f'{{{text},"target":{_quoted(target)}{more}}}'


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the digest of some bytes."""
    return f"{ALGORITHM}:{blake3(data).digest().hex()}"  # `hexdigest` takes longer


def digest_of(parts: Iterable[Part]) -> str:
    """Return the digest of an archive: that of the list of its parts' sizes and digests."""
    return digest_bytes("".join(f"{part.size} {part.digest}\n" for part in parts).encode())


def description_size(head: bytes) -> int:
    """Return the number of bytes of the description at the start of an archive, or 0 where it has none.

    Args:
        head: The first 512 bytes of the archive, or more.
    """
    try:
        member = tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "strict")
    except tarfile.HeaderError:
        return 0
    if member.type != tarfile.XGLTYPE or not 0 < member.size <= MAX_DESCRIPTION:
        return 0
    return tarfile.BLOCKSIZE + padded(member.size)


def read_description(head: bytes) -> Description | None:
    """Return the description at the start of an archive; None where it says something else, or is cut by other rules.

    Args:
        head: The first `description_size` bytes of the archive.

    Raises:
        IntegrityError: It is broken.
        UnsafeArchive: A member would leave the model's folder.
    """
    size = tarfile.TarInfo.frombuf(head[: tarfile.BLOCKSIZE], "utf-8", "strict").size
    start = tarfile.BLOCKSIZE + len(key := f"{size} {_COMMENT}=".encode())
    if head[tarfile.BLOCKSIZE : start] != key:  # a further record would change how tar readers see members
        return None
    try:  # of 100,000 files it has 18 MB, which is not copied more often than has to be
        data = json.loads(str(memoryview(head)[start : tarfile.BLOCKSIZE + size], "utf-8"))
    except (ValueError, RecursionError):
        return None
    return Description.parse(data) if isinstance(data, dict) and data.get("cut") == CUT else None


def file_digests(layout: Layout, parts: Iterable[Part], small: Mapping[str, str]) -> dict[str, str]:
    """Return the digest of each file, as `Description.files` has them.

    Raises:
        IntegrityError: A file has neither a digest nor parts of its own.
    """
    by_start = {part.start: part for part in parts}
    digests: dict[str, str] = {}
    for entry in layout.entries:
        if entry.kind == "file" and entry.size < LARGE:
            if entry.path not in small:
                raise IntegrityError(f"The digest of `{entry.path}` is not known.")
            digests[entry.path] = small[entry.path]
        elif entry.kind == "file":
            own, position = [], entry.offset
            while position < entry.content_stop and (part := by_start.get(position)):
                own.append(part)
                position = part.stop
            if position != entry.content_stop:
                raise IntegrityError(f"The parts of the archive do not cover `{entry.path}` alone.")
            digests[entry.path] = digest_of(own)
        elif entry.kind == "hardlink":
            digests[entry.path] = check_digest(digests.get(entry.target))
    return digests


def content_digest(entries: Iterable[Entry], files: Mapping[str, str]) -> str:
    """Return the content digest of a version: a function of paths, kinds, exec bits, link targets and bytes alone.

    Folders count only where they are empty: archives of others need not list those that hold something.

    Args:
        entries: Members of the version, in any order.
        files: The digest of each file.
    """
    listed = sorted(entries, key=attrgetter("path"))
    filled: set[str] = set()
    for entry in listed:
        parent = entry.path
        while (parent := parent.rpartition("/")[0]) and parent not in filled:
            filled.add(parent)
    executable = {entry.path for entry in listed if entry.executable}
    hasher = blake3(f"{CUT}\n".encode())
    for entry in listed:
        if entry.kind == "link":
            row = f'["link", false, {_quoted(entry.path)}, {_quoted(entry.target)}]\n'
        elif entry.kind == "dir":
            if entry.path in filled:
                continue
            row = f'["dir", false, {_quoted(entry.path)}, ""]\n'
        else:
            file = entry.target if entry.kind == "hardlink" else entry.path  # a file of two names has one mode
            runs = "true" if file in executable else "false"
            row = f'["file", {runs}, {_quoted(entry.path)}, {_quoted(files[entry.path])}]\n'
        hasher.update(row.encode())
    return f"{ALGORITHM}:{hasher.hexdigest()}"
