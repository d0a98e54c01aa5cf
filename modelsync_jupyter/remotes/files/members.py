"""Exports of files one behind another: a zip, or a folder behind a URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from modelsync_jupyter.archive.description import Description, Hasher
from modelsync_jupyter.archive.layout import Entry, Layout, contents
from modelsync_jupyter.core.errors import IntegrityError, ModelSyncError
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.files import disk_errors
from modelsync_jupyter.info import MODEL_YAML

from ..protocol import HandOff, Read
from .formats import Format
from .places import Place, Writer
from .zips import ZipWriter


class ExportTarget:
    """What all targets of an export have in common.

    Args:
        description: The archive.
        check: Called before the last step; may raise to stop.
    """

    ordered = False

    def __init__(self, description: Description, check: Callable[[], None]) -> None:
        self._description, self._check = description, check
        self.parts = description.parts
        self.present: set[int] = set()
        self.grain = max(part.size for part in description.parts)

    def give_up(self, error: ModelSyncError) -> None:
        """Nothing to tell anybody."""


class MembersTarget(ExportTarget):
    """Files one behind another: a zip, or a folder behind a URL; a `Target` that takes all parts as one run.

    Args:
        place: The zip or the folder.
        format: Which of them.
        description: The archive.
        replace: Whether to replace what is there.
        created: When the model was made: the time of members of a zip.
        check: Called before the last step; may raise to stop.
    """

    def __init__(
        self,
        place: Place,
        format: Format,
        description: Description,
        *,
        replace: bool,
        created: datetime,
        check: Callable[[], None],
    ) -> None:
        super().__init__(description, check)
        self._place, self._format, self._replace, self._created = place, format, replace, created
        self._layout: Layout = description.layout
        self._starts = [entry.start for entry in self._layout.entries]
        self.grain = description.layout.size
        self._members: _Members | None = None

    def arrange(self, parts: Sequence[Part], read: Read, hand_off: HandOff) -> None:
        """Hand off all parts: another attempt begins from the start."""
        self.present = set()
        hand_off(self.parts)

    def write(self, parts: tuple[Part, ...], views: Iterator[memoryview]) -> None:
        """Write the files in the order of the archive."""
        self._discard()
        self.present = set()
        if self._format.name == "zip":
            self._members = ZipWriter(self._place, self._description, replace=self._replace, created=self._created)
        else:
            self._members = _RemoteFolder(self._place, replace=self._replace)
        members = self._members
        for entry in self._layout.entries:
            if entry.kind in ("dir", "link") or not entry.size:
                members.add(entry)

        def put(view: memoryview, position: int) -> None:
            stop = position + len(view)
            for entry, begin, end in contents(self._layout.entries, self._starts, position, stop):
                if begin == entry.offset:
                    members.begin(entry)
                members.write(view[begin - position : end - position])
                if end == entry.content_stop:
                    members.end()

        with disk_errors(self._place.shown):
            done = {part.number for part in verified(parts, views, put)}
        self.present = done

    def publish(self) -> None:
        """Complete it: a zip gets its name, a folder its model.yaml, without which it is not a model."""
        self._check()
        assert self._members
        with disk_errors(self._place.shown):
            self._members.commit()
        self._members = None

    def close(self) -> None:
        """Remove what is not whole."""
        self._discard()

    def _discard(self) -> None:
        members, self._members = self._members, None
        if members:
            members.discard()


class _Members(Protocol):
    """Where files go, one behind another."""

    def add(self, entry: Entry) -> None:
        """Add a folder, a link or an empty file."""

    def begin(self, entry: Entry) -> None:
        """Begin a file."""

    def write(self, view: memoryview) -> None:
        """Append to it."""

    def end(self) -> None:
        """End it: all its bytes were written."""

    def commit(self) -> None:
        """Make everything visible: all files were ended."""

    def discard(self) -> None:
        """Remove what is not whole."""


class _RemoteFolder:
    """A folder behind a URL. Such systems have no step that shows several files at once, so model.yaml comes last."""

    def __init__(self, place: Place, *, replace: bool) -> None:
        self._place, self._replace = place, replace
        self._writer: Writer | None = None
        self._last: Writer | None = None
        self._lost: list[str] = []
        if replace and place.child(MODEL_YAML).kind():
            place.child(MODEL_YAML).delete()
        self._old = {path for path, _ in place.walk()} if place.kind() else set()

    def add(self, entry: Entry) -> None:
        if entry.kind == "file":
            self.begin(entry)
            self.end()

    def begin(self, entry: Entry) -> None:
        self._old.discard(entry.path)
        self._writer = self._place.child(entry.path).writer(replace=True)
        if entry.path == MODEL_YAML:
            self._last = self._writer

    def write(self, view: memoryview) -> None:
        assert self._writer
        self._writer.write(view)

    def end(self) -> None:
        assert self._writer
        if self._writer is not self._last:
            self._writer.commit()
        self._writer = None

    def commit(self) -> None:
        for path in self._old:
            self._place.child(path).delete()
        if self._last:
            self._last.commit()

    def discard(self) -> None:
        for writer in (self._writer, self._last):
            if writer:
                writer.discard()


def verified(
    parts: Sequence[Part], views: Iterator[memoryview], put: Callable[[memoryview, int], None]
) -> Iterator[Part]:
    """Pass bytes on, and yield each part when all of it has arrived and has its digest.

    Raises:
        IntegrityError: It has not.
    """
    queue, hasher, position = iter(parts), Hasher(), parts[0].start
    part: Part | None = next(queue)
    for view in views:
        while view and part:
            piece, view = view[: part.stop - position], view[part.stop - position :]
            hasher.update(piece)
            put(piece, position)
            position += len(piece)
            if position == part.stop:
                if part.digest and hasher.digest() != part.digest:
                    raise IntegrityError(f"Part {part.number} of the archive does not match its digest.")
                yield part
                part, hasher = next(queue, None), Hasher()
