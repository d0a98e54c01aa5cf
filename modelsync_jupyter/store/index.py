"""The index: content digests of local models, so that looking at an unchanged model reads none of its bytes.

One file for each version, of two lines. The first is all that a list needs: the content digest and a fingerprint of
the folder it belongs to. The second holds the digest of each part and of each small file, under a key made of what the
part or file depends on (sizes, times, inodes, modes), so that after a change only what changed is hashed again.

A digest is true for as long as its files have the stamps they had when they were read. Clocks of file systems tick (4
ms on a local disk, up to 2 s elsewhere), and a file that is written twice within a tick has the same stamp twice. So
`settle` waits, before anything is hashed, until the file system's own clock has passed the last change; what is not
settled then is hashed, but not kept.
"""

from __future__ import annotations

import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

from blake3 import blake3

from modelsync_jupyter.archive.description import Description, Hasher
from modelsync_jupyter.archive.folder import BLOCK, FolderArchive
from modelsync_jupyter.archive.layout import LARGE, Entry, contents, cut
from modelsync_jupyter.core.config import processors
from modelsync_jupyter.core.parts import ALGORITHM, Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import find_leftovers, write_text

_DIGEST = re.compile(rf"{ALGORITHM}:[0-9a-f]{{64}}")
_EMPTY = f"{ALGORITHM}:{blake3().hexdigest()}"
#: Bytes of the first line, and of a whole file of the index, at most. A model of a terabyte needs 8 MB.
_HEAD, _LONGEST = 1024, 256 << 20
#: Seconds to wait at most for a tick of the file system's clock, and its tick where it is not the store's own.
_PATIENCE, _TICK_ELSEWHERE = 0.05, 2_000_000_000


@dataclass(frozen=True)
class Known:
    """What the index holds of a version.

    Args:
        digest: Its content digest.
        state: Fingerprint of the folder that has it.
        parts: Digests of parts by their keys.
        files: Digests of small files by their keys.
    """

    digest: str = ""
    state: str = ""
    parts: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Index:
    """Content digests by version, in files of which each is replaced in one step.

    Args:
        folder: Where they are; made when there is something to keep.
    """

    folder: Path

    def digest(self, tag: Tag, archive: FolderArchive) -> str | None:
        """Return the content digest of a folder, or None where it is not known; reads no file of it."""
        known = self._read(tag, whole=False)
        return known.digest if known.state == state_of(archive) else None

    def describe(
        self,
        tag: Tag,
        archive: FolderArchive,
        threads: int = 1,
        hashed: Callable[[int], None] | None = None,
        check: Callable[[], None] | None = None,
        given: Description | None = None,
    ) -> Description:
        """Describe a folder: hash what the index lacks of it, and keep the result unless the store is read-only.

        Args:
            tag: Which version it is.
            archive: The folder.
            threads: Parts hashed at the same time, each with a buffer of 1 MiB.
            hashed: Called by the calling thread with the number of bytes, after each part that was hashed.
            check: Called often, by any thread; may raise to stop.
            given: What is known already: the parts of large files in it are believed.

        Raises:
            ModelChanged: A file changed meanwhile; nothing is kept.
            InvalidModel: A file cannot be read.
        """
        known, state = self._read(tag), state_of(archive)
        if given:
            known.parts.update(_slices_of(archive, given))
        hashing = _Hashing(archive, known, threads, hashed, check)
        settled = False
        if hashing.is_needed or known.state != state:
            settled = self.settle(archive)
            hashing.run()
            archive.check_unchanged()
        description = hashing.description()
        if settled:
            self._write(tag, Known(description.digest, state, *hashing.keys()))
        return description

    def forget(self, tag: Tag) -> None:
        """Forget a version."""
        with suppress(OSError):
            self._file(tag).unlink(missing_ok=True)

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
        newest = max((stamp[2] for stamp in archive.stamps if stamp), default=0)
        end = time.monotonic() + _PATIENCE
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            slack = 0 if self.folder.stat().st_dev == archive.folder.stat().st_dev else _TICK_ELSEWHERE
            while True:
                with TemporaryFile(dir=self.folder) as probe:
                    if os.fstat(probe.fileno()).st_ctime_ns - slack > newest:
                        return True
                if time.monotonic() > end:
                    return False
                time.sleep(0.001)
        return False  # a store that is read-only: nothing will be kept

    def _file(self, tag: Tag) -> Path:
        return self.folder / f"{tag.name}@{tag.version}.json"  # `@` cannot occur in a tag

    def _read(self, tag: Tag, *, whole: bool = True) -> Known:
        """Read what is known of a version, or its first line alone; nothing, where it is not a file of this form.

        What others own or may write to, or is not a file, is not believed: a digest decides whether a model is sent.
        """
        try:
            file = os.open(self._file(tag), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return Known()
        try:
            facts = os.fstat(file)
            private = facts.st_uid in (os.geteuid(), 0) and not facts.st_mode & 0o022
            if not (stat.S_ISREG(facts.st_mode) and private and facts.st_size <= _LONGEST):
                return Known()
            with open(file, "rb", closefd=False) as lines:
                head = dict(json.loads(lines.readline(_HEAD)))
                body = dict(json.loads(lines.readline())) if whole else {"parts": {}, "files": {}}
            known = Known(head["digest"], head["state"], dict(body["parts"]), dict(body["files"]))
            good = all(map(_DIGEST.fullmatch, (known.digest, *known.parts.values(), *known.files.values())))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return Known()
        finally:
            os.close(file)
        return known if good and isinstance(known.state, str) else Known()

    def _write(self, tag: Tag, known: Known) -> None:
        lines = [{"digest": known.digest, "state": known.state}, {"parts": known.parts, "files": known.files}]
        with suppress(OSError):  # a store that is read-only can be described all the same
            text = "".join(json.dumps(line) + "\n" for line in lines)
            write_text(self._file(tag), text, mode=0o644, durable=False)


def state_of(archive: FolderArchive) -> str:
    """Return a fingerprint of a folder as it was scanned: names, kinds, stamps and targets, but no content."""
    facts = [archive.mtime, *((each.path, each.kind, each.target) for each in archive.layout.entries), archive.stamps]
    return blake3(repr(facts).encode()).hexdigest()


def keyed_parts(archive: FolderArchive) -> Iterator[tuple[Part, str, Entry | None]]:
    """Yield the parts of a folder, each with its key and with the large file that it is a slice of.

    The key of such a slice does not depend on where the file stands in the archive; that of any other part holds all
    that its headers and bytes depend on.
    """
    entries, first = archive.layout.entries, 0  # the last entry that starts at or before the part
    for part in cut(archive.layout):
        while first + 1 < len(entries) and entries[first + 1].start <= part.start:
            first += 1
        large = entries[first] if entries and entries[first].size >= LARGE else None
        if large and large.offset <= part.start and part.stop <= large.content_stop:
            yield part, _key(part.start - large.offset, part.size, archive.stamps[first]), large
            continue
        facts: list[object] = [archive.mtime, part.size]
        index = first
        while index < len(entries) and entries[index].start < part.stop:
            each = entries[index]
            facts += (each.start - part.start, each.path, each.kind, each.target, archive.stamps[index])
            index += 1
        yield part, _key(*facts), None


def _slices_of(archive: FolderArchive, given: Description) -> dict[str, str]:
    """Return the digests of slices of large files by their keys, as far as another description of the folder has them.

    No others: the rest of an archive depends on how its program writes headers.
    """
    theirs = {entry.path: entry for entry in given.layout.entries}
    digests = {(part.start, part.size): part.digest for part in given.parts}
    found: dict[str, str] = {}
    for part, key, entry in keyed_parts(archive):
        same = theirs.get(entry.path) if entry else None
        if entry and same and same.size == entry.size:
            found[key] = digests.get((part.start - entry.offset + same.offset, part.size), "")
    return {key: digest for key, digest in found.items() if digest}


class _Hashing:
    """Hashes what the index lacks of a folder, each byte once where it can: small files on the way through a part."""

    def __init__(
        self,
        archive: FolderArchive,
        known: Known,
        threads: int,
        hashed: Callable[[int], None] | None,
        check: Callable[[], None] | None,
    ) -> None:
        self._archive, self._threads, self._hashed, self._check = archive, threads, hashed, check
        self._parts = [(part, key) for part, key, _ in keyed_parts(archive)]
        self._small = {
            entry.path: (entry, _key(entry.path, stamp))
            for entry, stamp in zip(archive.layout.entries, archive.stamps, strict=True)
            if entry.kind == "file" and entry.size < LARGE
        }
        self._digests = {part.number: known.parts[key] for part, key in self._parts if key in known.parts}
        self._files = {path: known.files[key] for path, (_, key) in self._small.items() if key in known.files}
        self._files |= {path: _EMPTY for path, (entry, _) in self._small.items() if not entry.size}
        self._missing = [part for part, _ in self._parts if part.number not in self._digests]
        self.is_needed = bool(self._missing) or len(self._files) < len(self._small)
        self._own = threading.local()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Hash what is missing: parts first, then those small files that no part holds as a whole."""
        self._in_threads([partial(self._hash_part, part) for part in self._missing])
        split = [entry for path, (entry, _) in self._small.items() if path not in self._files]
        self._in_threads([partial(self._hash_file, entry) for entry in split])

    def description(self) -> Description:
        """Describe the archive, once nothing is missing."""
        parts = tuple(replace(part, digest=self._digests[part.number]) for part, _ in self._parts)
        return Description.build(self._archive.layout, parts, self._files)

    def keys(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return all digests of parts and of small files by their keys."""
        parts = {key: self._digests[part.number] for part, key in self._parts}
        return parts, {key: self._files[path] for path, (_, key) in self._small.items()}

    def _in_threads(self, jobs: list[Callable[[], int]]) -> None:
        """Run jobs, and raise the first error of one as soon as the others have seen it."""
        threads = min(self._threads, processors(), len(jobs))  # hashing waits for nothing but processors
        with ThreadPoolExecutor(max(1, threads), "modelsync-hash") as pool:
            try:
                for done in as_completed([pool.submit(self._run, job) for job in jobs]):
                    size = done.result()
                    if self._hashed and not self._failure:
                        self._hashed(size)
            except BaseException as error:
                self._failure = self._failure or error
                pool.shutdown(cancel_futures=True)
        if self._failure:
            raise self._failure

    def _run(self, job: Callable[[], int]) -> int:
        try:
            return 0 if self._failure else job()
        except BaseException as error:
            self._failure = self._failure or error
            return 0

    def _hash_part(self, part: Part) -> int:
        hasher, hashers, layout = Hasher(), self._lacking(part), self._archive.layout
        for position, view in self._blocks(part):
            hasher.update(view)
            for entry, begin, end in contents(layout.entries, layout.starts, position, position + len(view)):
                if entry.path in hashers:
                    hashers[entry.path].update(view[begin - position : end - position])
        self._digests[part.number] = hasher.digest()
        self._files |= {path: each.digest() for path, each in hashers.items()}
        return part.size

    def _hash_file(self, entry: Entry) -> int:
        hasher = Hasher()
        for _, view in self._blocks(Part(0, entry.offset, entry.content_stop)):
            hasher.update(view)
        self._files[entry.path] = hasher.digest()
        return 0  # its bytes were counted with the parts that they lie in

    def _lacking(self, part: Part) -> dict[str, Hasher]:
        """Return a hasher for each small file that lies in a part as a whole and is not known."""
        layout = self._archive.layout
        inside = contents(layout.entries, layout.starts, part.start, part.stop)
        return {
            entry.path: Hasher()
            for entry, begin, end in inside
            if end - begin == entry.size < LARGE and entry.path not in self._files
        }

    def _blocks(self, part: Part) -> Iterator[tuple[int, memoryview]]:
        if not hasattr(self._own, "buffer"):
            self._own.buffer = bytearray(BLOCK)
        position = part.start
        for view in self._archive.blocks(part, self._own.buffer):
            if self._failure:
                return
            if self._check:
                self._check()
            yield position, view
            position += len(view)


def _key(*facts: object) -> str:
    return blake3(repr(facts).encode()).hexdigest(16)
