"""Export: a model of the local store, written to a file, a folder or a URL."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.folder import FolderArchive, FolderSource
from modelsync_jupyter.archive.stage import EXPORTED
from modelsync_jupyter.core.config import processors
from modelsync_jupyter.core.errors import (
    ModelExists,
    ModelSyncError,
)
from modelsync_jupyter.core.outcome import Outcome
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.folders import put_folder
from modelsync_jupyter.remotes.files.formats import choose_format
from modelsync_jupyter.remotes.files.places import EXISTS, LocalPlace, Place
from modelsync_jupyter.remotes.files.reading import open_archive
from modelsync_jupyter.remotes.files.writing import open_export
from modelsync_jupyter.remotes.protocol import Source, Target
from modelsync_jupyter.store.index import Index
from modelsync_jupyter.store.local import LocalStore

from .ends import StageTarget
from .exchange import RENEWED, FilePlan, copy_all, file_journal, file_outcome, place_key
from .journal import Journal
from .plan import Operation
from .work import Work


class Export:
    """One export.

    Args:
        work: Its local side; the options name the path and the format.
        asked: The version; None for the latest in it.
    """

    def __init__(self, work: Work, asked: Tag) -> None:
        self.work, self._asked = work, asked
        self.store = LocalStore(work.home)

    def resolve(self) -> Tag:
        """Decide which version is meant, and where it goes.

        Raises:
            ModelNotFound: The local store has no such model.
            UsageError: There is no such format or protocol.
        """
        self._model = self.store.get(self._asked)
        tag, options = self._model.tag, self.work.options
        name = f"{tag.name}-{tag.version}"
        self._format, self._place = choose_format(options.path, options.format, name)
        if self._format.codec:  # more threads than processors would only compete for the caches
            self.work.options = options._replace(threads=min(options.threads, processors()))
        return tag

    @property
    def key(self) -> str:
        """What its lock and journal are called."""
        return place_key("export", self._place)

    def plan(self, *, hash: bool = True) -> FilePlan:
        """Look at both ends and decide; changes nothing."""
        model, place, force = self._model, self._place, self.work.options.force
        size = model.archive.layout.size
        why = f"`{model.tag}` is the latest in the local store. " if self._asked.is_latest else ""
        operations = (
            Operation("hash", format_size(size), "for verification"),
            Operation(
                "send", f"{self._format.name}", f"to `{place.shown}`, under another name until it is whole", size
            ),
            Operation("publish", place.name, "in one step, when all of it is written"),
        )
        if not place.kind():
            reason = f"{why}`{place.shown}` is new."
            return FilePlan("export", model.tag, place.shown, "export", reason, operations, size)
        mine = self.store.digest(model) or (self.work.describe(self.store, model).digest if hash else "")
        theirs = _claimed(place)
        if mine and mine == theirs:
            reason = f"{why}`{place.shown}` holds it already."
            return FilePlan("export", model.tag, place.shown, "skip", reason, digest=mine)
        if not force:
            raise ModelExists(f"`{place.shown}` exists already, and holds something else.", EXISTS)
        reason = f"{why}It replaces what is there."
        return FilePlan("export", model.tag, place.shown, "replace", reason, operations, size)

    def carry_out(self, plan: FilePlan) -> Outcome:
        """Carry out a plan.

        Raises:
            Cancelled: It was stopped.
            ModelSyncError: It failed; there is nothing new under the name.
        """
        started = time.monotonic()
        if plan.operations:
            self.work.retry.run(self._attempt, renew=RENEWED)
        digest = plan.digest or self.store.digest(self._model) or ""
        return file_outcome(self.work, plan, "exported" if plan.operations else "skipped", started, digest)

    def close(self) -> None:
        """Nothing is open between two attempts."""

    def _attempt(self) -> None:
        work, model, place = self.work, self._model, self._place
        description = work.describe(self.store, model, to_send=True)
        source = FolderSource(model.archive, description)
        journal = file_journal(
            work, self.key, {"export": str(model.tag), "to": place.shown, "digest": description.digest}
        )
        with closing(journal):
            target = self._open(source, description, journal)
            copy_all(source, target, work, "exporting")

    def _open(self, source: FolderSource, description: Description, journal: Journal) -> Target:
        work, place, force = self.work, self._place, self.work.options.force
        if isinstance(place, LocalPlace) and self._format.name == "folder":
            return FolderTarget(place.path, self._model.tag, source, journal, replace=force, check=work.stop.check)
        return open_export(
            place,
            self._format,
            description,
            journal,
            replace=force,
            created=self._model.info.creation_time,
            check=work.stop.check,
        )


class FolderTarget(StageTarget):
    """A model's folder being written outside the store; a `Target`.

    Args:
        path: The folder itself.
        tag: The model.
        source: Its archive.
        notes: What an earlier attempt noted.
        replace: Whether to replace a folder that is there.
        check: Called before the last step; may raise to stop.
    """

    _prefix = EXPORTED

    def __init__(
        self, path: Path, tag: Tag, source: Source, notes: Journal, *, replace: bool, check: Callable[[], None]
    ) -> None:
        self._path = path
        super().__init__(None, tag, source, notes, replace=replace, threads=1, check=check)  # type: ignore[arg-type]

    def publish(self) -> None:
        """Put the folder on disk for good, and under its name in one step."""
        self._stage.seal()
        self._check()
        try:
            put_folder(self._stage.folder, self._path, replace=self._replace)
        except FileExistsError as error:
            raise ModelExists(f"`{self._path}` exists already.", EXISTS) from error
        self._discard()

    def _make_room(self, size: int) -> None:
        """Nothing is deleted for it: what the store keeps aside need not be on this disk."""

    def _building_place(self) -> Path:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.parent


def _claimed(place: Place) -> str:
    """Return the content digest of what is at a place, as far as it can be told without unpacking it, or ""."""
    with suppress(ModelSyncError, OSError):
        if place.local and place.kind() == "folder":
            archive = FolderArchive.scan(place.local)
            with TemporaryDirectory() as scratch:
                return Index(Path(scratch)).describe(Tag("any", "any"), archive, processors()).digest
        found = open_archive(place)
        with closing(found):
            return found.claimed
    return ""
