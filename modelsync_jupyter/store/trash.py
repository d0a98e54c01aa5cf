"""The trash: versions that were deleted from the local store, and can be restored for a week.

Each lies in a private folder of BentoML's `tmp`; the folder's name says which version it is, its time when that was
deleted. This is the store's own file system, so that deleting and restoring are one rename each, and stock BentoML,
which looks at `models` alone, sees nothing of it. Until the week is over the space stays taken, unless a pull needs it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from modelsync_jupyter.core.errors import InvalidTag
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.folders import is_private, move, remove_tree

#: How the names of its folders in BentoML's `tmp` begin; `NAME@VERSION` and a random end follow.
PREFIX = "modelsync-trash-"
#: How long a version can be restored, as in the registry.
GRACE = timedelta(days=7)


@dataclass(frozen=True)
class Trashed:
    """A version in the trash.

    Args:
        tag: The version.
        deleted: When it was deleted.
        place: The folder it lies in.
    """

    tag: Tag
    deleted: datetime
    place: Path

    @property
    def until(self) -> datetime:
        """Until when it can be restored."""
        return self.deleted + GRACE

    @property
    def model(self) -> Path:
        """The folder that was in the store."""
        return self.place / "model"

    @property
    def digest(self) -> Path:
        """What the index knew of it."""
        return self.place / "digest.json"

    @property
    def size(self) -> int:
        """Bytes that its files take on disk and no file elsewhere shares."""
        total = 0
        for folder, _, names in os.walk(self.model):
            for name in names:
                with suppress(OSError):
                    facts = os.lstat(os.path.join(folder, name))
                    total += facts.st_blocks * 512 if facts.st_nlink == 1 else 0
        return total

    def to_dict(self) -> dict[str, Any]:
        """Return the same as JSON; `size` is the space on disk that deleting it for good frees."""
        times = {"deleted": self.deleted.isoformat(), "restorable_until": self.until.isoformat()}
        return {"tag": str(self.tag), "size": self.size, **times}


class Trash:
    """The versions that can be restored.

    Args:
        place: BentoML's `tmp`.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def items(self, name: str | None = None) -> list[Trashed]:
        """List what can be restored, the last deleted first; what others own is left out.

        Args:
            name: Only versions of this name.
        """
        now = datetime.now(timezone.utc)
        found = [each for each in self._all() if os.path.lexists(each.model) and each.until > now]
        return sorted((each for each in found if name in (None, each.tag.name)), key=lambda each: each.deleted)[::-1]

    def put(self, tag: Tag, folder: Path, digest: Path) -> None:
        """Take a version out of the store.

        Args:
            tag: The version.
            folder: Where it is.
            digest: What the index knows of it; it is moved too, where there is such a file.

        Raises:
            FileNotFoundError: Another process was faster.
        """
        place = Path(mkdtemp(prefix=f"{PREFIX}{tag.name}@{tag.version}-", dir=self._place))
        item = Trashed(tag, datetime.now(timezone.utc), place)
        try:
            move(folder, item.model)
        except BaseException:
            with suppress(OSError):
                place.rmdir()
            raise
        with suppress(OSError):
            digest.rename(item.digest)
        now = time.time_ns()  # finer than the clock of the file system, for which two may be deleted at once
        os.utime(place, ns=(now, now))

    def expired(self) -> list[Path]:
        """Return the folders of what nobody can restore any more."""
        now = datetime.now(timezone.utc)
        return [each.place for each in self._all() if each.until <= now]

    def remove(self, places: Collection[Path]) -> None:
        """Delete for good. A folder gets another name first: who restores finds all of a version in it, or nothing."""
        for place in places:
            with suppress(OSError):
                gone = place.with_name(place.name.replace(PREFIX, "modelsync-deleted-", 1))
                place.rename(gone)
                remove_tree(gone)

    def make_room(self, missing: int) -> None:
        """Delete for good what was deleted first, until so many bytes are free or nothing is left."""
        for item in reversed(self.items()):
            if missing <= 0:
                return
            missing -= item.size
            self.remove([item.place])

    def _all(self) -> list[Trashed]:
        found = []
        with suppress(OSError):
            for place in self._place.glob(f"{PREFIX}*"):
                name, _, version = place.name[len(PREFIX) :].rpartition("-")[0].partition("@")
                with suppress(InvalidTag, OSError):
                    if is_private(place):
                        deleted = datetime.fromtimestamp(place.stat().st_mtime, timezone.utc)
                        found.append(Trashed(Tag.parse(f"{name}:{version}"), deleted, place))
        return found
