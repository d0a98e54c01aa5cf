"""Verify: read every byte of a local model again, and compare with the digests that the store keeps.

Disks forget, and say so seldom: a file whose times are as they were may hold other bytes. What is damaged can be
repaired from a registry that has the same version: parts that are good are taken from here, only the others travel.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.core.errors import Conflict, ModelNotFound, ModelSyncError
from modelsync_jupyter.core.parts import Buffer, Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
from modelsync_jupyter.store.index import Index
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .copy import copy
from .ends import StageTarget
from .exchange import file_journal
from .work import Work, file_key

GOOD, DAMAGED, NEW, CHANGED, REPAIRED = "good", "damaged", "recorded", "changed", "repaired"


@dataclass(frozen=True)
class Verdict:
    """What became of verifying a version.

    Args:
        tag: The version.
        state: "good"; "damaged"; "recorded" where no digest was known, so that it is from now on; "changed" where files
            were written to since it was recorded, and the new digest is the one that is kept; or "repaired".
        digest: Its content digest as it was read.
        expected: The digest that the store kept, or "".
        files: Files that are damaged, as far as that can be told.
        fetched: Bytes that were fetched to repair it.
    """

    tag: Tag
    state: str
    digest: str
    expected: str = ""
    files: tuple[str, ...] = ()
    fetched: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON."""
        return {
            "tag": str(self.tag),
            "state": self.state,
            "digest": self.digest,
            "expected": self.expected or None,
            "files": list(self.files),
            "bytes_received": self.fetched,
        }


def verify(store: LocalStore, model: Model, work: Work, remote: Remote | None = None) -> Verdict:
    """Read all of a model, and compare; with a registry, repair what is damaged.

    Args:
        store: The store.
        model: The model.
        work: Threads, stop signal and counter.
        remote: Where to repair it from, or None.

    Raises:
        ModelChanged: Its files change while they are read.
        ModelNotFound, Conflict: It is damaged, and the registry does not have the same content.
    """
    expected = store.digest(model) or ""
    work.counter.begin("verifying", model.archive.layout.size)
    with TemporaryDirectory() as scratch:
        index = Index(Path(scratch))
        found = index.describe(model.tag, model.archive, work.threads, work.counter.add, work.stop.check)
    if not expected:
        earlier = store.index.recorded(model.tag)
        store.describe(model, threads=work.threads)
        if earlier and earlier != found.digest:
            return Verdict(model.tag, CHANGED, found.digest, earlier)
        return Verdict(model.tag, NEW, found.digest)
    if found.digest == expected:
        return Verdict(model.tag, GOOD, found.digest, expected)
    kept = store.index.describe(model.tag, model.archive)  # what the index believes: it reads nothing
    bad = tuple(path for path, digest in kept.files.items() if found.files.get(path) != digest)
    if remote is None:
        return Verdict(model.tag, DAMAGED, found.digest, expected, bad)
    fetched = repair(store, model, found, expected, remote, work)
    return Verdict(model.tag, REPAIRED, expected, expected, bad, fetched)


def repair(store: LocalStore, model: Model, found: Description, expected: str, remote: Remote, work: Work) -> int:
    """Put a model together from its good parts and those that a registry has, and replace it in one step.

    Args:
        store: The store.
        model: The damaged model.
        found: What its files are now.
        expected: The content digest that it must have.
        remote: The registry.
        work: Threads, stop signal and counter.

    Returns:
        Bytes that were fetched.

    Raises:
        ModelNotFound: The registry has no such version.
        Conflict: It has other content.
    """
    record = remote.model(model.tag)
    if record is None or not record.complete:
        raise ModelNotFound(f"`{model.tag}` is damaged, and the registry does not have it.", _ELSEWHERE)
    archive = RemoteArchive(remote, record)
    if archive.content_digest != expected:
        raise Conflict(f"`{model.tag}` is damaged, and the registry has other content under this tag.", _ELSEWHERE)
    source = _Mended(archive, model, found)
    key = file_key("pull", model.tag)
    notes = file_journal(work, f"repair-{key}", {"archive": archive.identity})
    target = StageTarget(store, model.tag, source, notes, replace=True, threads=work.threads, check=work.stop.check)
    with closing(target):
        try:
            copy(source, target, work, "repairing")
            target.publish()
        except ModelSyncError as error:
            target.give_up(error)
            raise
    return source.fetched


class _Mended:
    """An archive in a registry, with the parts that are good read from a local folder; a `Source`.

    Args:
        archive: The archive in the registry.
        model: The local model.
        found: What its files are.
    """

    def __init__(self, archive: RemoteArchive, model: Model, found: Description) -> None:
        self._archive, self._folder = archive, model.archive
        self.identity, self.size, self.ranged = archive.identity, archive.size, archive.ranged
        self.parts, self.layout, self.description = archive.parts, archive.layout, archive.description
        same = archive.layout is not None and archive.layout.entries == found.layout.entries
        mine = {(part.start, part.stop, part.digest) for part in found.parts} if same else set()
        self._good = {part.number for part in self.parts if (part.start, part.stop, part.digest) in mine}
        self.fetched = 0

    def views(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        """Read part by part, each from where it is good."""
        if not self._good or stop is None:
            yield from self._fetch(start, stop, buffer)
            return
        for part in self.parts:
            begin, end = max(start, part.start), min(stop, part.stop)
            if begin >= end:
                continue
            if part.number in self._good:
                yield from self._folder.blocks(Part(part.number, begin, end), buffer)
            else:
                yield from self._fetch(begin, end, buffer)

    def check(self) -> None:
        """Nothing left to check: what was read was compared with its digest."""

    def close(self) -> None:
        """Release the archive."""
        self._archive.close()

    def _fetch(self, start: int, stop: int | None, buffer: Buffer) -> Generator[memoryview, None, None]:
        with closing(self._archive.views(start, stop, buffer)) as views:
            for view in views:
                yield view
                self.fetched += len(view)


_ELSEWHERE = "Import it from a backup, or save it again."
