"""Rows: the versions of both sides as a list shows them, filtered, sorted, grouped by name and cut into pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from modelsync_jupyter.client import Model, RemoteModel, State
from modelsync_jupyter.core.states import compare
from modelsync_jupyter.core.tags import Tag

SHOWS, SORTS = ("all", "local", "registry", "changed"), ("name", "time", "size")
#: States that somebody may want to do something about; "remote only" is how most of a large registry looks to anyone.
_CHANGED = (State.LOCAL_ONLY, State.DIFFERENT, State.PARTIAL, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class View:
    """What is shown of the list.

    Args:
        show: All versions, those in the local store, those in the registry, or those that differ ("changed").
        search: Words; a version is shown if each is in its tag, labels, aliases, module, creator or description. A word
            `key=value` is a label, of whose value the beginning is enough.
        sort: By "name", or by "time" or "size", the newest or largest first; names by what all of theirs take.
        open: Names whose versions are shown.
    """

    show: str = "all"
    search: str = ""
    sort: str = "name"
    open: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Version:
    """A version on one side or on both.

    Args:
        tag: Name and version.
        local: The local model, or None.
        remote: The registry's record, or None.
        digest: Content digest of the local files, or None while it is unknown.
        compared: Whether the registry has said whether it has this version, and if so, the digest was looked up.
    """

    tag: Tag
    local: Model | None
    remote: RemoteModel | None
    digest: str | None
    compared: bool

    @cached_property
    def state(self) -> State | None:
        """How both sides compare; None while they have not been compared."""
        if self.remote and not self.remote.complete:
            return State.PARTIAL
        if self.local is None:
            return State.REMOTE_ONLY
        if not self.compared:
            return None
        return compare(self.digest, self.remote.digest) if self.remote else State.LOCAL_ONLY

    @property
    def labels(self) -> Mapping[str, str]:
        """Its labels: those of the registry, which can be edited there, else those of the local model.yaml."""
        return self.remote.labels if self.remote else self.local.info.labels if self.local else {}

    @property
    def created(self) -> datetime:
        """When it was created."""
        return self.local.info.creation_time if self.local else self.remote.creation_time  # type: ignore[union-attr]

    @property
    def size(self) -> int:
        """Bytes in its files."""
        return self.local.size if self.local else self.remote.size  # type: ignore[union-attr]

    @cached_property
    def text(self) -> str:
        """All that a search looks at, in lower case."""
        remote, info = self.remote, self.local.info if self.local else None
        labels = [f"{key}={value}" for key, value in self.labels.items()]
        module = info.module if info else remote.module if remote else ""
        said = (remote.creator, remote.description, *aliases_of(remote)) if remote else ()
        return "\n".join((str(self.tag), module, *labels, *said)).lower()

    def matches(self, words: Iterable[str]) -> bool:
        """Return whether it has all the words, which are in lower case."""
        return all(word in self.text if "=" not in word else f"\n{word}" in self.text for word in words)

    def is_shown(self, show: str) -> bool:
        """Return whether it belongs to a kind of view."""
        return {
            "local": self.local is not None,
            "registry": self.remote is not None,
            "changed": self.state in _CHANGED,
        }.get(show, True)

    def to_dict(self) -> dict[str, Any]:
        """Return the version as a row."""
        local, remote = self.local, self.remote
        return {
            "kind": "version",
            "tag": str(self.tag),
            "state": str(self.state) if self.state else None,
            "local": {"digest": self.digest} if local else None,
            "remote": {"digest": remote.digest or None, "status": remote.upload_status, "creator": remote.creator}
            if remote
            else None,
            "size": self.size,
            "labels": dict(self.labels),
            "aliases": list(aliases_of(remote)),
            "creation_time": self.created.isoformat(),
            "module": local.info.module if local else remote.module if remote else "",
        }


@dataclass
class Group:
    """The versions of a name, as sorted for a view.

    Args:
        name: The name.
        versions: Its versions in this view.
    """

    name: str
    versions: list[Version] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(each.size for each in self.versions)

    def to_dict(self, opened: bool) -> dict[str, Any]:
        """Return the name as a row: how many versions there are, in which states, and the newest of them."""
        newest = max(self.versions, key=lambda each: each.created)
        states = Counter(str(each.state) if each.state else "" for each in self.versions)
        return {
            "kind": "name",
            "name": self.name,
            "open": opened,
            "count": len(self.versions),
            "size": self.size,
            "states": dict(states),
            "newest": newest.to_dict(),
        }


def aliases_of(remote: RemoteModel | None) -> tuple[str, ...]:
    """Return the names that people have given to a version in the registry."""
    return remote.aliases if remote else ()


def grouped(versions: list[Version], sort: str) -> list[Group]:
    groups: dict[str, Group] = {}
    for each in versions:
        groups.setdefault(each.tag.name, Group(each.tag.name)).versions.append(each)
    order: Callable[[Version], tuple[float, Any]] = _largest if sort == "size" else _newest
    for group in groups.values():
        group.versions.sort(key=order)
    found = sorted(groups.values(), key=lambda group: group.name)
    if sort == "size":
        return sorted(found, key=lambda group: -group.size)
    return found if sort == "name" else sorted(found, key=lambda group: _newest(group.versions[0])[0])


def _newest(version: Version) -> tuple[float, str]:
    return (-version.created.timestamp(), str(version.tag.version))


def _largest(version: Version) -> tuple[float, float]:
    return (-version.size, -version.created.timestamp())


def cut(groups: list[Group], sizes: list[int], view: View, start: int, stop: int) -> Iterator[dict[str, Any]]:
    """Return the rows from `start` to `stop`."""
    row = 0
    for group, size in zip(groups, sizes, strict=True):
        if row >= stop:
            return
        for index in range(max(0, start - row), min(size, stop - row)):
            yield group.versions[index - 1].to_dict() if index else group.to_dict(group.name in view.open)
        row += size
