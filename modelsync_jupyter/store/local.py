"""The local model store: BentoML's layout, and nobody ever sees half a model."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from uuid import uuid4

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.source import Source
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import InvalidModel, InvalidTag, ModelExists, ModelNotFound, UsageError
from modelsync_jupyter.core.tags import LATEST, Tag
from modelsync_jupyter.files import prepared_text, put_folder, write_text

from .index import Index
from .model import Model, read_info


class LocalStore:
    """The models under `$BENTOML_HOME/models`.

    Args:
        home: BentoML's home folder.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.index = Index(home.state / "digests")

    def folder(self, tag: Tag) -> Path:
        """Where a version is, or would be."""
        return self.home.models / tag.name / str(tag.version)

    def get(self, tag: Tag) -> Model:
        """One version; an exact one, or the latest where the tag names none.

        Raises:
            ModelNotFound: There is none.
            InvalidModel: Its model.yaml is missing, broken or names another tag.
        """
        model = self.find(tag)
        if model:
            return model
        others = ", ".join(f"`{name}`" for name in self._versions(tag.name)[:5])
        raise ModelNotFound(f"No model `{tag}` in `{self.home.models}`." + (f" There is {others}." if others else ""))

    def find(self, tag: Tag) -> Model | None:
        """As `get`, but None where there is no such model."""
        exact = self._latest(tag.name) if tag.is_latest else tag
        if exact is None or not self.folder(exact).is_dir():
            return None
        model = Model.load(self.folder(exact))
        if model.tag != exact:
            raise InvalidModel(f"The folder of `{exact}` holds `{model.tag}`.")
        return model

    def models(self, name: str | None = None) -> list[Model]:
        """All models, or those of one name: sorted by name, newest first. Folders that hold no model are left out."""
        names = [name] if name else [path.name for path in _folders(self.home.models)]
        models = [model for each in names for model in self._models(each)]
        return sorted(models, key=lambda model: (model.tag.name, -model.info.creation_time.timestamp()))

    def digest(self, model: Model) -> str | None:
        """Return the content digest of a version as its folder is now, or None while it is unknown; hashes nothing."""
        try:
            source = Source.scan(model.path, model.source.mtime)
        except InvalidModel:
            return None
        return self.index.digest(model.tag, source)

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
        return self.index.describe(model.tag, model.source, threads, hashed, check)

    def remember(self, model: Model, description: Description, *, threads: int = 1) -> Description:
        """Keep the content digest of a version whose parts were hashed while it was pulled; large files are not read.

        Small files are: that the digest which a registry names for one belongs to its bytes is proven by nothing else.

        Args:
            model: The version as `install` returned it.
            description: What the pull was told, and has checked each part against.
            threads: Parts hashed at the same time.

        Returns:
            What the version is, which `description` may have claimed wrongly.

        Raises:
            ModelChanged: A file changed since it was installed.
            InvalidModel: A file cannot be read.
        """
        return self.index.describe(model.tag, model.source, threads, given=description)

    def delete(self, tag: Tag) -> list[Tag]:
        """Delete a version, or with no version every one of that name; each is gone in one step.

        Raises:
            ModelNotFound: There is none.
        """
        versions = self._versions(tag.name) if tag.is_latest else [str(tag.version)]
        tags = [Tag(tag.name, version) for version in versions if self.folder(Tag(tag.name, version)).is_dir()]
        if not tags:
            raise ModelNotFound(f"No model `{tag}` in `{self.home.models}`.")
        for each in tags:
            trash = self.new_folder("deleted")
            self.folder(each).rename(trash / "model")
            self.index.forget(each)
            shutil.rmtree(trash, ignore_errors=True)
        self._mend_latest(tag.name)
        return tags

    def install(self, folder: Path, tag: Tag, *, replace: bool = False) -> Model:
        """Make a finished folder visible as a model, in one step; `latest` follows if it is the newest.

        Args:
            folder: The staged model on the store's file system, everything in it on disk already; gone afterwards.
            tag: What it must be.
            replace: Whether a version that is there already makes way.

        Raises:
            InvalidModel: The model.yaml in it is missing, broken or names another tag.
            ModelExists: There is such a version, and `replace` is off.
        """
        info = read_info(folder)
        if info.tag != tag:
            hint = "Ask whoever pushed it to push again."
            raise InvalidModel(f"The archive of `{tag}` holds `{info.tag}`.", step=hint)
        source = Source.scan(folder, int(info.creation_time.timestamp()))
        self.index.settle(source)  # from now on others may change it, and each change must show
        others = (model.info.creation_time for model in self._models(tag.name) if model.tag != tag)
        newest = all(info.creation_time >= other for other in others)
        with self._latest_file(tag) if newest else nullcontext():  # a disk too full for it is too full for the model
            try:
                put_folder(folder, self.folder(tag), replace=replace)
            except FileExistsError as error:
                raise ModelExists(f"Model `{tag}` is in the local store already.") from error
        return Model(tag, self.folder(tag), info, dataclasses.replace(source, folder=self.folder(tag)))

    def new_folder(self, purpose: str) -> Path:
        """A fresh hidden folder on the store's file system."""
        folder = self.building_place() / f"modelsync-{purpose}-{uuid4().hex[:12]}"
        folder.mkdir()
        return folder

    def building_place(self) -> Path:
        """Where models are built, out of sight; from there they move into the store in one step.

        Raises:
            UsageError: The store is on another file system.
        """
        tmp, models = self.home.tmp, self.home.models
        tmp.mkdir(parents=True, exist_ok=True)
        if models.exists() and tmp.stat().st_dev != models.stat().st_dev:
            raise UsageError(
                f"`{tmp}` and `{models}` are on different file systems, so no model can move between them in one step.",
                step=f"Put both on one disk, as by making `{tmp}` a link to a folder beside `{models.resolve()}`.",
            )
        return tmp

    def _models(self, name: str) -> Iterator[Model]:
        for version in self._versions(name):
            with suppress(InvalidModel):
                model = Model.load(self.home.models / name / version)
                if (model.tag.name, model.tag.version) == (name, version):
                    yield model

    def _versions(self, name: str) -> list[str]:
        return [path.name for path in _folders(self.home.models / name)]

    def _latest(self, name: str) -> Tag | None:
        with suppress(OSError, UnicodeDecodeError, InvalidTag):
            tag = Tag(name).at((self.home.models / name / LATEST).read_text().strip())
            if self.folder(tag).is_dir():
                return tag
        newest = self._newest(name)
        return newest.tag if newest else None

    def _newest(self, name: str) -> Model | None:
        return max(self._models(name), key=lambda model: model.info.creation_time, default=None)

    @contextmanager
    def _latest_file(self, tag: Tag) -> Iterator[None]:
        """Note a version as the latest when the block is done."""
        file = self.home.models / tag.name / LATEST
        try:
            with prepared_text(file, str(tag.version)):
                yield
        finally:
            with suppress(OSError):  # it goes only where nothing came
                file.parent.rmdir()

    def _mend_latest(self, name: str) -> None:
        folder = self.home.models / name
        if newest := self._newest(name):
            write_text(folder / LATEST, str(newest.tag.version))
            return
        (folder / LATEST).unlink(missing_ok=True)
        with suppress(OSError):
            folder.rmdir()


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(item for item in path.iterdir() if item.is_dir() and not item.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
