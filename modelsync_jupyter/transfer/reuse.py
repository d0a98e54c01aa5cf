"""Parts of a pull that the local store has already, in this or any other version: copied here, not fetched.

What the index says of a version is a claim about its files, and disks rot: a copy counts only when its bytes have the
digest that the archive asks for. What does not is fetched like anything else. Each byte is read once, hashed and
written; on file systems that share blocks between files (Btrfs, XFS) whole pages are shared instead, and only hashed.

Where they cannot, `copy_file_range` would copy in the kernel, but what it copied has to be read again to be hashed, and
it knows no way past a page cache that is slow: 0.6 s of processor time for a GiB, where this takes 0.3 to 0.4.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.errors import IntegrityError, InvalidModel, ModelChanged, ModelSyncError
from modelsync_jupyter.core.parts import MIB, Buffer, Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.protocol import Source
from modelsync_jupyter.store.local import LocalStore

from .copy import Workers
from .ends import StageTarget
from .work import Work

#: Local versions that are looked at for parts, those of the same name first.
_VERSIONS = 100
#: Bytes that one thread copies before another has a turn.
_LONGEST = 64 * MIB


class Place(NamedTuple):
    """Where bytes lie in the archive of a local version.

    Args:
        archive: The version.
        path: The large file of it that they lie in, or "".
        start: Where they begin in the archive.
    """

    archive: FolderArchive
    path: str
    start: int


class Copyable(NamedTuple):
    """Neighbouring parts of an archive whose bytes lie one behind another in a local version too.

    Args:
        parts: The parts.
        place: Where the first one is.
    """

    parts: tuple[Part, ...]
    place: Place


def find_copyable(store: LocalStore, tag: Tag, parts: Sequence[Part]) -> Iterator[Copyable]:
    """Find where local versions hold parts of an archive, neighbours together.

    Args:
        store: The local store.
        tag: What is pulled: versions of its name are looked at first.
        parts: The parts; those without a digest are found nowhere.
    """
    places = _find_places(store, tag, {part.digest for part in parts if part.digest})
    run: list[Part] = []
    first = behind = None
    for part in parts:
        place = places.get(part.digest)
        together = run and part.start == run[-1].stop and part.stop - run[0].start <= _LONGEST
        if not (together and place == behind):
            if first:
                yield Copyable(tuple(run), first)
            run, first = [], place
        if place:
            run.append(part)
            behind = place._replace(start=place.start + part.size)
    if first:
        yield Copyable(tuple(run), first)


def _find_places(store: LocalStore, tag: Tag, wanted: set[str]) -> dict[str, Place]:
    """Find a place of each digest that a local version has."""
    places: dict[str, Place] = {}
    for other in store.tags_near(tag)[:_VERSIONS] if wanted else ():
        with suppress(ModelSyncError):
            if found := store.index.find_parts(other, store.folder(other), wanted):
                archive, parts = found
                places.update((digest, Place(archive, path, start)) for digest, path, start in parts)
                wanted.difference_update(places)
        if not wanted:
            break
    return places


def reuse_parts(store: LocalStore, tag: Tag, source: Source, target: StageTarget, work: Work) -> None:
    """Copy to the stage what local versions have of an archive; shown as "copying". Those parts are `present` then.

    Args:
        store: The local store.
        tag: What is pulled.
        source: The archive. Of one that does not tell which bytes are which file, nothing can be staged beforehand.
        target: The stage.
        work: Threads, stop signal and counter.

    Raises:
        Cancelled: The transfer was stopped.
        DiskFull: No space.
    """
    missing = [part for part in source.parts if part.number not in target.present] if source.layout else []
    runs = list(find_copyable(store, tag, missing))
    if not runs:
        return
    work.counter.begin("copying", sum(part.size for run in runs for part in run.parts))
    workers = Workers(work.threads, work.stop)
    for run in runs:
        workers.submit(_copy, run, target, work)
    workers.join()


def _copy(run: Copyable, target: StageTarget, work: Work, buffer: Buffer) -> None:
    """Copy what is right of a run: behind a part that is not, the next one begins anew."""
    parts, place = run.parts, run.place

    def views() -> Iterator[memoryview]:
        for view in place.archive.blocks(Part(0, place.start, place.start + parts[-1].stop - parts[0].start), buffer):
            work.stop.check()
            yield view

    while parts:
        with suppress(IntegrityError, ModelChanged, InvalidModel):  # it rotted, or is gone: then it is fetched
            target.write_here(parts, place.archive, place.start, views())
        right = next((count for count, part in enumerate(parts) if part.number not in target.present), len(parts))
        work.counter.add(sum(part.size for part in parts[:right]), reused=True)
        place = place._replace(start=place.start + sum(part.size for part in parts[: right + 1]))
        parts = parts[right + 1 :]
