"""The ends of a sync: the local store, a registry, and a folder of exports, each as a list of versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Protocol

from modelsync_jupyter.archive.folder import FolderSource
from modelsync_jupyter.core.errors import InvalidModel, ModelSyncError, UsageError
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import MODEL_YAML, ModelInfo
from modelsync_jupyter.model_yaml import parse_info
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.remotes.bentocloud.catalog import Catalog
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.remotes.bentocloud.uploading import Version, open_upload
from modelsync_jupyter.remotes.files.formats import FORMATS
from modelsync_jupyter.remotes.files.places import Place
from modelsync_jupyter.remotes.files.urls import find_place
from modelsync_jupyter.remotes.files.writing import open_export
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.protocol import Source, Target
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.wire import labels_json, model_path

from .ends import StageTarget
from .exchange import read_member
from .importing import open_model
from .work import Work

OpenNotes = Callable[[dict[str, Any]], Any]
#: How the names of exports end that a mirror looks into.
_SUFFIXES = (".bentomodel", ".tar", ".zip", ".gz", ".tgz", ".bz2", ".xz", ".zst")
_LISTING_THREADS = 10


@dataclass(frozen=True)
class Beside:
    """What people wrote about a version in a registry; it may change while the bytes stay.

    Args:
        labels: Its labels.
        description: Its description.
    """

    labels: Mapping[str, str]
    description: str


@dataclass(frozen=True)
class Held:
    """A version at one end.

    Args:
        tag: Name and version.
        size: Bytes in its files or archive.
        what: What the end knows it by.
        known: Its content digest, or "" where that has to be found out.
        complete: Whether all its bytes are there.
        beside: What people wrote about it, where the end keeps that beside the model; else None.
    """

    tag: Tag
    size: int
    what: Any
    known: str = ""
    complete: bool = True
    beside: Beside | None = None


@dataclass(frozen=True)
class SyncItem:
    """What a sync does with one version.

    Args:
        tag: The version.
        action: "copy"; "replace"; "update", where only its labels or description differ; "delete"; or where it is left
            alone, "same", "different" or "unknown".
        size: Bytes to copy at most.
        held: The version at the source, or where it is deleted at the target.
        there: The version at the target, or None.
    """

    tag: Tag
    action: str
    size: int
    held: Held
    there: Held | None = None


@dataclass(frozen=True)
class AliasMove:
    """An alias that is to stand for another version, or for none.

    Args:
        name: Name of the models.
        alias: The alias.
        version: The version that it will stand for; None where it will be removed.
        earlier: The version that it stands for until now, or None.
    """

    name: str
    alias: str
    version: str | None
    earlier: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the move as JSON."""
        return {"tag": f"{self.name}:{self.alias}", "version": self.version, "earlier": self.earlier}


#: Versions by the name of their models and an alias.
Aliases = Mapping[tuple[str, str], str]


class MirrorEnd(Protocol):
    """An end of a sync.

    Attributes:
        shown: What to call it.
        takes_unread: Whether what it writes may come as `Unread`: it goes into a socket as it is.
    """

    shown: str
    takes_unread: bool

    def held(self, query: str) -> list[Held]:
        """List the versions, all or those that a query finds."""
        ...

    def aliases(self) -> Aliases | None:
        """Return the aliases of what was listed last, or None where the end has none."""
        ...

    def digest(self, held: Held) -> str:
        """Return the content digest of a version, or "" where it cannot be told without unpacking it."""
        ...

    def open(self, held: Held, work: Work, *, unread: bool = False) -> tuple[Source, ModelInfo]:
        """Open a version to copy it.

        Args:
            held: The version.
            work: The local side of the copy.
            unread: Whether the source may yield `Unread`.
        """
        ...

    def target(
        self, item: SyncItem, info: ModelInfo, source: Source, version: Version | None, notes: OpenNotes, work: Work
    ) -> Target:
        """Begin to write a version."""
        ...

    def finish(self, item: SyncItem) -> None:
        """Do what is left when a version is complete: set labels, delete what it replaces under another name."""
        ...

    def move(self, move: AliasMove) -> None:
        """Move or remove an alias, unless somebody else has moved it since it was listed."""
        ...

    def delete(self, held: Held) -> None:
        """Delete a version."""
        ...


class LocalEnd:
    """The local store.

    Args:
        store: The store.
        work: Who hashes what it does not know the digest of.
    """

    takes_unread = False

    def __init__(self, store: LocalStore, work: Work) -> None:
        self._store, self._work = store, work
        self.shown = str(store.home.models)

    def held(self, query: str) -> list[Held]:
        if query:
            raise UsageError("The local store cannot be queried.", "Use a query where the source is a registry.")
        return [Held(model.tag, model.size, model) for model in self._store.models()]

    def digest(self, held: Held) -> str:
        model: Model = held.what
        return self._store.digest(model) or self._work.describe(self._store, model).digest

    def open(self, held: Held, work: Work, *, unread: bool = False) -> tuple[Source, ModelInfo]:
        model: Model = held.what
        description = work.describe(self._store, model, to_send=True)
        return FolderSource(model.archive, description, unread=unread), model.info

    def target(
        self, item: SyncItem, info: ModelInfo, source: Source, version: Version | None, notes: OpenNotes, work: Work
    ) -> Target:
        return StageTarget(
            self._store,
            item.tag,
            source,
            notes({}),
            replace=work.options.force,
            threads=work.threads,
            check=work.stop.check,
        )

    def aliases(self) -> None:
        """Return nothing: a store has no aliases."""

    def finish(self, item: SyncItem) -> None:
        """Nothing to do: labels are in the model.yaml, which is copied as it is."""

    def move(self, move: AliasMove) -> None:
        """Nothing to move: there are no aliases."""

    def delete(self, held: Held) -> None:
        self._store.delete(held.tag, discard=True)


class RegistryEnd:
    """A registry.

    Args:
        remote: The registry.
    """

    takes_unread = True

    def __init__(self, remote: Remote) -> None:
        self._remote, self._catalog = remote, Catalog(remote.http)
        self.shown = remote.http.endpoint
        self._aliases: dict[tuple[str, str], str] = {}
        self._foreign = False

    def held(self, query: str) -> list[Held]:
        found = self._remote.models(query=query).items
        self._aliases = {(each.tag.name, alias): str(each.tag.version) for each in found for alias in each.aliases}
        self._foreign = bool(found) and not any(each.digest or each.aliases for each in found)
        return [
            Held(each.tag, each.size, each, each.digest, each.complete, Beside(dict(each.labels), each.description))
            for each in found
            if not each.is_elsewhere
        ]

    def aliases(self) -> Aliases | None:
        return None if self._foreign else self._aliases

    def digest(self, held: Held) -> str:
        with suppress(ModelSyncError):
            return held.known or RemoteArchive(self._remote, held.what).content_digest
        return ""

    def open(self, held: Held, work: Work, *, unread: bool = False) -> tuple[Source, ModelInfo]:
        record: RemoteModel = held.what
        source = RemoteArchive(self._remote, record, look=False)
        if source.layout is None:  # a stock archive on a foreign registry: all else is told when it is unpacked
            return source, ModelInfo(held.tag, record.creation_time)
        entry = next((each for each in source.layout.entries if each.path == MODEL_YAML), None)
        if entry is None:
            raise InvalidModel(f"The archive of `{held.tag}` holds no `{MODEL_YAML}`.", "Push it again.")
        return source, parse_info(read_member(source, entry), f"`{MODEL_YAML}` of `{held.tag}`")

    def target(
        self, item: SyncItem, info: ModelInfo, source: Source, version: Version | None, notes: OpenNotes, work: Work
    ) -> Target:
        assert version
        there: RemoteModel | None = item.there.what if item.there else None
        check = work.stop.check
        return open_upload(self._remote, version, there, notes=notes, threads=work.threads, check=check)  # type: ignore[arg-type]

    def finish(self, item: SyncItem) -> None:
        wanted, now = item.held.beside, self._remote.model(item.tag)
        if wanted is None or now is None:
            return
        change: dict[str, Any] = {}
        if dict(now.labels) != wanted.labels:
            change["labels"] = labels_json(wanted.labels)
        if now.description != wanted.description:
            change["description"] = wanted.description
        if change:
            self._remote.http.call("PATCH", model_path(item.tag), change)

    def move(self, move: AliasMove) -> None:
        if not self._remote.ensure_repository(move.name):
            return  # a registry that had no models, and turns out to know no aliases
        if move.version:
            self._catalog.move_alias(f"{move.name}:{move.version}", move.alias, expected=move.earlier)
        elif move.earlier:
            self._catalog.drop_alias(f"{move.name}:{move.alias}", expected=move.earlier)

    def delete(self, held: Held) -> None:
        self._remote.http.call("DELETE", model_path(held.tag))


class FolderEnd:
    """A folder of exports, here or behind a URL: whatever archives are in it, and `name/version.tar` for new ones.

    Args:
        place: The folder.
    """

    takes_unread = False

    def __init__(self, place: Place) -> None:
        self._place = place
        self.shown = place.shown

    def held(self, query: str) -> list[Held]:
        if query:
            raise UsageError("A folder cannot be queried.", "Use a query where the source is a registry.")
        if not self._place.kind():
            return []
        names = sorted(name for name, _ in self._place.walk() if name.endswith(_SUFFIXES) and "/." not in f"/{name}")
        with ThreadPoolExecutor(_LISTING_THREADS, "modelsync-list") as pool:
            found = [held for held in pool.map(self._look, names) if held]
        return list({held.tag: held for held in found}.values())

    def digest(self, held: Held) -> str:
        return held.known

    def open(self, held: Held, work: Work, *, unread: bool = False) -> tuple[Source, ModelInfo]:
        opened = open_model(held.what)
        assert opened.source
        assert opened.info  # else it would not be in the list
        return opened.source, opened.info

    def target(
        self, item: SyncItem, info: ModelInfo, source: Source, version: Version | None, notes: OpenNotes, work: Work
    ) -> Target:
        assert version
        return open_export(
            self._new(item.tag),
            FORMATS["tar"],
            version.description,
            notes({}),
            replace=True,
            created=info.creation_time,
            check=work.stop.check,
        )

    def aliases(self) -> None:
        """Return nothing: a folder has no aliases."""

    def move(self, move: AliasMove) -> None:
        """Nothing to move: there are no aliases."""

    def finish(self, item: SyncItem) -> None:
        if item.there and item.there.what.shown != self._new(item.tag).shown:
            self.delete(item.there)

    def delete(self, held: Held) -> None:
        place: Place = held.what
        place.delete()

    def _new(self, tag: Tag) -> Place:
        return self._place.child(f"{tag.name}/{tag.version}.tar")

    def _look(self, name: str) -> Held | None:
        """Look into an archive; None where it is not a model, or does not say which."""
        place = self._place.child(name)
        with suppress(ModelSyncError), closing(open_model(place)) as opened:
            if opened.info and opened.source:
                return Held(opened.info.tag, opened.source.size or place.stamp()[0], place, opened.claimed)
        return None


def open_end(text: str, work: Work) -> MirrorEnd:
    """Return the end that a word names.

    Args:
        text: `local`; the name of a context, also as `context:NAME`; or the path or URL of a folder.
        work: The local side of the sync.

    Raises:
        UsageError: It is none of them.
        NoContext: There is no such context.
    """
    if text == "local":
        return LocalEnd(LocalStore(work.home), work)
    name = text.removeprefix("context:")
    if name != text or name in {context.name for context in contexts.load(work.home)}:
        return RegistryEnd(Remote(Http(contexts.resolve(work.home, name), work.retry, work.options.threads)))
    if "/" in text or "." in text:
        return FolderEnd(find_place(text))
    step = Step("contexts", "Name `local`, a context, or a folder with a slash in it, such as `./models`.")
    raise UsageError(f"`{text}` is not the name of a context.", step)
