"""The local end of a pull: the stage of a model as the target of a copy."""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path

from modelsync_jupyter.archive.arrival import Arrival
from modelsync_jupyter.archive.description import Description, Hasher
from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.stage import PREFIX, Stage
from modelsync_jupyter.archive.unpack import Frontier, unpack
from modelsync_jupyter.core.errors import (
    DiskFull,
    IntegrityError,
    InvalidModel,
    ModelExists,
    ModelSyncError,
    UnsafeArchive,
)
from modelsync_jupyter.core.parts import MIB, MIN_RUN, Part, gather
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.remotes.protocol import ENDLESS, HandOff, Notes, Read, Source
from modelsync_jupyter.store.hashing import Seen
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

#: Bytes in one run of neighbours, nearly: a request costs a millisecond of CPU and a round trip, so it should bring
#: more than one part.
_SHORTEST_RUN, _LONGEST_RUN = 32 * MIB, 64 * MIB


class StageTarget:
    """A model being built out of sight of everybody, from an archive whose parts come in any order; a `Target`.

    What an earlier attempt staged is used if its bytes still have the digest that was noted for them.

    Args:
        store: Where the model is installed in the end.
        tag: What it must be.
        source: The archive.
        notes: What an earlier attempt at the same archive noted.
        replace: Whether a model that is there already is replaced.
        threads: How many threads write at the same time.
        check: Called before the last step; may raise to stop.
        borders: Where one object of the far end stops and the next begins, from the start of the archive on: bytes of
            two of them are two requests anyway.

    Attributes:
        model: The model, once it is installed.
        digest: Its content digest, or "" where the source tells too little to compare it with.

    Raises:
        DiskFull: There is no space for it.
    """

    ordered = False
    _prefix = PREFIX

    def __init__(
        self,
        store: LocalStore,
        tag: Tag,
        source: Source,
        notes: Notes,
        *,
        replace: bool,
        threads: int,
        check: Callable[[], None] = lambda: None,
        borders: Sequence[int] = (),
    ) -> None:
        self._store, self._tag, self._source, self._notes = store, tag, source, notes
        self._replace, self._threads, self._check, self._borders = replace, threads, check, borders
        self._longest = max(MIN_RUN, min(_LONGEST_RUN, (source.size or 0) // (2 * threads)))
        self._stage = self._open_stage()
        self._check_space()
        self._known = [] if source.layout else [Entry(*note["entry"]) for note in notes.notes if "entry" in note]
        try:
            for entry in source.layout.entries if source.layout else self._known:
                self._stage.add(entry)
        except UnsafeArchive:
            self._discard()
            raise
        self.present = self._staged()
        self._seen = Seen()
        self.grain = max(part.size for part in source.parts)
        self.model: Model | None = None
        self.digest = ""

    @property
    def folder(self) -> Path:
        """Where the files are until they are published."""
        return self._stage.folder

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Hand off runs of neighbours. Without a layout, walk the headers, and hand off what lies within one file."""
        runs = _Runs(hand_off, self._longest)
        if self._source.layout is None:
            self._walk(runs, read)
        elif self._source.ranged:
            # An object is one request, or where few have to do for many threads, a few of about the same length.
            for index, group in groupby(parts, lambda part: bisect_right(self._borders, part.start)):
                some = list(group)
                size, longest = sum(part.size for part in some), self._longest
                count, shortest = max(1, min(self._threads, size // MIB)), min(_SHORTEST_RUN, longest)
                if index < len(self._borders):
                    count, shortest, longest = max(1, round(size / longest)), size, size
                for run in gather(some, count, shortest, longest):
                    hand_off(run)
        else:
            hand_off(self._source.parts)
        runs.flush()

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        """Stage, hash, verify and note each part, in this order."""
        receiver, position = _Receiver(self, parts), parts[0].start
        for view in views:
            receiver.write(position, view)
            position += len(view)

    def write_here(
        self, parts: tuple[Part, ...], archive: FolderArchive, start: int, views: Iterator[memoryview]
    ) -> None:
        """Write neighbouring parts that a local folder has, as `write`; where they can, both share blocks on disk.

        Args:
            parts: The parts.
            archive: The folder.
            start: Where they begin in its archive.
            views: Their bytes, from there. They are hashed as they come: what is shared is what was hashed, because
                `FolderArchive.blocks` ends with an error where a file is not as it was when scanned.

        Raises:
            IntegrityError: The bytes do not have their digest. What was written of that part does not count.
            ModelChanged: The file that has them is not as it was when scanned.
            InvalidModel: It cannot be read.
        """
        receiver, position = _Receiver(self, parts, self._share(parts, archive, start)), parts[0].start
        for view in views:
            receiver.write(position, view)
            position += len(view)

    def _share(self, parts: tuple[Part, ...], archive: FolderArchive, start: int) -> tuple[int, int]:
        """Let whole pages of parts share blocks with a file of a folder; return which bytes of the archive do now."""
        first, last = parts[0].start, parts[-1].stop
        index = archive.layout.find(start)
        entry = archive.layout.entries[index]
        inside = entry.offset <= start and start + last - first <= entry.content_stop
        if inside and self._stage.within_one(first, last):
            with archive.open(index) as file:
                return self._stage.share(first, last, file.fileno(), start - entry.offset)
        return first, first

    def publish(self) -> None:
        """Put the staged model on disk for good, and into the store in one step."""
        self._stage.seal()
        self._check()
        self.model = self._store.install(self._stage.folder, self._tag, replace=self._replace)
        self._discard()
        if known := self._known_parts():
            with suppress(ModelSyncError):  # changed already: then nobody knows its digest
                found = self._store.remember(
                    self.model, known, seen=self._seen, threads=self._threads, check=self._check
                )
                self.digest = found.digest

    def give_up(self, error: ModelSyncError) -> None:
        """Keep what was staged, unless it is known to be bad, or of no use: the version is in the store already."""
        if isinstance(error, (IntegrityError, UnsafeArchive, InvalidModel, ModelExists)):
            self._discard()

    def close(self) -> None:
        """Keep what was noted for the next attempt."""
        self._notes.close()

    def _discard(self) -> None:
        self._notes.remove()
        self._stage.discard()

    def _open_stage(self) -> Stage:
        """Open the stage that an earlier attempt noted, if it can be resumed and nobody touched it; else a new one."""
        place = self._building_place()
        noted = [note["stage"] for note in self._notes.notes if "stage" in note]
        stage = Stage.reopen(place, noted[-1]) if noted else None
        if stage and not self._source.ranged:
            stage.discard()
            stage = None
        if stage is None:
            stage = Stage.create(place, self._prefix)
            self._notes.add(stage=stage.name)
        return stage

    def _building_place(self) -> Path:
        return self._store.building_place()

    def _staged(self) -> set[int]:
        """Return the numbers of the parts that are staged, and still are as they were when they were noted.

        Without a layout, a part counts if all of its files are known: those before the last entry that was found, or
        parts within a single file.
        """
        content = {note["part"]: note["content"] for note in self._notes.notes if "part" in note}
        limit = self._source.parts[-1].stop
        if self._source.layout is None:
            limit = self._known[-1].offset if self._known else 0
        return {
            part.number
            for part in self._source.parts
            if part.number in content
            and (part.stop <= limit or self._stage.within_one(part.start, part.stop))
            and self._content(part) == content[part.number]
        }

    def _content(self, part: Part) -> str:
        with suppress(OSError):
            return self._stage.digest(part.start, part.stop)
        return ""

    def _check_space(self) -> None:
        folder = self._stage.folder
        free = shutil.disk_usage(folder).free
        staged = sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
        missing = (self._source.size or 0) - staged
        if missing > free:
            self._make_room(missing - free)
            free = shutil.disk_usage(folder).free
        if missing > free:
            place = folder.parent.parent
            raise DiskFull(f"`{self._tag}` needs {format_size(missing)}, and `{place}` has {format_size(free)} left.")

    def _make_room(self, size: int) -> None:
        self._store.trash.make_room(size)

    def _walk(self, runs: _Runs, read: Read) -> None:
        """Read the headers of an archive that nobody describes, and stage what is read on the way.

        The parts of files that earlier headers told of go to the other threads first; then one thread walks on from
        the last header that is known.
        """
        ranged, parts = self._source.ranged, self._source.parts
        receiver = _Receiver(self, parts)
        limit = self._known[-1].offset if self._known else 0
        for part in parts:
            if part.stop <= limit and part.number not in self.present:
                runs.add(part)

        def open_at(position: int) -> Iterator[memoryview]:
            nonlocal receiver
            runs.flush()
            if not ranged:
                return iter(()) if position else read(0, self._source.size)
            part = next(part for part in parts if part.start <= position < part.stop)
            receiver = _Receiver(self, (part,))
            return read(position, part.stop)

        def hand_off(part: Part) -> None:
            if part.number not in self.present:
                runs.add(part)

        def write(offset: int, view: memoryview) -> None:
            receiver.write(offset, view)

        with closing(Frontier(parts, open_at, write, hand_off if ranged else None)) as frontier:
            unpack(frontier, self._stage, self._known, self._found)

    def _found(self, entry: Entry) -> None:
        self._notes.add(entry=entry)

    def _arrived(self, part: Part, digest: str, arrival: Arrival) -> None:
        """Note a part whose bytes are all staged, and what they told on the way."""
        if part.digest and digest != part.digest:
            raise IntegrityError(f"Part {part.number} of the archive does not match its digest.")
        self._notes.add(part=part.number, content=arrival.content() or digest)
        self._seen.files.update(arrival.files)
        if arrival.ours:
            self._seen.parts[part.start, part.size] = digest
        self.present.add(part.number)

    def _known_parts(self) -> Description | None:
        """Return what was verified on the way; files that others cut in their own way are read once more for it."""
        layout, parts = self._source.layout, self._source.parts
        if self._source.description:
            return self._source.description
        if layout is None or not all(part.digest for part in parts):
            return None
        return Description(layout, parts, {}, "")


class _Receiver:
    """Takes the bytes of consecutive parts in order, and stages them.

    Args:
        target: Where they go.
        parts: The parts that come, one behind another.
        there: `[begin, end)` of the archive that is staged already, and is hashed only.
    """

    def __init__(self, target: StageTarget, parts: Sequence[Part], there: tuple[int, int] = (0, 0)) -> None:
        self._target, self._there = target, there
        self._parts = iter(parts)
        self._begin(next(self._parts))

    def _begin(self, part: Part) -> None:
        self._part, self._hasher, self._arrival = part, Hasher(), self._target._stage.arrival(part)

    def write(self, offset: int, view: memoryview) -> None:
        begin, end = self._there
        while view:
            piece, view = view[: self._part.stop - offset], view[self._part.stop - offset :]
            self._hasher.update(piece)
            if begin == end:
                self._target._stage.write(offset, piece, self._arrival)
            else:
                if before := piece[: max(0, begin - offset)]:
                    self._target._stage.write(offset, before)
                if behind := piece[max(0, end - offset) :]:
                    self._target._stage.write(max(offset, end), behind)
            offset += len(piece)
            if offset == self._part.stop:
                self._target._arrived(self._part, self._hasher.digest(), self._arrival)
                self._begin(next(self._parts, Part(0, offset, ENDLESS)))


class _Runs:
    """Gathers neighbouring parts into runs, each of which is one request."""

    def __init__(self, hand_off: HandOff, longest: int) -> None:
        self._hand_off, self._longest = hand_off, longest
        self._run: list[Part] = []

    def add(self, part: Part) -> None:
        run = self._run
        if run and (run[-1].stop != part.start or part.stop - run[0].start > self._longest):
            self.flush()
        self._run.append(part)

    def flush(self) -> None:
        """Leave nothing waiting for neighbours."""
        if self._run:
            self._hand_off(tuple(self._run))
        self._run = []
