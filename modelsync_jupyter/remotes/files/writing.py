"""Writing an export: targets of a copy, one for each way in which a format takes its bytes.

A plain tar on a disk takes its parts in any order, and a compressed one, or any that goes through a driver, in order;
but the work on each run of parts (reading, hashing, compressing) is done by the thread that has it, so all processors
are busy, and only the bytes themselves wait for their turn. What goes to this computer is kept for another attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from blake3 import blake3

from modelsync_jupyter.archive.description import Description, Hasher
from modelsync_jupyter.core.config import processors
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import MIB, Part
from modelsync_jupyter.files import disk_errors

from ..protocol import HandOff, Notes, Read
from .codecs import Codec
from .formats import Format
from .members import ExportTarget, MembersTarget, verified
from .places import LocalPlace, LocalWriter, Place, Writer

#: Bytes of a run that goes out as one piece: at most what a compressor needs to look back on, and a request should
#: bring; less where there is less than a few of them for each processor.
_RUN, _SHORT_RUN = 16 * MIB, 2 * MIB


def open_export(
    place: Place,
    format: Format,
    description: Description,
    notes: Notes,
    *,
    replace: bool,
    created: datetime,
    check: Callable[[], None] = lambda: None,
) -> TarTarget | StreamTarget | MembersTarget:
    """Begin to write an export; a `Target`.

    Args:
        place: The file or folder itself.
        format: What to write; a folder on this computer is not among it.
        description: The archive.
        notes: What an earlier attempt at the same export noted.
        replace: Whether to replace what is there.
        created: When the model was made: the time of members of a zip.
        check: Called before the last step, and while waiting; may raise to stop.

    Raises:
        DiskFull: There is no space for it.
    """
    if format.name in ("zip", "folder"):
        return MembersTarget(place, format, description, replace=replace, created=created, check=check)
    if isinstance(place, LocalPlace) and not format.codec:
        return TarTarget(place, description, notes, replace=replace, check=check)
    return StreamTarget(place, format.codec, description, notes, replace=replace, check=check)


class TarTarget(ExportTarget):
    """A plain tar on this computer that describes itself; a `Target`.

    Args:
        place: The file.
        description: The archive.
        notes: What an earlier attempt noted.
        replace: Whether to replace a file that is there.
        check: Called before the last step; may raise to stop.
    """

    def __init__(
        self, place: LocalPlace, description: Description, notes: Notes, *, replace: bool, check: Callable[[], None]
    ) -> None:
        super().__init__(description, check)
        self._path, self._notes = place.path, notes
        self._header = description.header()
        with disk_errors(place.path):
            self._file = _reopen(place, notes, replace=replace)
            self._file.reserve(len(self._header) + description.layout.size)
        noted = {note["part"] for note in notes.notes if "part" in note} if self._file.resumed else set()
        self.present = {part.number for part in self.parts if part.number in noted and self._holds(part)}

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Hand off each part alone: nothing is won by runs where there are no requests."""
        for part in parts:
            hand_off((part,))

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        """Write, hash, verify and note each part."""
        base = len(self._header)

        def put(view: memoryview, position: int) -> None:
            with disk_errors(self._path):
                self._file.write_at(view, base + position)

        for part in verified(parts, views, put):
            self._notes.add(part=part.number)
            self.present.add(part.number)

    def publish(self) -> None:
        """Write the description in front of the parts, flush all, and give the file its name."""
        self._check()
        with disk_errors(self._path):
            self._file.write_at(self._header, 0)
            self._file.commit()
        self._notes.remove()

    def close(self) -> None:
        """Keep what was written for the next attempt."""
        self._file.close()
        self._notes.close()

    def _holds(self, part: Part) -> bool:
        hasher, base = Hasher(), len(self._header)
        for view in self._file.read_at(base + part.start, base + part.stop, bytearray(MIB)):
            hasher.update(view)
        found: str = hasher.digest()
        return found == part.digest


class StreamTarget(ExportTarget):
    """A tar that is written in order: compressed, or through a driver, or both; a `Target`.

    Memory: a run for each thread, at most 16 MiB.

    Args:
        place: The file.
        codec: How to compress, or None.
        description: The archive.
        notes: What an earlier attempt noted; of use on this computer only.
        replace: Whether to replace a file that is there.
        check: Called before the last step, and while a thread waits for its turn; may raise to stop.
    """

    ordered = True

    def __init__(
        self,
        place: Place,
        codec: Codec | None,
        description: Description,
        notes: Notes,
        *,
        replace: bool,
        check: Callable[[], None],
    ) -> None:
        super().__init__(description, check)
        self._codec, self._notes, self._shown = codec, notes, place.shown
        self._turn, self._next = threading.Condition(), 1
        self._run = min(_RUN, max(_SHORT_RUN, description.layout.size // (8 * processors())))
        self._local = isinstance(place, LocalPlace)
        with disk_errors(self._shown):
            if isinstance(place, LocalPlace):
                self._file: Writer = _reopen(place, notes, replace=replace)
                self._resume(self._file)
            else:
                self._file = place.writer(replace=replace)
            if self._next == 1:
                header = memoryview(description.header())
                pieces = [codec.compress([header]) if codec else bytes(header)]
                self._put(pieces, self._digest(pieces), 0)
        self.grain = max(sum(part.size for part in run) for run in self._runs(self.parts))

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Hand off runs, in order."""
        for run in self._runs(parts):
            hand_off(run)

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        """Read, verify and compress a run, and append it when all before it are there."""
        pieces: list[bytes] = []
        compressor = self._codec.compressor() if self._codec else None

        def put(view: memoryview, position: int) -> None:
            pieces.append(compressor.compress(view) if compressor else bytes(view))

        for _ in verified(parts, views, put):
            pass
        if compressor:
            pieces.append(compressor.flush())
        digest = self._digest(pieces)  # here, where threads do it at the same time
        with self._turn:
            while self._next != parts[0].number:
                self._check()
                self._turn.wait(0.1)
            self._put(pieces, digest, parts[-1].number)
            self._next = parts[-1].number + 1
            self.present |= {part.number for part in parts}
            self._turn.notify_all()

    def publish(self) -> None:
        """Complete the file, and give it its name."""
        self._check()
        with disk_errors(self._shown):
            self._file.commit()
        self._notes.remove()

    def give_up(self, error: ModelSyncError) -> None:
        """Remove what went through a driver: it cannot be resumed."""
        if not self._local:
            self._file.discard()
            self._notes.remove()

    def close(self) -> None:
        """Keep what was written on this computer for the next attempt."""
        if isinstance(self._file, LocalWriter):
            self._file.close()
        else:
            self._file.discard()
        self._notes.close()

    def _runs(self, parts: Sequence[Part]) -> Iterator[tuple[Part, ...]]:
        run: list[Part] = []
        for part in parts:
            if run and (part.stop - run[0].start > self._run or part.number != run[-1].number + 1):
                yield tuple(run)
                run = []
            run.append(part)
        if run:
            yield tuple(run)

    def _digest(self, pieces: Sequence[bytes]) -> str:
        """Return the digest of what is appended as one, where it is noted."""
        hasher = blake3()
        for piece in pieces if self._local else ():
            hasher.update(piece)
        return hasher.hexdigest()

    def _put(self, pieces: Sequence[bytes], digest: str, number: int) -> None:
        """Append pieces, and note them with their own digest: after a crash only what is still there counts."""
        with disk_errors(self._shown):
            for piece in pieces:
                self._file.write(piece)
        if isinstance(self._file, LocalWriter):
            self._notes.add(part=number, end=self._file.position, piece=digest)

    def _resume(self, file: LocalWriter) -> None:
        """Find how much of an earlier attempt's file is still as it was noted, and go on behind that."""
        position = 0
        if file.resumed:
            for note in (note for note in self._notes.notes if "piece" in note):
                hasher = blake3()
                for view in file.read_at(position, note["end"], bytearray(MIB)):
                    hasher.update(view)
                if hasher.hexdigest() != note["piece"]:
                    break
                position, self._next = note["end"], note["part"] + 1
        file.cut(position)
        self.present = set(range(1, self._next))


def _reopen(place: LocalPlace, notes: Notes, *, replace: bool) -> LocalWriter:
    """Reopen the file of an earlier attempt, or begin one and note its name."""
    noted = [note["file"] for note in notes.notes if "file" in note]
    file = LocalWriter(place.path, replace=replace, name=noted[-1] if noted else None)
    if not file.resumed:
        notes.add(file=file.name)
    return file
