"""Hashing: cut and hash what the index lacks of a folder, under keys that say what each digest depends on."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from mmap import PAGESIZE, mmap
from queue import SimpleQueue
from typing import NamedTuple

from blake3 import blake3

from modelsync_jupyter.archive.cut import cut_file
from modelsync_jupyter.archive.description import Description, Hasher, digest_bytes
from modelsync_jupyter.archive.folder import BLOCK, FolderArchive
from modelsync_jupyter.archive.layout import LARGE, Entry, cut
from modelsync_jupyter.core.config import processors
from modelsync_jupyter.core.parts import ALGORITHM, Part
from modelsync_jupyter.info import MODEL_YAML

#: Bytes read at a time: most parts at once, since a round through Python costs a fifth of the hash of a MiB.
_READ = 4 * BLOCK + PAGESIZE
_EMPTY = f"{ALGORITHM}:{blake3().hexdigest()}"

#: What a thread that has ended says, in place of the bytes that it has hashed.
_ENDED = -1
#: How many times as long as it works a thread has to wait for small files, so that another one is worth it.
_WAITING = 4

Job = Callable[["Callable[[Job], None]"], int]


class Known(NamedTuple):
    """What the index holds of a version.

    Args:
        digest: Its content digest.
        state: Fingerprint of the folder that has it.
        parts: Digests of parts that hold no piece of a large file, by their keys.
        files: Digests of small files by their keys.
        large: The pieces of large files, sizes and digests in order, by the keys of these files.
        yaml: Key of the stamp of the model.yaml in that folder, or "".
    """

    digest: str
    state: str
    parts: Mapping[str, str]
    files: Mapping[str, str]
    large: Mapping[str, Sequence[tuple[int, str]]]
    yaml: str = ""


NOTHING_KNOWN = Known("", "", {}, {}, {})


class Seen:
    """What was hashed of a version while its files were written, by the one who wrote them.

    Args:
        files: Digests of small files by their paths.
        parts: Digests of parts that hold no piece of a large file, by offset and size, where all that is no content is
            what our own archive has there.
    """

    def __init__(self, files: dict[str, str] | None = None, parts: dict[tuple[int, int], str] | None = None) -> None:
        self.files = {} if files is None else files
        self.parts = {} if parts is None else parts

    @classmethod
    def all_of(cls, description: Description) -> Seen:
        """Return what a description says, for one that was made of the very files."""
        return cls(dict(description.files), {(part.start, part.size): part.digest for part in description.parts})


def state_of(archive: FolderArchive) -> tuple[str, list[bytes]]:
    """Return a fingerprint of a folder as it was scanned: names, kinds, stamps and targets, but no content.

    Returns:
        The fingerprint, and what is known of each member: it says all but where the member lies in the archive.
    """
    facts = [
        f"{each.path}\0{each.kind}\0{each.target}\0".encode() + stamp
        for each, stamp in zip(archive.members, archive.stamps, strict=True)
    ]
    return blake3(b"".join((b"%d" % archive.mtime, *facts))).hexdigest(), facts


def keyed_parts(archive: FolderArchive, facts: Sequence[bytes]) -> Iterator[tuple[Part, str]]:
    """Yield the parts of a folder that hold no piece of a large file, each with a key of all that its headers and bytes
    depend on. Their numbers are not those that they have when the large files are cut.

    Args:
        archive: The folder.
        facts: What `state_of` says of its members.
    """
    entries, first = archive.layout.entries, 0  # the last entry that starts at or before the part
    for part in cut(archive.layout, {entry.path: [entry.size] for entry in entries if entry.size >= LARGE}):
        while first + 1 < len(entries) and entries[first + 1].start <= part.start:
            first += 1
        if entries and entries[first].size >= LARGE and part.start == entries[first].offset:
            continue
        last = first
        while last < len(entries) and entries[last].start < part.stop:
            last += 1
        begun = entries[first].start - part.start if entries else 0
        yield part, key_of(b"%d %d %d" % (archive.mtime, part.size, begun), *facts[first:last])


def _slices_of(archive: FolderArchive, given: Description) -> dict[str, list[tuple[int, str]]]:
    """Return the pieces of large files, by their paths, as far as another description of the folder has them.

    No others: the rest of an archive depends on how its program writes headers.
    """
    theirs = {entry.path: entry for entry in given.layout.entries if entry.size >= LARGE}
    by_start = {part.start: part for part in given.parts}
    found: dict[str, list[tuple[int, str]]] = {}
    for entry in archive.layout.entries:
        same = theirs.get(entry.path)
        if same and same.size == entry.size:
            pieces, position = [], same.offset
            while position < same.content_stop and (part := by_start.get(position)):
                pieces.append((part.size, part.digest))
                position = part.stop
            if position == same.content_stop:
                found[entry.path] = pieces
    return found


class Hashing:
    """Cuts and hashes what the index lacks of a folder, each byte once where it can.

    A large file that nobody has cut yet is cut by one thread, while others hash the pieces that it has found; small
    files are hashed on the way through the part that they lie in.
    """

    def __init__(
        self,
        archive: FolderArchive,
        facts: Sequence[bytes],
        known: Known,
        threads: int,
        hashed: Callable[[int], None] | None,
        check: Callable[[], None] | None,
        given: Description | None,
        seen: Seen,
        keep: int,
    ) -> None:
        self._archive, self._threads, self._hashed, self._check = archive, threads, hashed, check
        self._shared = list(keyed_parts(archive, facts))
        self._digests = {part.start: known.parts[key] for part, key in self._shared if key in known.parts}
        if given and given.layout == archive.layout:
            told = ((part.start, seen.parts.get((part.start, part.size))) for part, _ in self._shared)
            self._digests |= {start: digest for start, digest in told if digest}
        self._small: dict[str, str] = {}
        self._large: dict[str, tuple[Entry, str]] = {}
        self._files: dict[str, str] = {}
        for entry, stamp, fact in zip(archive.layout.entries, archive.stamps, facts, strict=True):
            if entry.size >= LARGE:  # whose pieces do not depend on its name
                self._large[entry.path] = (entry, key_of(stamp))
            elif entry.kind == "file":
                self._small[entry.path] = key_of(fact)
                if not entry.size:
                    self._files[entry.path] = _EMPTY
        self._files |= {path: known.files[key] for path, key in self._small.items() if key in known.files}
        self._files |= {path: seen.files[path] for path in self._small if path in seen.files}
        self._sizes: dict[str, list[int]] = {}
        #: What is said of pieces that may be cut as we cut them, by offset and size.
        self._hints: dict[tuple[int, int], str] = {}
        slices = _slices_of(archive, given) if given else {}
        for path, (entry, key) in self._large.items():
            pieces = slices.get(path) or known.large.get(key, [])
            starts = accumulate((size for size, _ in pieces), initial=entry.offset)
            placed = {(start, size): digest for start, (size, digest) in zip(starts, pieces, strict=False)}
            if path in slices and given and not given.digest:
                self._hints |= placed
            elif sum(size for size, _ in pieces) == entry.size:
                self._sizes[path] = [size for size, _ in pieces]
                self._digests |= {start: digest for (start, _), digest in placed.items()}
        uncut, unknown = len(self._large) - len(self._sizes), len(self._small) - len(self._files)
        self.is_needed = bool(uncut or unknown) or any(part.start not in self._digests for part, _ in self._shared)
        self._own = threading.local()
        self._failure: BaseException | None = None
        self._shared_parts: list[Part] = []  # those that nobody hashes yet, the last one first
        missing = sum(part.size for part, _ in self._shared if part.start not in self._digests)
        self._keeps = missing <= keep

    def run(self) -> None:
        """Hash what is missing: parts first, then those small files that no part holds as a whole."""
        jobs: list[Job] = [
            partial(self._cut_file, entry) for path, (entry, _) in self._large.items() if path not in self._sizes
        ]
        self._shared_parts = [part for part, _ in self._shared if part.start not in self._digests][::-1]
        jobs += [self._hash_shared] * bool(self._shared_parts)
        self._in_threads(jobs)
        entries = self._archive.layout.entries
        split = [each for each in entries if each.path in self._small and each.path not in self._files]
        self._in_threads([partial(self._hash_file, entry) for entry in split])

    def description(self) -> Description:
        """Describe the archive, once nothing is missing."""
        layout = self._archive.layout
        digests = self._digests
        parts = tuple(
            Part(each.number, each.start, each.stop, digests[each.start]) for each in cut(layout, self._sizes)
        )
        return Description.build(layout, parts, self._files)

    def known(self, digest: str, state: str) -> Known:
        """Return all that there is to keep."""
        members = zip(self._archive.members, self._archive.stamps, strict=True)
        return Known(
            digest,
            state,
            {key: self._digests[part.start] for part, key in self._shared},
            {key: self._files[path] for path, key in self._small.items()},
            {key: list(self._pieces(entry)) for entry, key in self._large.values()},
            next((key_of(stamp) for each, stamp in members if each.path == MODEL_YAML), ""),
        )

    def _pieces(self, entry: Entry) -> Iterator[tuple[int, str]]:
        position = entry.offset
        for size in self._sizes[entry.path]:
            yield size, self._digests[position]
            position += size

    def _in_threads(self, jobs: Sequence[Job]) -> None:
        """Run jobs, and those that they submit; raise the first error of one as soon as the others have seen it.

        What was submitted comes before the other jobs, so that a file is cut when the pieces of those before it are
        hashed: a terabyte has 250,000 pieces, and all of them waiting at once would take 600 MB of memory.
        """
        submitted: deque[Job] = deque()
        waiting, changed, busy = deque(jobs), threading.Condition(), 0
        done: SimpleQueue[int] = SimpleQueue()

        def submit(job: Job) -> None:
            with changed:
                submitted.append(job)
                changed.notify()

        def work() -> None:
            nonlocal busy
            while True:
                with changed:
                    while busy and not (submitted or waiting or self._failure):
                        changed.wait()
                    if self._failure or not (submitted or waiting):
                        changed.notify_all()
                        done.put(_ENDED)
                        return
                    job = (submitted or waiting).popleft()
                    busy += 1
                done.put(self._try(job, submit))
                with changed:
                    busy -= 1
                    changed.notify_all()

        # Hashing waits for nothing but processors.
        running = max(1, min(self._threads, processors())) if jobs else 0
        for _ in range(running):
            threading.Thread(target=work, name="modelsync-hash", daemon=True).start()
        while running:
            try:
                size = done.get()
                running -= size == _ENDED
                if self._hashed and size > 0 and not self._failure:
                    self._hashed(size)
            except BaseException as error:
                self._failure = self._failure or error
        if self._failure:
            raise self._failure

    def _try(self, job: Job, submit: Callable[[Job], None]) -> int:
        try:
            return job(submit)
        except BaseException as error:
            self._failure = self._failure or error
            return 0

    def _cut_file(self, entry: Entry, submit: Callable[[Job], None]) -> int:
        sizes: list[int] = []
        position, told = entry.offset, 0
        with self._archive.reader(entry) as file:
            for size in cut_file(file):
                if self._failure:
                    return 0
                if self._check:
                    self._check()
                sizes.append(size)
                if digest := self._hints.get((position, size)):
                    self._digests[position], told = digest, told + size
                else:
                    submit(partial(self._hash_part, Part(0, position, position + size)))
                position += size
        self._sizes[entry.path] = sizes
        return told

    def _hash_part(self, part: Part, submit: Callable[[Job], None]) -> int:
        """Hash a piece of a large file."""
        hasher = Hasher()
        for view in self._blocks(part):
            hasher.update(view)
        self._digests[part.start] = hasher.digest()
        return part.size

    def _hash_shared(self, submit: Callable[[Job], None]) -> int:
        """Hash the next part of small files, and those files that are not known; have the one behind it hashed.

        To open, read and close a small file is all Python, so that a second thread only waits for the first one, and
        takes its lock away. Where the disk is what is waited for, more threads wait for more of it.
        """
        begun, worked = time.monotonic(), time.thread_time()
        try:
            part = self._shared_parts.pop()
        except IndexError:
            return 0
        if self._check:
            self._check()
        data, contents = self._archive.read(part)
        files, small = self._files, self._small
        for path, content in contents:
            if path not in files and path in small:
                files[path] = digest_bytes(content)
        self._digests[part.start] = digest_bytes(data)
        if self._keeps:  # its bytes are wanted again soon
            self._archive.kept[part.start] = data
        submit(self._hash_shared)
        if time.monotonic() - begun > _WAITING * (time.thread_time() - worked):
            submit(self._hash_shared)
        return part.size

    def _hash_file(self, entry: Entry, submit: Callable[[Job], None]) -> int:
        hasher = Hasher()
        for view in self._blocks(Part(0, entry.offset, entry.content_stop)):
            hasher.update(view)
        self._files[entry.path] = hasher.digest()
        return 0  # its bytes were counted with the parts that they lie in

    def _blocks(self, part: Part) -> Iterator[memoryview]:
        if not hasattr(self._own, "buffer"):
            self._own.buffer = mmap(-1, _READ)
        for view in self._archive.blocks(part, self._own.buffer):
            if self._failure:
                return
            if self._check:
                self._check()
            yield view


def key_of(*facts: bytes) -> str:
    """Return a key for what depends on some facts."""
    return blake3(b"".join(facts)).digest(16).hex()
