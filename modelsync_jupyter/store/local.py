"""The local model store: BentoML's layout, and only whole models are ever visible.

Looking changes no model; of a large store it keeps the times that it had to read. It may happen beside other processes
that create, replace and delete, so a version that is gone when its turn comes is left out, and one that was replaced
while it was read is read again. Half a model, which stock
BentoML leaves behind when it is killed, is not listed, but can be deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace as changed
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import InvalidModel, InvalidTag, ModelExists, ModelNotFound, UsageError
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import LATEST, Tag
from modelsync_jupyter.files import find_leftovers, prepared_text, read_regular, read_start, write_text
from modelsync_jupyter.folders import is_abandoned, list_folders, move, private_folder, put_folder, remove_tree

from .hashing import Seen
from .index import Index
from .model import Model, read_creation_time
from .times import Look, Times
from .trash import PREFIX, Trash, Trashed

#: How the names of our folders in BentoML's `tmp` begin, and of those among them that a user may still want.
_OURS, _KEPT = "modelsync-", "modelsync-kept-"
T = TypeVar("T")

#: Versions of which each time is read in a few milliseconds.
_FEW = 200
#: Versions that are looked at one after another, and the threads that look at more: a disk finds several files in the
#: time of one, so of 10,000 that nobody has read lately this takes a quarter of the time.
_ONE_BY_ONE, _READERS = 20, 8
#: Bytes at the start of a journal among which it names its stage.
_HEAD = 65_536


class Models(list[Model]):
    """Some of the models of the store.

    Attributes:
        total: How many there are in all.
    """

    total = 0


class LocalStore:
    """The models under `$BENTOML_HOME/models`.

    Args:
        home: BentoML's home folder.

    Attributes:
        index: Content digests of its models.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._models = str(home.models)
        self.index = Index(home.state / "digests")

    @cached_property
    def trash(self) -> Trash:
        """Versions that were discarded and can be restored."""
        return Trash(self.home.tmp)

    def folder(self, tag: Tag) -> Path:
        """Return where a version is, or would be."""
        return self.home.models / tag.name / str(tag.version)

    # Reading

    def get(self, tag: Tag) -> Model:
        """Return one version; an exact one, or the latest where the tag names none.

        Raises:
            ModelNotFound: There is none.
            InvalidModel: Its model.yaml is missing, broken or names another tag.
        """
        model = self.find(tag)
        if model:
            return model
        others = ", ".join(f"`{name}`" for name in self._versions(tag.name)[:5])
        raise ModelNotFound(f"No model `{tag}` in `{self.home.models}`." + (f" Available: {others}." if others else ""))

    def find(self, tag: Tag) -> Model | None:
        """Return one version as `get` does, but None where there is none."""
        exact = (self._named(tag.name) or self._newest(tag.name)) if tag.is_latest else tag
        if exact is None or not self.folder(exact).is_dir():
            return None
        try:
            model = Model.load(self.folder(exact))
        except InvalidModel:
            if not self.folder(exact).is_dir():
                return None  # deleted meanwhile
            model = Model.load(self.folder(exact))  # replaced meanwhile, or it fails once more
        if model.tag != exact:
            raise InvalidModel(f"The folder of `{exact}` holds `{model.tag}`.")
        return model

    def models(
        self,
        name: str | None = None,
        *,
        start: int = 0,
        limit: int | None = None,
        matches: Callable[[Tag], bool] = lambda tag: True,
    ) -> Models:
        """List models, sorted by name, the newest of each name first. Folders that hold no model are left out.

        To show some of many, only the creation times of all are read, which takes a tenth of the time of reading all
        that their model.yaml says. Where a time turns out to be another when a model is read, all is sorted again.

        Args:
            name: Only this name.
            start: How many to pass over.
            limit: How many at most.
            matches: Only tags for which this is true.
        """
        if limit is None and not start:  # all are going to be read
            times = dict.fromkeys(self._tags(name, matches), datetime.min.replace(tzinfo=timezone.utc))
        else:
            times = self.creation_times(name, matches)
        found: dict[Tag, Model] = {}
        while True:
            order = sorted(times, key=lambda tag: (tag.name, -times[tag].timestamp(), str(tag.version)))
            shown = order[start:] if limit is None else order[start : start + limit]
            settled = True
            missing = [tag for tag in shown if tag not in found]
            for tag, model in zip(missing, _several_at_once(self.load, missing), strict=True):
                guess = times.pop(tag)
                if model:
                    found[tag], times[tag] = model, model.info.creation_time
                settled = settled and guess == times.get(tag)
            if settled:
                models = Models(found[tag] for tag in shown)
                models.total = len(order)
                return models

    def creation_times(self, name: str | None, matches: Callable[[Tag], bool]) -> dict[Tag, datetime]:
        """Return when each model was made, without reading what else its model.yaml says.

        Args:
            name: Only this name.
            matches: Only tags for which this is true.
        """
        kept, names = Times(self.home.state / "times.json"), [name] if name else list_folders(self.home.models)

        def look() -> tuple[dict[str, Look], dict[Tag, datetime], list[Tag]]:
            looks = {each: Look.at(f"{self._models}/{each}") for each in names}
            known: dict[Tag, datetime] = {}
            unknown: list[Tag] = []
            for each, seen in looks.items():
                times = kept.known(each, seen)
                for version in seen.versions:
                    if not matches(tag := Tag(each, version)):
                        continue
                    if version in times:
                        known[tag] = times[version]
                    else:
                        unknown.append(tag)
            return looks, known, unknown

        looks, known, unknown = look()
        worth_it = len(unknown) > _FEW and kept.settle(looks.values())
        if worth_it:
            looks, known, unknown = look()
        found = known | self._times(unknown)
        if worth_it:
            kept.keep(looks, found, lambda each: (self.home.models / each).is_dir())
        return found

    def tags_near(self, tag: Tag) -> list[Tag]:
        """List all versions: those of one name first, then the others by name."""
        names = [tag.name, *(name for name in list_folders(self.home.models) if name != tag.name)]
        return [Tag(name, version) for name in names for version in reversed(self._versions(name))]

    def load(self, tag: Tag) -> Model | None:
        """Read a version for a list, as it was at one moment; None if it is gone, or not a model."""
        for _ in range(3):
            with suppress(InvalidModel, OSError):
                before = self.folder(tag).stat().st_ino
                model = Model.load(self.folder(tag))
                if model.tag != tag:
                    return None
                model.size  # noqa: B018 - it is looked up now, for this very folder
                if before == self.folder(tag).stat().st_ino:
                    return model
        return None

    def digest(self, model: Model) -> str | None:
        """Return the content digest of a version as its folder is now, or None while it is unknown; hashes nothing."""
        try:
            archive = FolderArchive.scan(model.path)
        except InvalidModel:
            return None
        return self.index.digest(model.tag, archive)

    def describe(
        self,
        model: Model,
        *,
        threads: int = 1,
        hashed: Callable[[int], None] | None = None,
        check: Callable[[], None] | None = None,
    ) -> Description:
        """Describe a version: hash those of its files that the index lacks, and keep the result.

        A store that is read-only keeps nothing.

        Args:
            model: The version.
            threads: Parts hashed at the same time.
            hashed: Called by the calling thread with the number of bytes, after each part that was hashed.
            check: Called often, by any thread; may raise to stop.

        Raises:
            ModelChanged: A file changed meanwhile.
            InvalidModel: A file cannot be read.
        """
        return self.index.describe(model.tag, model.archive, threads, hashed, check)

    # Writing

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
        return Model(tag, self.folder(tag), info, changed(archive, folder=self.folder(tag)))

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
            if litter or self._named(name) is None or len(self._versions(name)) <= _FEW:
                self._mend_latest(name)
            for path in litter:
                path.unlink(missing_ok=True)
        self.index.sweep(name, lambda: self._versions(name))
        with suppress(OSError):
            for path in self.home.tmp.glob(f"{_OURS}*"):
                kept = path.name.startswith((_KEPT, PREFIX))
                if not kept and is_abandoned(path) and not self._is_in_a_journal(path.name):
                    remove_tree(path)
        self.trash.remove(self.trash.expired())

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

    def _tags(self, name: str | None, matches: Callable[[Tag], bool]) -> list[Tag]:
        names = [name] if name else list_folders(self.home.models)
        return [tag for each in names for version in self._versions(each) if matches(tag := Tag(each, version))]

    def _versions(self, name: str) -> list[str]:
        return list_folders(self.home.models / name)

    def _named(self, name: str) -> Tag | None:
        """Return the version that `latest` names, or None where it names none that is there."""
        with suppress(OSError, UnicodeDecodeError, InvalidTag):
            tag = Tag.parse(f"{name}:{read_regular(self.home.models / name / LATEST, 1024).decode()}")
            if self.folder(tag).is_dir():
                return tag
        return None

    def _newest(self, name: str) -> Tag | None:
        """Return the newest version of a name; of several of one time, as BentoML, the first by name."""
        times = self._times([Tag(name, version) for version in self._versions(name)])
        return max(times, key=lambda tag: times[tag], default=None)

    def _time(self, tag: Tag) -> datetime | None:
        return read_creation_time(f"{self._models}/{tag.name}/{tag.version}", tag)  # paths as values are slow

    def _times(self, tags: list[Tag]) -> dict[Tag, datetime]:
        """Return when each of these was made; those that are no models are left out."""
        return {tag: time for tag, time in zip(tags, _several_at_once(self._time, tags), strict=True) if time}

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


def _several_at_once(look: Callable[[Tag], T], tags: Sequence[Tag]) -> list[T]:
    """Look at versions, in order; at several at the same time where they are many."""
    if len(tags) <= _ONE_BY_ONE:
        return [look(tag) for tag in tags]
    from concurrent.futures import ThreadPoolExecutor

    step = -(-len(tags) // (4 * _READERS))  # a few pieces for each thread, for some disks are slow in places
    pieces = [tags[start : start + step] for start in range(0, len(tags), step)]
    with ThreadPoolExecutor(_READERS) as pool:
        return [found for piece in pool.map(lambda piece: [look(tag) for tag in piece], pieces) for found in piece]
