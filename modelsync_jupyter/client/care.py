"""Care of the local store: the verbs of `Client` that clean it, measure it and verify it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from modelsync_jupyter.core.config import Home, processors
from modelsync_jupyter.core.outcome import Options
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.transfer.work import Work

from .bar import Watched, shown

if TYPE_CHECKING:
    from modelsync_jupyter.core.keywords import TransferOptions
    from modelsync_jupyter.remotes.bentocloud.client import Remote
    from modelsync_jupyter.store.care import Garbage, Usage
    from modelsync_jupyter.transfer.verifying import Verdict


class CareVerbs:
    """The part of a `Client` that cleans the local store, measures it and verifies it."""

    home: Home
    _store: LocalStore

    if TYPE_CHECKING:

        def _remote(self) -> Remote: ...
        def _options(self, given: TransferOptions) -> Options: ...

    def gc(
        self,
        name: str | None = None,
        *,
        keep: int | None = None,
        older_than: timedelta | None = None,
        labels: Iterable[str] = (),
        ignore_aliases: bool = False,
        trash: bool = False,
        dry_run: bool = False,
        agreed: Garbage | None = None,
    ) -> Garbage:
        """Delete old versions from the local store, and what killed processes left behind.

        The latest version of a name stays, and so does what a bento of this home uses, what has a label `keep`, and
        what an alias refers to in a registry that this home is signed in to. Where a version would go, these registries
        are asked.

        Args:
            name: Only versions of this name.
            keep: How many of the newest versions of each name stay. Without this and `older_than` no version goes.
            older_than: How old a version must be to go; where both rules are given, both must hold.
            labels: `key` or `key=value`: versions with such a label stay too.
            ignore_aliases: Ask no registry; what its aliases refer to may go.
            trash: Delete for good what was deleted within the last week and could still be restored.
            dry_run: Decide, and delete nothing.
            agreed: What a dry run found and a user agreed to: of versions only these go, and only as they were then.

        Returns:
            What was deleted, or would be, and how much that frees.

        Raises:
            InvalidModel: A bento cannot be read, so that nobody knows what it uses; nothing was deleted.
            ModelSyncError: A registry does not say what its aliases refer to; nothing was deleted.
        """
        from modelsync_jupyter.store import care

        from .aliased import find_aliased

        only = Tag.parse(name).name if name else None
        found = care.find_garbage(
            self._store,
            name=only,
            keep=keep,
            older_than=older_than,
            labels=tuple(labels),
            aliased=None if ignore_aliases else partial(find_aliased, self.home),
            trash=trash,
        )
        return found if dry_run else care.delete(self._store, found, agreed)

    def du(self, name: str | None = None) -> list[Usage]:
        """Measure the space that each name takes in the local store, the largest first.

        Args:
            name: Only this name.
        """
        from modelsync_jupyter.store import care

        return care.measure(self._store, Tag.parse(name).name if name else None)

    def verify(
        self, tag: str | Tag | None = None, *, repair: bool = False, progress: Sink | bool | None = None
    ) -> list[Verdict]:
        """Read every byte of local models again, and compare with the digests that the store keeps.

        Args:
            tag: `name:version`, or `name` for its latest; None for all models.
            repair: Repair what is damaged from the registry, which sends only the parts that are bad.
            progress: Called with progress updates; by default a bar is drawn in a notebook.

        Returns:
            One verdict for each, in the order of their tags.

        Raises:
            ModelNotFound: There is no such model; or it is damaged, and the registry does not have it.
            ModelChanged: Files of a model change while they are read.
        """
        from modelsync_jupyter.transfer.verifying import verify

        models = [self._store.get(Tag.parse(str(tag)))] if tag else self._store.models()
        remote = self._remote() if repair else None
        with shown("verify", progress) as sink:
            work = Work(self.home, Options(threads=processors()), counter=Watched(sink))
            return [verify(self._store, model, work, remote) for model in models]
