"""What a stored archive holds: its layout, its model.yaml and its content digest, all told by its bytes.

Nothing that a client claims is believed: not the content digest it declared, nor the description in the archive's first
member. Parts are named by the digest of their bytes, so a file that fills whole parts costs nothing; all else is read
once.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelsync_jupyter.archive.cut import cut_file
from modelsync_jupyter.archive.description import (
    Description,
    Hasher,
    content_digest,
    description_size,
    file_digests,
    read_description,
)
from modelsync_jupyter.archive.layout import CUT, LARGE, Entry, Layout, check_tree
from modelsync_jupyter.archive.scan import is_tar, scan_tar
from modelsync_jupyter.core.errors import IntegrityError, InvalidModel
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.info import MAX_YAML, MODEL_YAML, ModelInfo
from modelsync_jupyter.model_yaml import parse_info
from modelsync_jupyter.wire import EntryJSON

from ..blobs.protocol import BLOCK, Blobs
from ..catalog.archives import Described
from ..errors import BadRequest
from .patience import Patience
from .reader import ArchiveReader

#: Members whose layout is kept and told to clients, 20 MB of JSON; of more, clients read the tar headers.
MAX_LISTED = 100_000


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds.

    Args:
        base: Bytes of its own description in front of the body.
        layout: Members of the body.
        files: The digest of each file; none where there was no time to compute them.
        digest: The content digest, or "".
        info: What its model.yaml says.
    """

    base: int
    layout: Layout
    files: Mapping[str, str]
    digest: str
    info: ModelInfo

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.layout.entries)

    def described(self) -> Described:
        """Return what the catalog keeps of it."""
        return Described(self._layout_json(), self.base, self.digest or None, CUT if self.digest else None)

    def _layout_json(self) -> list[EntryJSON] | None:
        """Return the layout for clients, offsets counted from the start of the archive; None if it cannot be told."""
        entries = self.layout.entries
        if len(entries) > MAX_LISTED or any(entry.kind == "hardlink" for entry in entries):
            return None
        listed: list[EntryJSON] = []
        for entry in entries:
            item: EntryJSON = entry.to_json()  # type: ignore[assignment]  # the same keys
            item["offset"] += self.base
            if entry.path in self.files:
                item["digest"] = self.files[entry.path]
            listed.append(item)
        return listed


def read_contents(
    blobs: Blobs, parts: Sequence[Part], *, cut: bool = False, patience: Patience | None = None
) -> Contents:
    """Read an archive whose parts are stored.

    Args:
        blobs: Where they are.
        parts: The parts.
        cut: Whether they are those that `cut_file` makes of large files. So are those of an archive that describes
            itself, by the word of who made it; any other is read to cut it.
        patience: When to give up computing digests: all else is told by the headers alone. An archive that describes
            itself is read to its end in any case, for what it says may not be so.

    Raises:
        BadRequest: It is not a tar.
        IntegrityError: It is a tar that breaks off, or its description is not true.
        InvalidModel: Its model.yaml is missing or broken.
        UnsafeArchive: It has a member that no client would install.
    """
    with ArchiveReader(blobs, parts) as file:
        check_tar(file.read(tarfile.BLOCKSIZE))
        claimed = _description(file)
        base = 0
        if claimed:
            base = file.tell()
            file.start_body(base)
        file.seek(0)
        layout = Layout(tuple(scan_tar(file)), file.stop)
        check_tree(layout.entries)
        info = _info(file, layout.entries)  # before the long work, for it may be refused
        digests = _Digests(file, {(part.start - base, part.stop - base): part.digest for part in parts})
        if not claimed:
            digests.patience = patience
        try:
            files = digests.files(layout, claimed.parts if claimed else digests.known if cut else None)
        except TimeoutError:
            return Contents(base, layout, {}, "", info)
        digest = content_digest(layout.entries, files)
        if claimed and not (claimed.digest == digest and claimed.layout == layout and digests.are(claimed.parts)):
            raise IntegrityError("The archive's description of itself does not match its bytes.")
        return Contents(base, layout, files, digest, info)


def check_tar(head: bytes) -> None:
    """Accept an archive that starts as an uncompressed tar does.

    Raises:
        BadRequest: It starts with something else.
    """
    if not is_tar(head):
        raise BadRequest("the archive is not a model's: it is not an uncompressed tar")


def _description(file: ArchiveReader) -> Description | None:
    """Read the description in front of an archive; the file stands behind it then."""
    file.seek(0)
    size = description_size(file.read(tarfile.BLOCKSIZE))
    if not size:
        return None
    if size > file.stop:
        raise IntegrityError("The archive breaks off in its first member.")
    file.seek(0)
    return read_description(file.read(size))


class _Digests:
    """Digests of slices of an archive's body: known of parts, computed once of all others.

    Attributes:
        patience: When to give up, or None.
    """

    def __init__(self, file: ArchiveReader, known: dict[tuple[int, int], str]) -> None:
        self._file, self._known = file, known
        self.patience: Patience | None = None

    @property
    def known(self) -> list[Part]:
        """The parts whose digests are known."""
        return [Part(0, *span, digest) for span, digest in self._known.items()]

    def of(self, start: int, stop: int) -> str:
        """Return the digest of the bytes in `[start, stop)`.

        Raises:
            TimeoutError: It would take too long.
        """
        if (start, stop) not in self._known:
            hasher, left = Hasher(), stop - start
            self._file.seek(start)
            while left:
                block = self._file.read(min(BLOCK, left))
                if not block:
                    raise IntegrityError("The archive breaks off.")
                hasher.update(memoryview(block))
                left -= len(block)
                if self.patience:
                    self.patience.count(len(block))
            self._known[start, stop] = hasher.digest()
        return self._known[start, stop]

    def files(self, layout: Layout, pieces: Sequence[Part] | None) -> dict[str, str]:
        """Return the digest of each file, as content digests are built on.

        Args:
            layout: The members.
            pieces: Parts into which large files were cut already, or None.
        """
        small: dict[str, str] = {}
        spans = [(part.number, part.start, part.stop) for part in pieces or ()]
        found = [Part(number, start, stop, self.of(start, stop)) for number, start, stop in spans]
        for entry in layout.entries:
            if entry.kind == "file" and entry.size < LARGE:
                small[entry.path] = self.of(entry.offset, entry.content_stop)
            elif entry.kind == "file" and pieces is None:
                start = entry.offset
                for size in cut_file(_File(self._file, entry)):
                    found.append(Part(0, start, start + size, self.of(start, start + size)))
                    start += size
        return file_digests(layout, found, small)

    def are(self, parts: Sequence[Part]) -> bool:
        """Return whether parts have the digests they claim."""
        return all(self.of(part.start, part.stop) == part.digest for part in parts)


class _File:
    """A member of an archive; a `Reader` of `archive.borders`."""

    def __init__(self, archive: ArchiveReader, entry: Entry) -> None:
        self._archive, self._start, self.size = archive, entry.offset, entry.size

    def read(self, offset: int, size: int) -> bytes:
        self._archive.seek(self._start + offset)
        return self._archive.read(max(0, min(size, self.size - offset)))


def _info(file: ArchiveReader, entries: Sequence[Entry]) -> ModelInfo:
    found = next((entry for entry in entries if entry.path == MODEL_YAML and entry.kind == "file"), None)
    if found is None:
        raise InvalidModel(f"the archive is not a model's: it has no `{MODEL_YAML}`")
    if found.size > MAX_YAML:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive is larger than {MAX_YAML:,} bytes")
    file.seek(found.offset)
    return parse_info(file.read(found.size), f"`{MODEL_YAML}` in the archive")
