"""Pull: fetch parts in any order, write them straight into the staged files, and show the model when it is whole."""

from __future__ import annotations

import dataclasses
import io
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing

from modelsync_jupyter.archive.digest import digest_of
from modelsync_jupyter.archive.layout import Entry, Layout
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.archive.unpack import Frontier, unpack
from modelsync_jupyter.core.errors import (
    Conflict,
    DiskFull,
    IntegrityError,
    InvalidModel,
    InvalidReply,
    Unavailable,
    UnsafeArchive,
)
from modelsync_jupyter.core.parts import Part, split
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .archive import RemoteArchive
from .fetch import Fetcher, Queue
from .journal import Journal
from .pool import Pool
from .receive import ENDLESS, Receiver, entries_of, parts_of
from .run import Run

_ATTEMPTS = 3


def pull(run: Run, remote: RemoteModel, *, replace: bool) -> Model:
    """Fetch a model and install it when all of it has arrived.

    Args:
        run: The attempt.
        remote: What the registry says of it.
        replace: Whether a local copy makes way, once the new one is whole.

    Raises:
        ModelSyncError: It did not work; the store shows what it showed before.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        fetching = Pull(run, remote)
        try:
            fetching.fetch()
            return fetching.install(replace=replace)
        except (UnsafeArchive, InvalidModel):
            fetching.discard()
            raise
        except IntegrityError:
            fetching.discard()
            if attempt > 1 or fetching.fetcher.spoilt:
                raise
        except Conflict:  # it was replaced meanwhile: the new one is wanted
            if attempt == _ATTEMPTS:
                raise
        except Unavailable:
            if fetching.archive.ranged or attempt == _ATTEMPTS:
                raise
        finally:
            fetching.journal.close()
        run = run.again()
    raise AssertionError("unreachable")


class Pull:
    """One pull.

    Args:
        run: The attempt.
        remote: What the registry says of the model.
    """

    def __init__(self, run: Run, remote: RemoteModel) -> None:
        self.run, self.remote = run, remote
        self.archive = RemoteArchive(run, remote.tag, remote.strategy)
        self.parts = self._cut()
        self.size = self.parts[-1].stop if self.parts[-1] != ENDLESS else 0
        name = run.journal_name("pull", remote.tag)
        self.folder = LocalStore(run.home).building_place() / f"modelsync-{name}"
        about = {
            "pull": str(remote.tag),
            "endpoint": run.context.endpoint,
            "state": [self.archive.download.digest, self.archive.etag, self.archive.size, remote.uid, remote.updated],
            "ranged": self.archive.ranged,
        }
        self.journal = Journal(run.home.state / "journals" / f"{name}.jsonl", about)
        if self.journal.fresh or not self.archive.ranged:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.stage = Stage(self.folder / "model")
        self.fetcher = Fetcher(self.archive, self.stage, self.journal, run.counter)

    def fetch(self) -> None:
        """Stage the whole archive, but for the parts that are staged already."""
        self._check_space()
        self.run.counter.begin("receiving", self.size)
        if not self.archive.ranged:
            self._fetch_whole()
        elif self.archive.download.layout is not None:
            self._fetch_known(Layout.from_json(self.archive.download.layout, self.size))
        else:
            self._fetch_unknown()

    def install(self, *, replace: bool) -> Model:
        """Put the staged model on disk for good and into the store."""
        self.run.counter.begin("finishing")
        self.stage.seal()
        self.run.stop.check()
        model = LocalStore(self.run.home).install(self.stage.folder, self.remote.tag, replace=replace)
        self.discard()
        return model

    def discard(self) -> None:
        """Forget what was staged."""
        self.journal.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _cut(self) -> tuple[Part, ...]:
        """The parts: as the registry says, as we noted when we pushed the model, or even ones without digests."""
        download, size = self.archive.download, self.archive.size
        if download.parts:
            total = download.parts[-1].stop
            if digest_of(download.parts) != download.digest or size not in (None, total):
                raise InvalidReply("The registry describes the archive in two ways that do not agree.")
            return download.parts
        if self.remote.parts and _is_ours(self.archive.head, self.remote):
            return self.remote.parts
        return split(size) if size else (ENDLESS,)

    def _check_space(self) -> None:
        free = shutil.disk_usage(self.folder).free
        staged = sum(path.stat().st_blocks * 512 for path in self.folder.rglob("*") if path.is_file())
        if self.size - staged > free:
            raise DiskFull(
                f"`{self.remote.tag}` needs {format_size(self.size - staged)}, "
                f"and `{self.folder.parent}` has {format_size(free)} left."
            )

    def _fetch_known(self, layout: Layout) -> None:
        """Every part at once: the registry says which bytes are which file."""
        for entry in layout.entries:
            self.stage.add(entry)
        done = self._done(self.parts)
        with self.run.pool() as pool:
            queue = self._queue(pool)
            for part in self.parts:
                if part.number not in done:
                    queue.add(part)
            queue.flush()

    def _fetch_unknown(self) -> None:
        """Walk the headers, and hand off every part that lies within one file."""
        known = entries_of(self.journal)
        for entry in known:
            self.stage.add(entry)
        limit = known[-1].offset if known else 0
        done = self._done(
            [part for part in self.parts if part.stop <= limit or self.stage.within_one(part.start, part.stop)]
        )
        with self.run.pool() as pool:
            queue = self._queue(pool)
            for part in self.parts:
                if part.stop <= limit and part.number not in done:
                    queue.add(part)
            self._walk(queue, known, done)

    def _walk(self, queue: Queue, known: Sequence[Entry], done: set[int]) -> None:
        receiver: Receiver | None = None

        def open_at(position: int) -> Iterator[memoryview]:
            nonlocal receiver
            queue.flush()
            part = next(part for part in self.parts if part.start <= position < part.stop)
            receiver = self.fetcher.receiver([part])
            return self.archive.views(position, part.stop)

        def write(offset: int, view: memoryview) -> None:
            assert receiver
            receiver.write(offset, view)

        def hand_off(part: Part) -> None:
            if part.number not in done:
                queue.add(part)

        with closing(Frontier(self.parts, open_at, write, hand_off)) as frontier:
            unpack(frontier, self.stage, known, self._found)
        queue.flush()

    def _fetch_whole(self) -> None:
        """One stream straight into the stage: the server answers no ranges."""
        receiver = self.fetcher.receiver(self.parts)
        stop = self.size or None

        def open_at(position: int) -> Iterator[memoryview]:
            return iter(()) if position else self.archive.views(0, stop)

        with closing(Frontier(self.parts, open_at, receiver.write, None)) as frontier:
            unpack(frontier, self.stage, (), self._found)

    def _queue(self, pool: Pool) -> Queue:
        return Queue(self.fetcher, pool, self.size, self.run.threads)

    def _found(self, entry: Entry) -> None:
        self.journal.add(entry=dataclasses.astuple(entry))

    def _done(self, parts: Sequence[Part]) -> set[int]:
        done = parts_of(self.journal, self.stage, parts)
        for part in parts:
            if part.number in done:
                self.run.counter.add(part.size, reused=True)
        return done


def _is_ours(head: bytes, remote: RemoteModel) -> bool:
    """Whether the archive is the one whose digests we noted: somebody may have pushed another over it since."""
    try:
        with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as tar:
            first = tar.next()
    except tarfile.TarError:
        return False
    return first is not None and first.name != "." and first.mtime == int(remote.creation_time.timestamp())
