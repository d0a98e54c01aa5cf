"""Versions: what a panel knows of both sides, without anything that is drawn.

One thread at a time reads, as long as somebody asks: so what is shown in the end was read last. A whole reading of a
large registry takes seconds and is shown as it goes; after a transfer its name alone is read again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from modelsync_jupyter.client import Client, Model, VersionStatus
from modelsync_jupyter.core.errors import ModelSyncError, NoContext
from modelsync_jupyter.core.states import State

#: Local versions that are there at once, before the registry is asked.
_AT_ONCE = 100
_ALL = ""


class Versions:
    """The versions of both sides.

    Args:
        client: Whose.
        changed: Called by the thread that reads when there is something new.
        failed: Called by it when a side could not be read.

    Attributes:
        items: The versions, by name, the newest of each name first.
        reading: What is being read, in words, or "".
    """

    def __init__(
        self, client: Client, changed: Callable[[], object], failed: Callable[[ModelSyncError], object]
    ) -> None:
        self._client, self._changed, self._failed = client, changed, failed
        self._lock, self._idle, self._requested = threading.Lock(), threading.Event(), set[str]()
        self._idle.set()
        self._texts: list[str] = []
        self._whole = False
        self.reading = ""
        self.items: list[VersionStatus] = []
        self._keep(_alone(client.list_models(limit=_AT_ONCE), State.UNKNOWN))

    def forget(self) -> None:
        """Forget what was read, as when there is another registry."""
        self._whole = False
        self._keep(_alone(self._client.list_models(limit=_AT_ONCE), State.UNKNOWN))

    def look(self, name: str = _ALL) -> None:
        """Ask a thread to read both sides; returns at once.

        Args:
            name: Only the versions of this model.
        """
        with self._lock:
            self._requested.add(name)
            if not self._idle.is_set():
                return
            self._idle.clear()
        self.reading = self.reading or "Looking at both sides…"
        threading.Thread(target=self._look, name="modelsync-panel", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until nobody reads, or for so many seconds; returns whether nobody does."""
        return self._idle.wait(seconds)

    def fitting(self, words: Iterable[str], state: State | None) -> list[VersionStatus]:
        """Find the versions in a state that have all the words in tag, labels or aliases.

        Args:
            words: In lower case; `label:` and `alias:` before a word change nothing.
            state: None for any.
        """
        wanted = [word.removeprefix("label:").removeprefix("alias:") for word in words]
        both = zip(self._texts, self.items, strict=False)  # another thread may replace one and then the other
        return [
            each
            for text, each in both
            if (state is None or each.state is state) and all(word in text for word in wanted)
        ]

    def _look(self) -> None:
        while (name := self._next()) is not None:
            try:
                if name == _ALL:
                    self._read_all()
                else:
                    self._read_name(name)
                self.reading = ""
            except ModelSyncError as error:
                self.reading = ""
                if not self._whole:
                    state = State.LOCAL_ONLY if isinstance(error, NoContext) else State.UNKNOWN
                    self._keep(_alone(self._client.list_models(), state))
                self._failed(error)
            except BaseException:
                self.reading = ""
                self._idle.set()
                raise
            finally:
                self._changed()

    def _next(self) -> str | None:
        """Take a request; a reading of all answers those for names too."""
        with self._lock:
            if _ALL in self._requested:
                self._requested.clear()
                return _ALL
            if self._requested:
                return self._requested.pop()
            self._idle.set()
            return None

    def _read_all(self) -> None:
        found: list[VersionStatus] = []
        for page in self._client.read_status():
            found = page
            if not self._whole:
                self._keep(page)
                self.reading = f"Reading {page.total:,} versions of the registry…"
                self._changed()
        self._keep(found)
        self._whole = True

    def _read_name(self, name: str) -> None:
        found = self._client.status(name)
        before = [each for each in self.items if each.tag.name < name]
        self._keep([*before, *found, *(each for each in self.items if each.tag.name > name)])

    def _keep(self, items: list[VersionStatus]) -> None:
        self._texts, self.items = list(map(_text, items)), items


def labels_of(version: VersionStatus) -> dict[str, str]:
    """Return the labels of a version: those of the registry, where it is there."""
    return dict(version.remote.labels if version.remote else version.local.info.labels if version.local else {})


def aliases_of(version: VersionStatus) -> tuple[str, ...]:
    """Return the aliases that point at a version in the registry."""
    return version.remote.aliases if version.remote else ()


def _text(version: VersionStatus) -> str:
    labels = (f"{key}={value}" for key, value in labels_of(version).items())
    return "\n".join((str(version.tag), *labels, *aliases_of(version))).lower()


def _alone(models: Iterable[Model], state: State) -> list[VersionStatus]:
    """Return local models as versions of which the registry has not been asked."""
    return [VersionStatus(each.tag, state, None, each, None) for each in models]
