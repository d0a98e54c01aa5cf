"""Parts of a pull that the local store has already, in this or any other version: copied here, not fetched.

What the index says of a version is a claim about its files, and disks rot: a copy counts only when its bytes have the
digest that the archive asks for. What does not is fetched like anything else.

Neighbours are copied together, by the kernel where it can: on file systems that share blocks between files (Btrfs, XFS)
whole pages of them take no space and no time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import MIB, Buffer, Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.local import LocalStore

from .copy import Workers
from .ends import StageTarget
from .work import Work

#: Local versions that are looked at for parts, those of the same name first.
_VERSIONS = 100
#: Bytes that one thread copies before another has a turn.
_LONGEST = 64 * MIB


@dataclass(frozen=True, slots=True)
class Copyable:
    """Neighbouring parts of an archive whose bytes lie one behind another in a local file.

    Args:
        parts: The parts.
        path: The file.
        start: Where they begin in it.
    """

    parts: tuple[Part, ...]
    path: Path
    start: int


def reuse_parts(store: LocalStore, tag: Tag, parts: Sequence[Part], target: StageTarget, work: Work) -> None:
    """Copy to the stage what local versions have of an archive; shown as "copying". Those parts are `present` then.

    Args:
        store: The local store.
        tag: What is pulled.
        parts: The parts of the archive.
        target: The stage.
        work: Threads, stop signal and counter.

    Raises:
        Cancelled: The transfer was stopped.
        DiskFull: No space.
    """
    missing = [part for part in parts if part.digest and part.number not in target.present]
    runs = list(_find(store, tag, [part for part in missing if target.within_one_file(part)]))
    if not runs:
        return
    work.counter.begin("copying", sum(part.size for run in runs for part in run.parts))
    workers = Workers(work.threads, work.stop)
    for run in runs:
        workers.submit(_copy, run, target, work)
    workers.join()


def _copy(run: Copyable, target: StageTarget, work: Work, buffer: Buffer) -> None:
    with suppress(OSError):  # gone, or a bad disk: then it is fetched
        file = os.open(run.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            for part in target.copy(run.parts, file, run.start):
                work.stop.check()
                work.counter.add(part.size, reused=True)
        finally:
            os.close(file)


def _find(store: LocalStore, tag: Tag, parts: Sequence[Part]) -> Iterator[Copyable]:
    """Find where each part lies in a file of a local version, neighbours together."""
    wanted = {part.digest for part in parts}
    places: dict[str, tuple[Path, int]] = {}
    for other in store.tags_near(tag)[:_VERSIONS] if wanted else ():
        if len(places) == len(wanted):
            break
        with suppress(ModelSyncError):
            archive = FolderArchive.scan(store.folder(other))
            for digest, name, offset in store.index.pieces(other, archive):
                if digest in wanted:
                    places.setdefault(digest, (archive.folder / name, offset))
    run: list[Part] = []
    path, start = Path(), 0
    for part in parts:
        place = places.get(part.digest)
        size = run[-1].stop - run[0].start if run else 0
        if run and (place != (path, start + size) or part.start != run[-1].stop or size >= _LONGEST):
            yield Copyable(tuple(run), path, start)
            run = []
        if place:
            path, start = (path, start) if run else place
            run.append(part)
    if run:
        yield Copyable(tuple(run), path, start)
