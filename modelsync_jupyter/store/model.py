"""Models of the local store, and how they are found: which versions there are, and which of a name is the latest.

Looking changes no model; of a large store it keeps the times that it had to read. It may happen beside other processes
that create, replace and delete, so a version that is gone when its turn comes is left out, and one that was replaced
while it was read is read again. Half a model, which stock BentoML leaves behind when it is killed, is not listed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import InvalidModel, InvalidTag, ModelNotFound
from modelsync_jupyter.core.tags import LATEST, Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.files import read_regular
from modelsync_jupyter.folders import list_folders
from modelsync_jupyter.info import MAX_YAML, MODEL_YAML, ModelInfo

from .index import Index

if TYPE_CHECKING:
    from .times import Look

T = TypeVar("T")

#: Versions of which each time is read in a few milliseconds.
FEW = 200
#: Versions that are looked at one after another, and the threads that look at more: a disk finds several files in the
#: time of one, so of 10,000 that nobody has read lately this takes a quarter of the time.
_ONE_BY_ONE, _READERS = 20, 8
#: How BentoML and we write `creation_time`; a file in which the word stands but once is the same to any YAML reader.
_CREATED = re.compile(rb"^creation_time: '(\d{4}-\d\d-\d\d[T ][0-9:.]{8,15}[+-]\d\d:\d\d)'$", re.MULTILINE)


class Model:
    """A version in the local store.

    Args:
        tag: Name and version.
        path: Its folder.
        info: What its model.yaml says; None where that was checked before and is read again when it is asked for.
        scanned: Its folder as it was before it became visible, where that is known.
    """

    def __init__(
        self, tag: Tag, path: Path, info: ModelInfo | None = None, scanned: FolderArchive | None = None
    ) -> None:
        self.tag, self.path, self._scanned = tag, path, scanned
        if info:
            self.info = info

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and (self.path, self.info) == (other.path, other.info)

    @cached_property
    def info(self) -> ModelInfo:
        """What its model.yaml says.

        Raises:
            InvalidModel: It was broken since it was checked.
        """
        return _read_info(self.path, self.tag)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the model.yaml of the model in a folder.

        Raises:
            InvalidModel: It is missing, broken, larger than a registry takes, or not a file.
        """
        info = _read_info(path)
        return cls(info.tag, path, info)

    @cached_property
    def size(self) -> int:
        """Bytes in its files, when first asked."""
        return self._scanned.content_size if self._scanned else folder_size(self.path)

    @cached_property
    def archive(self) -> FolderArchive:
        """The model as an archive, as its folder was when first asked.

        Raises:
            InvalidModel: It cannot be read, or something in it cannot be in an archive.
        """
        return self._scanned or FolderArchive.scan(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as `--output json` prints it."""
        return {
            "tag": str(self.tag),
            "size": self.size,
            "labels": dict(self.info.labels),
            "creation_time": self.info.creation_time.isoformat(),
            "module": self.info.module,
            "metadata": dict(self.info.metadata),
            "path": str(self.path),
        }

    def __str__(self) -> str:
        return str(self.tag)

    def __repr__(self) -> str:
        return f"Model({self.tag}, {format_size(self.size)}, {str(self.path)!r})"


def _read_info(path: Path, tag: Tag | None = None) -> ModelInfo:
    """Read the model.yaml in a folder, and make sure that it names a certain tag."""
    from modelsync_jupyter.model_yaml import parse_info

    file = path / MODEL_YAML
    try:
        data = read_regular(file, MAX_YAML)
    except FileNotFoundError as error:
        raise InvalidModel(f"`{path}` holds no `{MODEL_YAML}`.") from error
    except OSError as error:
        raise InvalidModel(f"`{file}` cannot be read: {error.strerror}.") from error
    info = parse_info(data, f"`{file}`")
    if tag not in (None, info.tag):
        raise InvalidModel(f"The folder of `{tag}` holds `{info.tag}`.")
    return info


def read_creation_time(folder: str, tag: Tag) -> datetime | None:
    """Return when the version in a folder was made, or None if it is not a model of this tag.

    A model.yaml as BentoML and we write it is not parsed for this, which would take ten times as long.
    """
    try:
        data = read_regular(f"{folder}/{MODEL_YAML}", MAX_YAML)
        name, version = data[:160].split(b"\n", 2)[:2]
        found = _CREATED.search(data) if data.count(b"creation_time") == 1 else None
        if found and name == b"name: " + tag.name.encode() and version[9:].strip(b"'") == str(tag.version).encode():
            return datetime.fromisoformat(found[1].decode())
        from modelsync_jupyter.model_yaml import parse_info

        info = parse_info(data)
    except (InvalidModel, ValueError, OSError):
        return None
    return info.creation_time if info.tag == tag else None


def folder_size(folder: Path) -> int:
    """Return the bytes in the files of a folder; what cannot be looked at counts nothing."""
    size, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as items:
                for item in items:
                    if item.is_dir(follow_symlinks=False):
                        folders.append(item.path)
                    elif stat.S_ISREG((facts := item.stat(follow_symlinks=False)).st_mode):
                        size += facts.st_size
        except OSError:
            continue
    return size


class Models(list[Model]):
    """Some of the models of the store.

    Attributes:
        total: How many there are in all.
    """

    total = 0


class StoredModels:
    """The models under `$BENTOML_HOME/models`, to look at.

    Args:
        home: BentoML's home folder.

    Attributes:
        index: Content digests of its models.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self._models = str(home.models)
        self.index = Index(home.state / "digests")

    def folder(self, tag: Tag) -> Path:
        """Return where a version is, or would be."""
        return self.home.models / tag.name / str(tag.version)

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

    def read(self, tag: Tag) -> Model:
        """Return one version as `get` does, with what its model.yaml says now, whatever becomes of it later."""
        found = self.get(tag)
        return Model(found.tag, found.path, found.info)

    def find(self, tag: Tag) -> Model | None:
        """Return one version as `get` does, but None where there is none."""
        exact = (self._named(tag.name) or self._newest(tag.name)) if tag.is_latest else tag
        if exact is None or not self.folder(exact).is_dir():
            return None
        folder = self.folder(exact)
        if self.index.has_read(exact, folder / MODEL_YAML):
            return Model(exact, folder)
        try:
            model = Model.load(folder)
        except InvalidModel:
            if not folder.is_dir():
                return None  # deleted meanwhile
            model = Model.load(folder)  # replaced meanwhile, or it fails once more
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
            order = newest_first(times)
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
        from .times import Look, Times

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
        worth_it = len(unknown) > FEW and kept.settle(looks.values())
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


def newest_first(times: Mapping[Tag, datetime]) -> list[Tag]:
    """Sort versions by name, the newest of each name first; of several of one time, by version.

    Args:
        times: When each was made.
    """
    return sorted(times, key=lambda tag: (tag.name, -times[tag].timestamp(), str(tag.version)))


def _several_at_once(look: Callable[[Tag], T], tags: Sequence[Tag]) -> list[T]:
    """Look at versions, in order; at several at the same time where they are many."""
    if len(tags) <= _ONE_BY_ONE:
        return [look(tag) for tag in tags]
    from concurrent.futures import ThreadPoolExecutor

    step = -(-len(tags) // (4 * _READERS))  # a few pieces for each thread, for some disks are slow in places
    pieces = [tags[start : start + step] for start in range(0, len(tags), step)]
    with ThreadPoolExecutor(_READERS) as pool:
        return [found for piece in pool.map(lambda piece: [look(tag) for tag in piece], pieces) for found in piece]
