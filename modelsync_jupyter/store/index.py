"""The index: content digests of local models, so that looking at an unchanged model reads none of its bytes.

One file for each version, of two lines. The first is all that a list needs: the content digest and a fingerprint of
the folder it belongs to. The second holds how each large file is cut, with the digest of each piece, and the digests of
small files and of the parts that they share, under keys made of what each depends on (sizes, times, inodes, modes), so
that after a change only what changed is read again. What other rules of cutting made is not believed.

A digest is true for as long as its files have the stamps they had when they were read. Clocks of file systems tick (4
ms on a local disk, up to 2 s elsewhere), and a file that is written twice within a tick has the same stamp twice. So
`settle` waits, before anything is hashed, until the file system's own clock has passed the last change; what is not
settled then is hashed, but not kept.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.folder import FolderArchive, stamp_of
from modelsync_jupyter.archive.layout import CUT, LARGE
from modelsync_jupyter.core.parts import ALGORITHM
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import clock_passes, find_leftovers, open_own, write_text

from .hashing import NOTHING_KNOWN, Hashing, Known, Seen, key_of, keyed_parts, state_of

_DIGEST = re.compile(rf"{ALGORITHM}:[0-9a-f]{{64}}")
#: Bytes of the first line, and of a whole file of the index, at most. A model of a terabyte needs 8 MB.
_HEAD, _LONGEST = 1024, 256 << 20
#: Digests that are written as JSON at a time.
_MANY = 1000


class Index(NamedTuple):
    """Content digests by version, in files of which each is replaced in one step.

    Args:
        folder: Where they are; made when there is something to keep.
    """

    folder: Path

    def digest(self, tag: Tag, archive: FolderArchive) -> str | None:
        """Return the content digest of a folder, or None where it is not known; reads no file of it."""
        known = self._read(tag, whole=False)
        return known.digest if known.state == state_of(archive)[0] else None

    def has_read(self, tag: Tag, file: Path) -> bool:
        """Return whether a version was described with this very model.yaml, which is valid then and names the tag."""
        try:
            return self._read(tag, whole=False).yaml == key_of(stamp_of(os.lstat(file)))
        except OSError:
            return False

    def recorded(self, tag: Tag) -> str:
        """Return the content digest that a version had when last described, whatever its folder is now, or ""."""
        return self._read(tag, whole=False).digest

    def describe(
        self,
        tag: Tag,
        archive: FolderArchive,
        threads: int = 1,
        hashed: Callable[[int], None] | None = None,
        check: Callable[[], None] | None = None,
        given: Description | None = None,
        seen: Seen | None = None,
        keep: int = 0,
    ) -> Description:
        """Describe a folder: hash what the index lacks of it, and keep the result unless the store is read-only.

        Args:
            tag: Which version it is.
            archive: The folder.
            threads: Parts hashed at the same time, each with a buffer of 4 MiB.
            hashed: Called by the calling thread with the number of bytes, after each part that was hashed.
            check: Called often, by any thread; may raise to stop.
            given: What is known already: the digests of parts of large files in it are believed; where it has a content
                digest, so is the way in which it cuts these files.
            seen: What was hashed as the files were written; all of it is believed. Of parts, if `given` has the layout
                that the folder has.
            keep: Parts with small files that have to be read stay in the memory of `archive`, if together they have no
                more bytes than this, for one who reads them next: to open a file takes longer than to read it.

        Returns:
            What the folder was when it was scanned.

        Raises:
            ModelChanged: A file that had to be read is not as it was scanned; nothing is kept.
            InvalidModel: A file cannot be read.
        """
        known, (state, facts) = self._read(tag), state_of(archive)
        hashing = Hashing(archive, facts, known, threads, hashed, check, given, seen or Seen(), keep)
        del facts  # 10 MB for 100,000 files
        settled = False
        if hashing.is_needed or known.state != state:
            settled = self.settle(archive)
            hashing.run()
        description = hashing.description()
        if settled:
            self._write(tag, hashing.known(description.digest, state))
        return description

    def find_parts(
        self, tag: Tag, folder: Path, wanted: Set[str]
    ) -> tuple[FolderArchive, list[tuple[str, str, int]]] | None:
        """Find parts of a version's archive by their digests, as far as these are known; reads no file of it.

        Args:
            tag: Which version.
            folder: Where it is.
            wanted: The digests.

        Returns:
            The archive, and of each part its digest, the path of the large file that it lies in, or "", and where it
            begins in the archive. None where it is known to have none of them. It holds for files that have not changed
            since.

        Raises:
            InvalidModel: The folder cannot be read.
        """
        known = self._read(tag)
        pieces = (digest for some in known.large.values() for _, digest in some)
        if wanted.isdisjoint(known.parts.values()) and wanted.isdisjoint(pieces):
            return None
        archive = FolderArchive.scan(folder)
        found: list[tuple[str, str, int]] = []
        for entry, stamp in zip(archive.layout.entries, archive.stamps, strict=True):
            position = entry.offset
            for size, digest in known.large.get(key_of(stamp), ()) if entry.size >= LARGE else ():
                found.append((digest, entry.path, position))
                position += size
        for part, key in keyed_parts(archive, state_of(archive)[1]):
            if key in known.parts:
                found.append((known.parts[key], "", part.start))
        return archive, [each for each in found if each[0] in wanted]

    def forget(self, tag: Tag) -> None:
        """Forget a version."""
        with suppress(OSError):
            self.file(tag).unlink(missing_ok=True)

    def sweep(self, name: str, versions: Callable[[], Collection[str]]) -> None:
        """Forget versions of a name that other programs deleted, and remove what killed processes left behind.

        Args:
            name: Whose versions to look at.
            versions: Lists those that the store has.
        """
        with suppress(OSError):
            for path in find_leftovers(self.folder, f".{name}@", ".json."):
                path.unlink(missing_ok=True)
            files = os.listdir(self.folder)
            known = {file[len(name) + 1 : -len(".json")] for file in files if file.startswith(f"{name}@")}
            for version in known.difference(versions()):  # listed after the files, so that none that came is forgotten
                self.forget(Tag(name, version))
            for file in files:
                if "--" in file and "@" not in file:  # how the first version of this package named them
                    (self.folder / file).unlink(missing_ok=True)

    def settle(self, archive: FolderArchive) -> bool:
        """Wait until a later change of a file would show in its stamp; False where that would take too long.

        The clock that counts is the file system's: the time of a fresh file.
        """
        with suppress(OSError):
            return clock_passes(self.folder, archive.last_change, archive.folder.stat().st_dev)
        return False

    def file(self, tag: Tag) -> Path:
        """Return the file of a version, which may be moved away and back with its folder."""
        return self.folder / f"{tag.name}@{tag.version}.json"  # `@` cannot occur in a tag

    def _read(self, tag: Tag, *, whole: bool = True) -> Known:
        """Read what is known of a version, or its first line alone; nothing, where it is not a file of this form.

        What others own or may write to, or is not a file, is not believed: a digest decides whether a model is sent.
        """
        file = None
        try:
            if (file := open_own(self.file(tag), _LONGEST)) is None:
                return NOTHING_KNOWN
            with open(file, "rb", closefd=False) as lines:
                head = dict(json.loads(lines.readline(_HEAD)))
                body = dict(json.loads(lines.readline())) if whole else {"parts": {}, "files": {}, "large": {}}
            large = {key: [(int(size), str(each)) for size, each in some] for key, some in body["large"].items()}
            known = Known(
                head["digest"], head["state"], dict(body["parts"]), dict(body["files"]), large, head.get("yaml", "")
            )
            pieces = (each for some in large.values() for _, each in some)
            digests = (known.digest, *known.parts.values(), *known.files.values(), *pieces)
            good = head["cut"] == CUT and all(map(_DIGEST.fullmatch, digests))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return NOTHING_KNOWN
        finally:
            if file is not None:
                os.close(file)
        return known if good and isinstance(known.state, str) else NOTHING_KNOWN

    def _write(self, tag: Tag, known: Known) -> None:
        head = {"digest": known.digest, "state": known.state, "yaml": known.yaml, "cut": CUT}
        body: dict[str, Mapping[str, Any]] = {"parts": known.parts, "files": known.files, "large": known.large}
        with suppress(OSError):  # a store that is read-only can be described all the same
            write_text(self.file(tag), json.dumps(head), "\n", *_written(body), mode=0o644, durable=False)


def _written(body: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line of JSON in pieces of some items: `json` takes three times the memory of what it writes at once."""
    for number, (name, items) in enumerate(body.items()):
        yield f'{", " if number else "{"}"{name}": {{'
        keys = list(items)
        for start in range(0, len(keys), _MANY):
            some = json.dumps({key: items[key] for key in keys[start : start + _MANY]})
            yield f"{', ' if start else ''}{some[1:-1]}"
        yield "}"
    yield "}\n"
