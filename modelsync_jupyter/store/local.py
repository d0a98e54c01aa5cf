"""The local model store: BentoML's layout, and only whole models are ever visible.

What can be done to models without changing any is in `model`. Here each change is one step that others see whole or
not at all, whatever is killed when; `heal` repairs what may be left beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.errors import InvalidModel, ModelExists, ModelNotFound, UsageError
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import LATEST, Tag
from modelsync_jupyter.files import find_leftovers, prepared_text, read_start, write_text
from modelsync_jupyter.folders import is_abandoned, move, private_folder, put_folder, remove_tree

from .hashing import Seen
from .model import FEW, Model, StoredModels

if TYPE_CHECKING:
    from .trash import Trash, Trashed

#: How the names of our folders in BentoML's `tmp` begin, and of those among them that a user may still want.
_OURS, _KEPT = "modelsync-", "modelsync-kept-"
#: Bytes at the start of a journal among which it names its stage.
_HEAD = 65_536


class LocalStore(StoredModels):
    """The models under `$BENTOML_HOME/models`, to look at and to change.

    Args:
        home: BentoML's home folder.

    Attributes:
        index: Content digests of its models.
    """

    @cached_property
    def trash(self) -> Trash:
        """Versions that were discarded and can be restored."""
        from .trash import Trash

        return Trash(self.home.tmp)

    def remember(
        self,
        model: Model,
        description: Description,
        *,
        seen: Seen | None = None,
        threads: int = 1,
        check: Callable[[], None] | None = None,
    ) -> Description:
        """Keep the content digest of a version whose parts were hashed while it was pulled.

        Large files that were cut as content digests ask for are not read. The others are, and small files that were not
        `seen`: that the digest which a registry names for one belongs to its bytes is proven by nothing else.

        Args:
            model: The version as `install` returned it.
            description: What the pull was told, and has checked each part against.
            seen: What it hashed besides, as it wrote the version.
            threads: Parts hashed at the same time.
            check: Called often; may raise to stop.

        Returns:
            What the version is, which `description` may have claimed wrongly.

        Raises:
            ModelChanged: A file changed since it was installed.
            InvalidModel: A file cannot be read.
        """
        return self.index.describe(model.tag, model.archive, threads, check=check, given=description, seen=seen)

    def delete(self, tag: Tag, *, discard: bool = False) -> list[Tag]:
        """Delete a version, or with no version every one of that name; each is gone in one step.

        A version that another process deletes first is passed over.

        Args:
            tag: What to delete.
            discard: Whether it goes into the trash, from which it can be restored, and not for good.

        Raises:
            ModelNotFound: There is none.
        """
        versions = self._versions(tag.name) if tag.is_latest else [str(tag.version)]
        remove = self._discard if discard else self._remove
        gone = [each for version in versions if remove(each := Tag(tag.name, version))]
        if not gone:
            raise ModelNotFound(f"No model `{tag}` in `{self.home.models}`.")
        self._mend_latest(tag.name)
        return gone

    def restore(self, tag: Tag) -> list[Tag]:
        """Take a version out of the trash, or with no version every one of that name; each is back in one step.

        Of several that had the same tag it is the one that was deleted last.

        Raises:
            ModelNotFound: The trash has none.
            ModelExists: There is such a version; the trash keeps the other.
        """
        found: dict[Tag, Trashed] = {}
        for item in self.trash.items(tag.name):
            if tag.is_latest or item.tag == tag:
                found.setdefault(item.tag, item)
        if tag.is_latest:
            found = {each: item for each, item in found.items() if not self.folder(each).exists()}
        back = []
        for each, item in found.items():
            try:
                put_folder(item.model, self.folder(each), replace=False)
            except FileExistsError as error:
                step = "Delete that one first; both can be restored afterwards."
                raise ModelExists(f"There is another `{each}` in the local store by now.", step=step) from error
            except FileNotFoundError:
                continue  # another process was faster
            with suppress(OSError):
                item.digest.rename(self.index.file(each))
            self.trash.remove([item.place])
            back.append(each)
        self._mend_latest(tag.name)
        if not back:
            raise ModelNotFound(
                f"`{tag}` is not among the deleted models that can be restored.",
                step=Step("trash", "See what can be restored."),
            )
        return back

    def install(self, folder: Path, tag: Tag, *, replace: bool = False) -> Model:
        """Make a finished folder visible as a model, in one step; `latest` follows if it is the newest.

        Args:
            folder: The staged model on the store's file system, everything in it on disk already; gone afterwards.
            tag: What it must be.
            replace: Whether to replace a version that is there already.

        Returns:
            The model, with its folder as it was when nobody else could see it.

        Raises:
            InvalidModel: The model.yaml in it is missing, broken or names another tag.
            ModelExists: There is such a version, and `replace` is off.
        """
        info = Model.load(folder).info
        if info.tag != tag:
            step = "Ask the person who pushed it to push it again."
            raise InvalidModel(f"The archive of `{tag}` holds `{info.tag}`.", step=step)
        archive = FolderArchive.scan(folder)
        self.index.settle(archive)  # from now on others may change it, and each change must show
        # A disk that is too full for `latest` is too full for the model.
        with self._latest_file(tag) if self._is_newest(tag, info.creation_time) else nullcontext():
            try:
                put_folder(folder, self.folder(tag), replace=replace)
            except FileExistsError as error:
                raise ModelExists(f"Model `{tag}` is in the local store already.") from error
        if replace:
            self._mend_latest(tag.name)
        moved = FolderArchive(self.folder(tag), archive.members, archive.mtime, archive.stamps)
        return Model(tag, self.folder(tag), info, moved)

    def heal(self, name: str) -> None:
        """Repair what killed processes left behind: a stale `latest` of a name, temporary files, dead stages.

        What has been in the trash for long enough is deleted for good.

        Writes only where there is something to repair, and nothing where the store is read-only. A stage stays while a
        process works in it or a journal names it, and so do folders of models that could not be finished.

        Args:
            name: Whose versions to look at.
        """
        with suppress(OSError):
            # A process that is killed between a version and `latest` leaves the file that was to replace `latest`. So
            # of many versions the times are read only where there is a sign, and of few always, whatever went wrong.
            litter = find_leftovers(self.home.models / name, f".{LATEST}.", f".{LATEST}.")
            if litter or self._named(name) is None or len(self._versions(name)) <= FEW:
                self._mend_latest(name)
            for path in litter:
                path.unlink(missing_ok=True)
        self.index.sweep(name, lambda: self._versions(name))
        with suppress(OSError):
            if not any(self.home.tmp.glob(f"{_OURS}*")):  # nearly always: what looks at it need not be loaded
                return
        with suppress(OSError):
            for path in self.abandoned():
                if not self._is_in_a_journal(path.name):
                    remove_tree(path)
        self.trash.remove(self.trash.expired())

    def abandoned(self) -> Iterator[Path]:
        """Yield the folders that killed processes left in BentoML's `tmp`, stages that can be resumed among them.

        The trash is left out, and so are files of models that could not be finished: their users may want them.
        """
        from .trash import PREFIX

        for path in self.home.tmp.glob(f"{_OURS}*"):
            if not path.name.startswith((_KEPT, PREFIX)) and is_abandoned(path):
                yield path

    def new_folder(self, purpose: str) -> Path:
        """Make a private folder on the store's file system, to build in."""
        return private_folder(self.building_place(), f"{_OURS}{purpose}-")

    def keep(self, folder: Path) -> Path:
        """Keep a folder that `new_folder` made, for its user: nothing sweeps it. Returns where it is from now on."""
        kept = folder.with_name(_KEPT + folder.name.rpartition("-")[2])
        folder.rename(kept)
        return kept

    def building_place(self) -> Path:
        """Return where models are built, out of sight; from there they move into the store in one step.

        Raises:
            UsageError: The store is on another file system.
        """
        tmp, models = self.home.tmp, self.home.models
        tmp.mkdir(parents=True, exist_ok=True)
        if models.exists() and tmp.stat().st_dev != models.stat().st_dev:
            raise UsageError(
                f"`{tmp}` and `{models}` are on different file systems, so no model can move between them in one step.",
                step=f"Put both on one disk: make `{tmp}` a link to a folder beside `{models.resolve()}`.",
            )
        return tmp

    def _is_newest(self, tag: Tag, time: datetime) -> bool:
        """Return whether `latest` has to name a version about to come: by BentoML's rule, if it is not older."""
        latest = self._named(tag.name) or self._newest(tag.name)
        if latest is None or latest == tag:
            return True
        other = self._time(latest)
        return other is None or time >= other

    @contextmanager
    def _latest_file(self, tag: Tag) -> Iterator[None]:
        """Name a version as the latest when the block is done."""
        file = self.home.models / tag.name / LATEST
        try:
            with prepared_text(file, str(tag.version)):
                yield
        finally:
            with suppress(OSError):  # it goes only where nothing came
                file.parent.rmdir()

    def _remove(self, tag: Tag) -> bool:
        """Move a version out of sight and delete it; False where there is none."""
        if not self.folder(tag).is_dir():
            return False
        trash = self.new_folder("deleted")
        try:
            move(self.folder(tag), trash / "model")
        except FileNotFoundError:
            return False
        finally:
            remove_tree(trash)
        self.index.forget(tag)
        return True

    def _discard(self, tag: Tag) -> bool:
        """Move a version into the trash, with what the index knows of it; False where there is none."""
        if not self.folder(tag).is_dir():
            return False
        self.building_place()
        try:
            self.trash.put(tag, self.folder(tag), self.index.file(tag))
        except FileNotFoundError:
            return False
        self.index.forget(tag)
        return True

    def _mend_latest(self, name: str) -> None:
        """Let `latest` name the newest version, and remove the folder of a name without versions."""
        folder = self.home.models / name
        for _ in range(3):  # another process may be at it as well
            newest, named = self._newest(name), self._named(name)
            if newest is None:
                break
            if named and self._time(named) == self._time(newest):
                return
            write_text(folder / LATEST, str(newest.version))
        if not self._versions(name) and folder.is_dir():
            (folder / LATEST).unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()

    def _is_in_a_journal(self, stage: str) -> bool:
        own, journals = stage.removeprefix(_OURS), (self.home.state / "journals").glob("*")
        return any(path.stem == own or stage.encode() in read_start(path, _HEAD) for path in journals)
