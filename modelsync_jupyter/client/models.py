"""Models, here and in the registry: the verbs of `Client` that look for them, compare them and delete them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from modelsync_jupyter.core.config import DEFAULT_THREADS
from modelsync_jupyter.core.errors import NOT_LISTED, ModelNotFound
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model, Models

from .bar import Watched

if TYPE_CHECKING:
    from modelsync_jupyter.remotes.bentocloud.client import Remote
    from modelsync_jupyter.remotes.bentocloud.replies import Page, RemoteModel
    from modelsync_jupyter.store.trash import Trashed

    from .statuses import Statuses

#: Versions of each side that are read first, so that something can be shown, and of the registry at a time after that.
_FIRST, _NEXT = 100, 1000


class ModelVerbs:
    """The part of a `Client` that looks for models and deletes them."""

    _store: LocalStore

    if TYPE_CHECKING:

        def pull(self, tag: str | Tag) -> Model: ...
        def _remote(self, seconds: float = 0.0) -> Remote: ...
        def _explained(self, tag: str, id: str = "", *, remote: bool = False) -> AbstractContextManager[None]: ...

    def status(
        self,
        name: str | None = None,
        *,
        search: str = "",
        query: str = "",
        start: int = 0,
        limit: int | None = None,
        hash: bool = False,
        progress: Sink | None = None,
    ) -> Statuses:
        """Compare the local store with the registry, version by version: by name, the newest first.

        Args:
            name: Only this name, or only this tag.
            search: Only names that contain this.
            query: Only versions that the registry finds with this query.
            start: How many to pass over.
            limit: How many at most.
            hash: Read local files whose digest is not known yet; the result is kept.
            progress: Called with progress updates while files are read.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        from .statuses import compared, join

        asked, search = Tag.parse(name) if name else None, search.lower()
        remote = self.list_remote(search or None, query=query or None, name=name)

        def matches(tag: Tag) -> bool:
            return search in tag.name and (asked is None or asked.is_latest or tag == asked)

        page = join(
            self._store,
            [each for each in remote if matches(each.tag)] if asked else remote,
            matches,
            name=asked.name if asked else None,
            local_only=not query,
            start=start,
            limit=limit,
        )
        if hash:
            self._hash([each.local for each in page if each.local], progress)
            page[:] = [compared(self._store, each.tag, each.local, each.remote) for each in page]
        return page

    def read_status(self) -> Iterator[Statuses]:
        """Compare all of both sides as they are read: yields a few times what is known so far, and then the whole.

        A local version is `unknown` until the registry has named it, or has been read to its end. The `total` of what
        is yielded says how many versions the registry has.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        from .statuses import join_read

        there: dict[Tag, RemoteModel] = {}
        here, whole = self.list_models(limit=_FIRST), False
        while not whole:
            before = len(there)
            page = self.search_remote(start=before, limit=_NEXT if before else _FIRST)
            there.update((each.tag, each) for each in page.items)
            whole = len(there) >= page.total or len(there) == before
            if not before and not (whole and here.total <= len(here)):
                found = join_read(self._store, here, there, whole=False)
                found.total = page.total
                yield found
                here = self.list_models()
        found = join_read(self._store, here, there, whole=True)
        found.total = len(there)
        yield found

    def digest(self, model: Model, *, hash: bool = False, progress: Sink | None = None) -> str | None:
        """Return the content digest of a local model, or None while it is unknown.

        Args:
            model: The model.
            hash: Read its files if the digest is not known yet; the result is kept.
            progress: Called with progress updates while files are read.
        """
        if hash:
            self._hash([model], progress)
        return self._store.digest(model)

    def list_models(
        self, name: str | None = None, *, search: str = "", start: int = 0, limit: int | None = None
    ) -> Models:
        """List the models in the local store, sorted by name, the newest of each name first.

        Args:
            name: Only this name, or only this tag.
            search: Only tags that contain this.
            start: How many to pass over.
            limit: How many at most; a few of many are listed much faster than all. The list's `total` says of how many.
        """
        asked = Tag.parse(name) if name else None

        def matches(tag: Tag) -> bool:
            return search.lower() in str(tag) and (asked is None or asked.is_latest or tag == asked)

        return self._store.models(asked.name if asked else None, start=start, limit=limit, matches=matches)

    def list_remote(
        self,
        search: str | None = None,
        *,
        query: str | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> list[RemoteModel]:
        """List the models in the registry, newest first.

        Args:
            search: Part of a name.
            query: BentoCloud's query: words, `label:key=value`, `module:`, `creator:`, `sort:` and so on.
            name: Only this name, or only this tag.
            limit: How many at most; all by default.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        if not name:
            return list(self._remote().models(search=search or "", query=query or "", limit=limit).items)
        tag, remote = Tag.parse(name), self._remote()
        if tag.is_latest or query:
            found = remote.versions(tag.name, query=query or "", limit=limit if tag.is_latest else None)
            return [model for model in found if tag.is_latest or model.tag == tag]
        model = remote.model(tag)
        return [model] if model else []

    def search_remote(self, search: str = "", *, query: str = "", start: int = 0, limit: int | None = 100) -> Page:
        """Return a page of the models in the registry, newest first, and how many there are in all.

        Args:
            search: Part of a name.
            query: BentoCloud's query.
            start: How many to pass over.
            limit: How many at most; None for all.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        return self._remote().models(search=search, query=query, start=start, limit=limit)

    def get_remote(self, tag: str | Tag) -> RemoteModel:
        """Return one model of the registry.

        Args:
            tag: `name:version` or `name:alias`; `name` or `name:latest` for the newest complete version.

        Raises:
            ModelNotFound: The registry has no such version.
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        return self._look_up(Tag.parse(str(tag)), self._remote())

    def _look_up(self, tag: Tag, remote: Remote) -> RemoteModel:
        found = remote.latest(tag.name) if tag.is_latest else remote.model(tag, alias=True)
        with self._explained(str(tag), remote=True):
            if found is None:
                step = Step("list-remote", NOT_LISTED)
                raise ModelNotFound(f"The registry has no model `{tag}`.", step)
        return found

    def get(self, tag: str | Tag, *, pull: bool = False) -> Model:
        """Return one model of the local store.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest.
            pull: Fetch it from the registry if the local store lacks it.

        Raises:
            ModelNotFound: There is none.
        """
        try:
            with self._explained(str(tag)):
                return self._store.read(Tag.parse(str(tag)))
        except ModelNotFound:
            if not pull:
                raise
        return self.pull(tag)

    def delete(self, tag: str | Tag, *, permanently: bool = False) -> list[Tag]:
        """Delete a model from the local store, and return what was deleted; the registry is not touched.

        For a week `restore` undoes it. Until then its space stays taken, unless a pull needs it.

        Args:
            tag: `name:version`; `name:latest` for the latest alone; a bare `name` for every version of it.
            permanently: Delete for good, which frees the space now.

        Raises:
            ModelNotFound: There is none.
        """
        parsed = Tag.parse(str(tag))
        with self._explained(str(tag)):
            only_latest = parsed.is_latest and ":" in str(tag)
            return self._store.delete(self._store.get(parsed).tag if only_latest else parsed, discard=not permanently)

    def restore(self, tag: str | Tag) -> list[Tag]:
        """Undo the deletion of a model from the local store, and return what is there again.

        Args:
            tag: `name:version`; a bare `name` for every version of it that was deleted and is not there.

        Raises:
            ModelNotFound: It was not deleted, or longer than a week ago, or a pull needed the space.
            ModelExists: There is another model of this tag by now; both are kept.
        """
        return self._store.restore(Tag.parse(str(tag)))

    def deleted(self, name: str | None = None) -> list[Trashed]:
        """List the models that were deleted from the local store and can be restored, the last deleted first.

        Args:
            name: Only this name.
        """
        return self._store.trash.items(Tag.parse(name).name if name else None)

    def _hash(self, models: list[Model], progress: Sink | None) -> None:
        missing = [model for model in models if not self._store.digest(model)]
        counter = Watched(progress)
        counter.begin("hashing", sum(model.size for model in missing))
        for model in missing:
            self._store.describe(model, threads=DEFAULT_THREADS, hashed=counter.add)
