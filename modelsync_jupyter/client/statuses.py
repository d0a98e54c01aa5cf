"""The versions on both sides, joined: what the local store and the registry have of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.core.states import State, compare
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model, newest_first


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """How the local store and the registry compare in one version.

    Args:
        tag: The version.
        state: Told by content digests alone, never by size or time.
        digest: Its content digest, the local one where both sides are known to have one; None while it is unknown.
        local: The local model, or None.
        remote: The registry's record, or None.
    """

    tag: Tag
    state: State
    digest: str | None
    local: Model | None
    remote: RemoteModel | None

    def __repr__(self) -> str:
        return f"VersionStatus({self.tag}, {self.state})"

    def to_dict(self) -> dict[str, Any]:
        """Return the status as JSON."""
        return {
            "tag": str(self.tag),
            "state": str(self.state),
            "digest": self.digest,
            "local": self.local.to_dict() if self.local else None,
            "remote": self.remote.to_dict() if self.remote else None,
        }


class Statuses(list[VersionStatus]):
    """Some of the versions on both sides.

    Attributes:
        total: How many there are in all.
    """

    total = 0


def join(
    store: LocalStore,
    remote: Sequence[RemoteModel],
    matches: Callable[[Tag], bool],
    *,
    name: str | None,
    local_only: bool,
    start: int,
    limit: int | None,
) -> Statuses:
    """Join what both sides have: by name, the newest of each name first.

    Of the local models only the times are read, and then those on the page: this takes a tenth of the time of reading
    all that their model.yaml says.

    Args:
        store: The local store.
        remote: The registry's records, as far as they are asked for.
        matches: Which local versions are asked for.
        name: Only this name; None for all.
        local_only: Whether a version that only the local store has is one of them.
        start: How many to pass over.
        limit: How many at most.
    """
    there = {each.tag: each for each in remote}
    here = store.creation_times(name, matches)
    while True:
        times = {tag: each.creation_time for tag, each in there.items()}
        times |= here if local_only else {tag: time for tag, time in here.items() if tag in there}
        order = newest_first(times)
        shown = order[start:] if limit is None else order[start : start + limit]
        models = {tag: store.load(tag) for tag in shown if tag in here}
        if gone := [tag for tag, model in models.items() if model is None]:
            for tag in gone:  # deleted meanwhile, or broken: another one takes its place on the page
                del here[tag]
            continue
        page = Statuses(compared(store, tag, models.get(tag), there.get(tag)) for tag in shown)
        page.total = len(order)
        return page


def join_read(store: LocalStore, here: Iterable[Model], there: Mapping[Tag, RemoteModel], *, whole: bool) -> Statuses:
    """Join what was read of both sides: by name, the newest of each name first.

    Args:
        store: The local store.
        here: Its models.
        there: The registry's records.
        whole: Whether these are all; while they are not, what the registry has not named yet is `unknown`.
    """
    mine = {each.tag: each for each in here}
    times = {tag: each.creation_time for tag, each in there.items()}
    times |= {tag: each.info.creation_time for tag, each in mine.items()}
    order = newest_first(times)

    def one(tag: Tag) -> VersionStatus:
        if whole or tag in there:
            return compared(store, tag, mine.get(tag), there.get(tag))
        return VersionStatus(tag, State.UNKNOWN, None, mine[tag], None)

    found = Statuses(map(one, order))
    found.total = len(order)
    return found


def compared(store: LocalStore, tag: Tag, local: Model | None, remote: RemoteModel | None) -> VersionStatus:
    """Compare both sides of a version; no file of it is read."""
    mine = None
    with suppress(InvalidModel, OSError):  # its folder is broken, or just being deleted
        mine = (store.digest(local) if local else None) or None
    theirs = (remote.digest if remote and remote.complete else "") or None
    if remote is None:
        state = State.LOCAL_ONLY
    elif not remote.complete:
        state = State.PARTIAL
    else:
        state = compare(mine, theirs) if local else State.REMOTE_ONLY
    return VersionStatus(tag, state, mine or theirs, local, remote)
