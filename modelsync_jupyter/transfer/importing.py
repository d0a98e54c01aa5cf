"""Import: a model, taken into the local store from a file, a folder or a URL."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.config import processors
from modelsync_jupyter.core.errors import (
    IntegrityError,
    InvalidModel,
    ModelExists,
    ModelSyncError,
)
from modelsync_jupyter.core.outcome import Outcome, Status
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag, new_version
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.files import write_text
from modelsync_jupyter.info import MAX_YAML, MODEL_YAML, ModelInfo
from modelsync_jupyter.model_yaml import info_yaml, parse_info, renamed_yaml
from modelsync_jupyter.remotes.files.places import Place
from modelsync_jupyter.remotes.files.reading import StreamSource, TarSource, open_archive
from modelsync_jupyter.remotes.files.trees import Tree, TreeSource, read_small
from modelsync_jupyter.remotes.files.urls import find_place
from modelsync_jupyter.remotes.protocol import Source
from modelsync_jupyter.remotes.retry import Renew
from modelsync_jupyter.store.hashing import Seen
from modelsync_jupyter.store.index import Index
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .ends import StageTarget
from .exchange import RENEWED, FilePlan, copy_all, file_journal, file_outcome, place_key, read_member
from .foreign import describe_foreign
from .journal import Journal
from .plan import Operation
from .work import Work

_COPY = "Nothing was installed. Get another copy of it."
_FOREIGN = "Unpack it and import the folder, with a name for it."


@dataclass
class Opened:
    """A file or folder that was opened to be read as a model.

    Args:
        source: It as an archive; None for files that have no model.yaml.
        info: What its model.yaml says; None where that is read only when all of it is unpacked.
        claimed: The content digest that it says it has, or "".
        tree: Its files, where it is not a tar.
    """

    source: Source | None
    info: ModelInfo | None
    claimed: str
    tree: Tree | None = None

    def close(self) -> None:
        """Release what is open."""
        for end in (self.source, self.tree):
            if end:
                end.close()


def open_model(place: Place) -> Opened:
    """Open a file or folder.

    Raises:
        UsageError: There is nothing there.
        ModelSyncError: It cannot be read, is damaged, or unsafe.
    """
    found = open_archive(place)
    if isinstance(found, (TarSource, StreamSource)):
        return Opened(found, _info_of(found), found.claimed)
    try:
        data = read_small(found, MODEL_YAML, MAX_YAML)
        if data is None:
            return Opened(None, None, "", found)
        info = parse_info(data, f"`{MODEL_YAML}` in `{place.shown}`")
        return Opened(TreeSource(found), info, found.claimed, found)
    except BaseException:
        found.close()
        raise


class Import:
    """One import.

    Args:
        work: Its local side; the options name the path, and a tag to rename it to.
    """

    def __init__(self, work: Work) -> None:
        self.work = work
        self.store = LocalStore(work.home)
        self._place: Place = find_place(work.options.path)
        self._rename = Tag.parse(work.options.rename) if work.options.rename else None
        self._source: Source | None = None
        self._claimed = ""
        self._tag: Tag | None = None

    def resolve(self) -> Tag | None:
        """Look at what is to be imported, and return its tag, or None where that is not known yet.

        Raises:
            UsageError: There is nothing there.
            ModelSyncError: It cannot be read, is damaged, or unsafe.
        """
        self.work.retry.run(self._open, renew=() if self._place.local else {Renew.REQUEST})
        return self._tag

    @property
    def key(self) -> str:
        """What its lock and journal are called."""
        return place_key("import", self._place)

    def plan(self, *, hash: bool = True) -> FilePlan:
        """Look at both ends and decide; changes nothing."""
        tag, place, source = self._tag, self._place, self._source
        assert source
        size = source.size or 0
        operations = (
            Operation("receive", format_size(size) if size else place.name, "into a temporary folder; checked", size),
            Operation("install", str(tag or "the model"), "in one step, when all is on disk"),
        )
        local = self.store.find(tag) if tag else None
        if local is None:
            reason = "New in the local store." if tag else "Its tag is known when all of it is unpacked."
            return FilePlan("import", tag, place.shown, "import", reason, operations, size)
        mine = self.store.digest(local) or (self.work.describe(self.store, local).digest if hash else "")
        if mine and mine == self._claimed:
            return FilePlan("import", tag, place.shown, "skip", "The local store has it already.", digest=mine)
        if self._claimed and mine and not self.work.options.force:
            raise different(tag)
        action = "replace" if self.work.options.force else "import"
        reason = "It replaces the local copy." if self.work.options.force else "It is compared with the local copy."
        return FilePlan("import", tag, place.shown, action, reason, operations, size)

    def carry_out(self, plan: FilePlan) -> Outcome:
        """Carry out a plan.

        Raises:
            Cancelled: It was stopped.
            ModelExists: The local store has another model under this tag.
            ModelSyncError: It failed; the store shows what it showed before.
        """
        started = time.monotonic()
        if not plan.operations:
            return file_outcome(self.work, plan, "skipped", started, plan.digest)
        self._target: ImportTarget | None = None
        self.work.retry.run(self._attempt, renew=() if self._place.local else RENEWED)
        assert self._target
        done = self._target
        status: Status = "imported" if done.model else "skipped"
        reason = plan.reason if plan.tag else "The archive names this tag."
        reason = reason if done.model else "The local store has it already."
        return file_outcome(self.work, replace(plan, tag=done.tag, reason=reason), status, started, done.digest)

    def _open(self) -> None:
        opened = open_model(self._place)
        try:
            self._take(opened)
        except BaseException:
            opened.close()
            raise

    def _take(self, opened: Opened) -> None:
        info, self._claimed = opened.info, opened.claimed
        if opened.source is None:
            assert opened.tree
            info = describe_foreign(opened.tree, self._place, self._rename)
            local = self.store.find(info.tag)
            if local:  # the same files imported again are the same model, not one that differs in its time
                info = info._replace(creation_time=local.info.creation_time, context=local.info.context)
            self._rename = None
            more = {MODEL_YAML: info_yaml(info).encode()}
            opened.source = TreeSource(opened.tree, more)
        self._source = opened.source
        self._tag = info.tag if info else None
        if self._rename and info and (renamed := _renamed(info.tag, self._rename)) != info.tag:
            self._tag, self._claimed = renamed, ""  # another tag is another content

    def _attempt(self) -> None:
        work = self.work
        if self._source is None:
            self._open()
        source = self._source
        assert source
        journal = file_journal(work, self.key, {"archive": source.identity, "as": str(self._rename or "")})
        with closing(journal):
            self._target = target = ImportTarget(
                self.store,
                self._tag,
                source,
                journal,
                rename=self._rename,
                claimed=self._claimed,
                replace=work.options.force,
                threads=work.threads,
                check=work.stop.check,
                shown=self._place.shown,
            )
            try:
                copy_all(source, target, work, "importing")
            finally:
                self.close()

    def close(self) -> None:
        """Release what is open. May be called twice."""
        source, self._source = self._source, None
        if source:
            source.close()


class ImportTarget(StageTarget):
    """The stage of an import: what it is, and whether it may be installed, is decided when all of it is there.

    Args:
        store: Where it is installed.
        tag: What it is, or None where only its model.yaml will tell.
        source: The archive.
        notes: What an earlier attempt noted.
        rename: What to call it, or None.
        claimed: The content digest that the archive says it has, or "".
        replace: Whether another model under its tag is replaced.
        threads: How many threads write at the same time.
        check: Called before the last step; may raise to stop.
        shown: What to call the archive.

    Attributes:
        tag: Its tag, once that is known.
    """

    def __init__(
        self,
        store: LocalStore,
        tag: Tag | None,
        source: Source,
        notes: Journal,
        *,
        rename: Tag | None,
        claimed: str,
        replace: bool,
        threads: int,
        check: Callable[[], None],
        shown: str,
    ) -> None:
        self.tag, self._rename, self._claimed, self._shown = tag, rename, claimed, shown
        super().__init__(store, tag or Tag("a-model"), source, notes, replace=replace, threads=threads, check=check)

    def publish(self) -> None:
        """Verify the content digest, compare with what the store has, and install, or skip."""
        folder = self._stage.folder
        info = self._name(folder)
        self._stage.seal()
        self._check()
        self.tag = info.tag
        archive = FolderArchive.scan(folder)
        scratch = Index(folder.parent / "digests")
        known, seen = self._known_parts(), self._seen
        found = scratch.describe(info.tag, archive, processors(), check=self._check, given=known, seen=seen)
        if self._claimed and found.digest != self._claimed:
            raise IntegrityError(f"`{self._shown}` does not have the content that it says it has.", _COPY)
        self.digest = found.digest
        local = self._find(info.tag)
        if local and describe_quickly(self._store, local) == found.digest:
            self._discard()
            return
        if local and not self._replace:
            raise different(info.tag)
        self.model = self._store.install(folder, info.tag, replace=self._replace)
        with suppress(ModelSyncError):  # changed already: then nobody knows its digest
            self._store.remember(self.model, found, seen=Seen.all_of(found))
        self._discard()

    def _name(self, folder: Path) -> ModelInfo:
        try:
            info = Model.load(folder).info
        except InvalidModel as error:
            raise InvalidModel(f"`{self._shown}` holds no model: {error.message}", _FOREIGN) from error
        if self._rename and (tag := _renamed(info.tag, self._rename)) != info.tag:
            text = renamed_yaml((folder / MODEL_YAML).read_bytes(), info, tag)
            (folder / MODEL_YAML).unlink()
            write_text(folder / MODEL_YAML, text, durable=False)
            self._seen = Seen()  # that was of the old one
            return Model.load(folder).info
        return info

    def _find(self, tag: Tag) -> Model | None:
        try:
            return self._store.find(tag)
        except InvalidModel:
            if self._replace:
                return None
            raise


def describe_quickly(store: LocalStore, model: Model) -> str:
    """Return the content digest of a local model."""
    return store.digest(model) or store.describe(model, threads=processors()).digest


def different(tag: Tag | None) -> ModelExists:
    """Make the error for a tag under which other content is."""
    step = Step("force", "Import it under another tag, or overwrite the local copy.")
    return ModelExists(f"The local store has a different model under `{tag}`.", step)


def _info_of(source: TarSource | StreamSource) -> ModelInfo | None:
    """Read the model.yaml of an archive whose layout is known, where it can be read alone."""
    entry = next((each for each in source.layout.entries if each.path == MODEL_YAML), None) if source.layout else None
    if source.layout and (entry is None or entry.kind != "file" or entry.size > MAX_YAML):
        raise InvalidModel(f"The archive holds no `{MODEL_YAML}`.", _FOREIGN)
    if isinstance(source, StreamSource):
        data = source.peek(MODEL_YAML, MAX_YAML)
        return None if data is None else parse_info(data, "the archive")
    if entry is None:
        return None
    return parse_info(read_member(source, entry), "the archive")


def _renamed(tag: Tag, asked: Tag) -> Tag:
    """Return the tag to import under: a name alone keeps the version."""
    return asked if asked.version else asked.at(tag.version or new_version())
