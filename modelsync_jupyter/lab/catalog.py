"""Catalog: the local store and one registry as one list, joined by tag and compared by content digests alone.

A registry with 10,000 versions takes seconds to list, so what was read stays in memory, and the sidebar gets a page of
it at a time, filtered, sorted and folded as it is shown. Reading happens in threads: `read_local` and `read_remote`
publish what they have as they go, each change under a new revision. While the registry has not been read to its end,
the state of a version that it has not named yet is None, "not compared yet", and never a guess.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from modelsync_jupyter.client import Client, Model, RemoteModel
from modelsync_jupyter.core.errors import InvalidModel, ModelSyncError
from modelsync_jupyter.core.tags import Tag

from .rows import SHOWS, Group, Version, View, cut, grouped

#: Versions read from the registry at a time: few at first, so that something is there soon.
_FIRST, _NEXT = 100, 1000
#: Local versions that are read before the others.
_QUICK = 200
#: Seconds for which a listing of the registry counts as whole when its newest versions and their number are the same.
_TRUSTED_SECONDS = 300.0
_KEPT_VIEWS = 4


class Catalog:
    """Both sides of one registry.

    Args:
        client: For the home and the registry.
        clock: Returns the time in seconds since the epoch.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.time) -> None:
        self._client, self._clock = client, clock
        self._lock = threading.RLock()
        self._local: dict[Tag, Model] = {}
        self._remote: dict[Tag, RemoteModel] = {}
        self._digests: dict[Tag, str | None] = {}
        self._versions: list[Version] | None = None
        self._views: dict[tuple[str, str, str], tuple[list[Group], dict[str, Any]]] = {}
        self._name, self._number = secrets.token_hex(4), 0
        self._reading: set[str] = set()
        #: Names that were read one by one while a whole side was: what the longer reading says of them is older.
        self._newer: dict[str, set[str]] = {"local": set(), "remote": set()}
        self._expected: set[str] = set()
        self._stamp: object = None
        self._whole = False
        self._total = 0
        #: When the registry was last read to its end, and when it last said that all is as it was then.
        self._listed_at: float | None = None
        self._as_of: float | None = None
        self._answered = clock()
        self._problems: dict[str, dict[str, object] | None] = {"local": None, "remote": None}
        #: Set once the local store was listed, or could not be.
        self.listed = threading.Event()

    # Reading

    def expect(self, side: str) -> None:
        """Note that a side, "local" or "remote", is about to be read, in a thread that may have to wait for a turn."""
        with self._lock:
            if side == "remote" and not self._is_read(side):
                self._answered = self._clock()
            self._expected.add(side)

    def read_local(self, *, only_if_changed: bool = False) -> None:
        """Read the local store anew, and the content digests of what the registry has as well.

        Args:
            only_if_changed: Leave it when no version came or went since; edited files are not seen then.
        """
        with self._alone("local") as alone:
            stamp = self._stamp_of_store()
            if not alone or (only_if_changed and stamp == self._stamp and self.listed.is_set()):
                return
            if not self.listed.is_set():
                self._publish_side("local", {each.tag: each for each in self._client.list_models(limit=_QUICK)})
                self.listed.set()
            self._publish_side("local", {each.tag: each for each in self._client.list_models()})
            self._stamp = stamp
            self._compare(both := [tag for tag in list(self._local) if tag in self._remote])
            self._forget_digests(both)

    def read_remote(self, *, whole: bool = False) -> None:
        """Read the registry's listing anew, newest first.

        Args:
            whole: To its end, even when its newest versions and their number are those that are known: a label that was
                changed on an old version shows only then.
        """
        with self._alone("remote") as alone:
            if not alone:
                return
            found: dict[Tag, RemoteModel] = {}
            self._answered = self._clock()
            while True:
                limit = _NEXT if found else _FIRST
                page = self._client.search_remote(start=len(found), limit=limit)
                before = len(found)
                found.update((each.tag, each) for each in page.items)
                self._total, self._answered = page.total, self._clock()
                if not whole and not before and self._is_known(page.items, page.total):
                    self._as_of = self._answered
                    break
                last = not page.items or len(found) >= page.total or len(found) == before
                if last or not self._whole:
                    self._publish_side("remote", found, whole=last)
                self._compare(each.tag for each in page.items)
                if last:
                    self._listed_at = self._as_of = self._answered
                    break

    def read_name(self, name: str) -> None:
        """Read the versions of one name on both sides, as after a push, a pull or a deletion."""
        local = {each.tag: each for each in self._client.list_models(name)}
        with self._lock:
            self._publish(local={**_without(self._local, [name]), **local})
            self._newer["local"].add(name)
        try:
            remote = {each.tag: each for each in self._client.list_remote(name=name)}
        except ModelSyncError as error:
            self._tell("remote", error)
        else:
            with self._lock:
                self._publish(remote={**_without(self._remote, [name]), **remote})
                self._newer["remote"].add(name)
            self._tell("remote", None)
        self._compare([*local, *(tag for tag in self._remote if tag.name == name)])

    # Answering

    def page(self, view: View, start: int, limit: int, since: str = "") -> dict[str, Any]:
        """Return a page of the list as it is shown, names and versions of open names in one sequence.

        Args:
            view: What is shown.
            start: The first row.
            limit: Rows at most.
            since: The revision of an earlier answer; if nothing has changed since, there are no rows in this one.
        """
        with self._lock:
            revision = f"{self._name}-{self._number}"
            answer = {"revision": revision, "same": since == revision, "remote": self._standing()}
            answer["problem"] = self._problems["local"]
            answer["loading"] = self._is_read("local") or not self.listed.is_set()
            if since == revision:
                return answer
            groups, counts = self._arrange(view)
            sizes = [1 + len(each.versions) if each.name in view.open else 1 for each in groups]
            items = list(cut(groups, sizes, view, start, start + limit))
            return {**answer, "start": start, "items": items, "total": sum(sizes), "counts": counts}

    def find(self, view: View, prefix: str, start: int, *, whole: bool = False) -> int | None:
        """Find the row of the next name that begins with a text, from a row on and around; None where there is none.

        Args:
            view: What is shown.
            prefix: The text; its case does not matter.
            start: The row to look from.
            whole: Look for the name that is the text.
        """
        prefix, hits, row = prefix.lower(), [], 0
        with self._lock:
            for group in self._arrange(view)[0]:
                name = group.name.lower()
                if name == prefix or (not whole and name.startswith(prefix)):
                    hits.append(row)
                row += 1 + len(group.versions) if group.name in view.open else 1
        return next((hit for hit in hits if hit >= start), hits[0] if hits else None)

    def versions(self, name: str) -> list[Version]:
        """Return the versions of one name, the newest first."""
        with self._lock:
            found = grouped([each for each in self._joined() if each.tag.name == name], "time")
        return found[0].versions if found else []

    def standing(self) -> dict[str, Any]:
        """Return how the reading of the registry goes, and what went wrong last."""
        with self._lock:
            return self._standing()

    # Help for the above

    @contextmanager
    def _alone(self, side: str) -> Iterator[bool]:
        """Keep a second reading of a side from starting beside the first; note how this one ends."""
        with self._lock:
            alone = side not in self._reading
            if alone:
                self._reading.add(side)
                self._newer[side].clear()
        try:
            yield alone
        except ModelSyncError as error:
            self._tell(side, error)
        except OSError as error:
            self._tell(side, ModelSyncError(f"{error.strerror}: `{error.filename}`.", step="Check its permissions."))
        else:
            if alone:
                self._tell(side, None)
        finally:
            with self._lock:
                if alone:
                    self._reading.discard(side)
                self._expected.discard(side)
            if side == "local":
                self.listed.set()

    def _tell(self, side: str, error: ModelSyncError | None) -> None:
        with self._lock:
            self._problems[side] = error.to_dict() if error else None

    def _publish_side(self, side: str, found: Mapping[Tag, Any], whole: bool | None = None) -> None:
        """Take in a side as a long reading found it, apart from names that were read meanwhile."""
        with self._lock:
            newer = self._newer[side]
            known: Mapping[Tag, Any] = self._local if side == "local" else self._remote
            both = {**_without(found, newer), **{tag: each for tag, each in known.items() if tag.name in newer}}
            if side == "local":
                self._publish(local=both)
            else:
                self._publish(remote=both, whole=whole)

    def _publish(
        self,
        *,
        local: dict[Tag, Model] | None = None,
        remote: dict[Tag, RemoteModel] | None = None,
        whole: bool | None = None,
        digests: Mapping[Tag, str | None] | None = None,
    ) -> None:
        """Take in what was read; a new revision only where it says something new."""
        with self._lock:
            before = (self._local, self._remote, self._whole, dict(self._digests) if digests else None)
            self._local = self._local if local is None else local
            self._remote = self._remote if remote is None else remote
            self._whole = self._whole if whole is None else whole
            self._digests.update(digests or {})
            if before != (self._local, self._remote, self._whole, self._digests if digests else None):
                self._number += 1
                self._versions = None
                self._views.clear()

    def _compare(self, tags: Iterable[Tag]) -> None:
        """Look up the content digests of local models that the registry has as well; reads no file of theirs."""
        digests: dict[Tag, str | None] = {}
        for tag in tags:
            model = self._local.get(tag)
            if model and tag in self._remote:
                digests[tag] = None
                with suppress(InvalidModel, OSError):  # its folder is broken, or just being deleted
                    digests[tag] = self._client.digest(model)
        self._publish(digests=digests)

    def _forget_digests(self, kept: Iterable[Tag]) -> None:
        with self._lock:
            self._digests = {tag: self._digests[tag] for tag in kept if tag in self._digests}

    def _is_known(self, newest: Iterable[RemoteModel], total: int) -> bool:
        recent = self._listed_at is not None and self._clock() - self._listed_at < _TRUSTED_SECONDS
        same = all(self._remote.get(each.tag) == each for each in newest)
        return recent and self._whole and same and total == len(self._remote)

    def _is_read(self, side: str) -> bool:
        return side in self._reading or side in self._expected

    def _standing(self) -> dict[str, Any]:
        reading = self._is_read("remote")
        return {
            "reading": reading,
            "whole": self._whole,
            "known": len(self._remote),
            "total": self._total,
            "as_of": self._as_of,
            "waiting": round(self._clock() - self._answered, 1) if reading else 0.0,
            "problem": self._problems["remote"],
        }

    def _joined(self) -> list[Version]:
        if self._versions is None:
            tags = {**self._local, **self._remote}
            self._versions = [
                Version(tag, self._local.get(tag), self._remote.get(tag), self._digests.get(tag), compared)
                for tag in tags
                for compared in (tag in self._digests if tag in self._remote else self._whole,)
            ]
        return self._versions

    def _arrange(self, view: View) -> tuple[list[Group], dict[str, Any]]:
        """Filter, sort and group for a view, and count how much each kind of view shows of what is searched for."""
        key = (view.show, view.search, view.sort)
        if key not in self._views:
            words = view.search.lower().split()
            found = [each for each in self._joined() if each.matches(words)]
            counts = {}
            for show in SHOWS:
                tags = [each.tag for each in found if each.is_shown(show)]
                counts[show] = {"names": len({tag.name for tag in tags}), "versions": len(tags)}
            while len(self._views) >= _KEPT_VIEWS:
                del self._views[next(iter(self._views))]
            self._views[key] = grouped([each for each in found if each.is_shown(view.show)], view.sort), counts
        return self._views[key]

    def _stamp_of_store(self) -> object:
        """Return what changes whenever a version comes or goes: the times of the folders in which versions are."""
        try:
            with os.scandir(self._client.home.models) as names:
                return {each.name: each.stat().st_mtime_ns for each in names if each.is_dir()}
        except FileNotFoundError:
            return {}


def _without(models: Mapping[Tag, Any], names: Collection[str]) -> dict[Tag, Any]:
    return {tag: each for tag, each in models.items() if tag.name not in names}
