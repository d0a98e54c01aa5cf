"""Times: when local versions were made, kept so that a list of thousands opens no folder of theirs.

A disk that has to be asked for the model.yaml of each of 10,000 versions takes more than a second. What is kept here
answers for all of them, from one file and one look at the folder of each name.

A time is believed as long as nothing came, went or was renamed in the folder of its name, which the times of that
folder tell, and the version's folder is the one that was read, by its inode. They are kept only once the file system's
clock has passed the last change, so that a later one shows. What is not so told is a model.yaml whose time somebody
edits in place: no program does. It shows where the version is shown, for what is shown is read anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import clock_passes, open_own, write_text

#: Bytes of the file at most: 70 for each version.
_LONGEST = 64 << 20
#: What the form of the file is called.
_FORM = "times-1"


class Look(NamedTuple):
    """What the folder of a name looks like, without a look into those of its versions.

    Args:
        stamp: Device, inode, mtime and ctime of the folder.
        versions: The inode of each version's folder; 0 for a link to a folder elsewhere.
    """

    stamp: tuple[int, ...]
    versions: Mapping[str, int]

    @classmethod
    def at(cls, folder: str) -> Look:
        """Look at a folder; one that is not there has no versions."""
        try:
            facts = os.stat(folder)
            with os.scandir(folder) as items:
                found = {
                    item.name: 0 if item.is_symlink() else item.inode()
                    for item in items
                    if not item.name.startswith(".") and item.is_dir()
                }
        except OSError:
            return cls((), {})
        return cls((facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns), dict(sorted(found.items())))


class Times:
    """The times that are kept of a store.

    Args:
        file: Where.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._names = self._read()

    def known(self, name: str, look: Look) -> dict[str, datetime]:
        """Return the times that are known of versions of a name, as its folder is now."""
        found: dict[str, datetime] = {}
        with suppress(ValueError, TypeError, KeyError, AttributeError):  # broken: what is not known is read
            kept = self._names.get(name) or {}
            if look.stamp and kept.get("stamp") == list(look.stamp):
                for version, (inode, time) in kept["versions"].items():
                    if inode and look.versions.get(version) == inode:
                        found[version] = datetime.fromisoformat(time)
        return found

    def settle(self, looks: Iterable[Look]) -> bool:
        """Wait until a later change of these folders would show; False where that takes too long or nothing is kept."""
        stamps = [look.stamp for look in looks if look.stamp]
        newest = max((stamp[-1] for stamp in stamps), default=0)
        return bool(stamps) and clock_passes(self._file.parent, newest, stamps[0][0])

    def keep(self, looks: Mapping[str, Look], times: Mapping[Tag, datetime], is_there: Callable[[str], bool]) -> None:
        """Keep times, unless the store is read-only.

        Args:
            looks: What the folders of names looked like, after `settle` and before the times were read.
            times: The times of their versions.
            is_there: Whether there is such a name; others are forgotten.
        """
        names = {name: kept for name, kept in self._names.items() if name not in looks and is_there(name)}
        for name, look in looks.items():
            names[name] = {"stamp": list(look.stamp), "versions": {}}
        for tag, time in times.items():
            if inode := looks[tag.name].versions.get(str(tag.version)):
                names[tag.name]["versions"][str(tag.version)] = [inode, time.isoformat()]
        with suppress(OSError):
            text = json.dumps({"form": _FORM, "names": names}, separators=(",", ":"))
            write_text(self._file, text, mode=0o644, durable=False)

    def _read(self) -> dict[str, Any]:
        with suppress(OSError, ValueError, RecursionError):
            file = open_own(self._file, _LONGEST)
            if file is not None:
                with open(file, "rb") as opened:
                    data = json.load(opened)
                if isinstance(data, dict) and data.get("form") == _FORM and isinstance(data.get("names"), dict):
                    return dict(data["names"])
        return {}
