"""Comparing two versions, wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from modelsync_jupyter.contents.diff import Diff, Side, diff
from modelsync_jupyter.core.errors import ModelNotFound, UsageError
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .bar import Watched
from .sides import RemoteSide, local_side

_FROM_YAML = ("options", "context", "signatures")


class Comparison:
    """Finds the two sides of a diff, and compares them.

    Args:
        store: The local store.
        get: Returns a local model.
        remote: Returns the registry; called only where one is needed.
        progress: Called with progress updates while local files are read.
    """

    def __init__(
        self,
        store: LocalStore,
        get: Callable[[Tag], Model],
        remote: Callable[[], Remote],
        progress: Sink | None = None,
    ) -> None:
        self._store, self._get, self._remote = store, get, remote
        self._counter = Watched(progress)
        self._remarks: list[str] = []

    def run(
        self, old: Tag, new: Tag | None, *, remote: bool, tensors: bool, places: tuple[str, str] = ("", "")
    ) -> Diff:
        """Compare, as `Client.diff` says."""
        if new is None and not remote:
            raise UsageError(
                "A diff needs two versions.", Step("remote", "Name a second one, or compare with the registry's copy.")
            )
        if new is None:
            mine = self._local(self._get(old))
            theirs = self._far(mine.tag)
            sides = (theirs, mine)
        else:
            if remote:
                places = ("remote", "remote")
            sides = (self._side(old, places[0]), self._side(new, places[1]))
        return self._compare(*sides, tensors=tensors)

    def _compare(self, old: Side, new: Side, *, tensors: bool) -> Diff:
        missing = [key for key in _FROM_YAML if key not in old.facts or key not in new.facts]
        if missing:
            self._remarks.append("The environment is not compared: the model.yaml in the registry cannot be read.")
            old, new = (_without(side, missing) for side in (old, new))
        known = bool(old.files and new.files)
        if not known:
            self._remarks.append("The files are not compared: the registry does not tell which it has.")
        found = diff(old, new, tensors=tensors, files_known=known)
        return Diff(found.old, found.new, found.changes, known, (*self._remarks, *found.remarks))

    def _side(self, tag: Tag, place: str) -> Side:
        if place == "local":
            return self._local(self._get(tag))
        return self._far(tag) if place == "remote" else self._either(tag)

    def _either(self, tag: Tag) -> Side:
        """Return the local version, or where the local store has none the registry's."""
        try:
            model = self._get(tag)
        except ModelNotFound as error:
            try:
                return self._far(tag)
            except ModelNotFound:
                raise ModelNotFound(f"Neither the local store nor the registry has `{tag}`.", error.step) from error
        return self._local(model)

    def _local(self, model: Model) -> Side:
        self._counter.begin("hashing", self._counter.look().total + model.archive.layout.size)
        return local_side(self._store, model, self._counter.add)

    def _far(self, tag: Tag) -> Side:
        remote = self._remote()
        found = remote.latest(tag.name) if tag.is_latest else remote.model(tag)
        if found is None or not found.complete:
            raise ModelNotFound(f"The registry has no complete `{tag}`.")
        return RemoteSide(remote, found).side()


def _without(side: Side, keys: list[str]) -> Side:
    return replace(side, facts={key: value for key, value in side.facts.items() if key not in keys})
