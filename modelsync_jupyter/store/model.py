"""Model: a version in the local store."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.files import read_regular
from modelsync_jupyter.info import MAX_YAML, MODEL_YAML, ModelInfo, parse_info

#: How BentoML and we write `creation_time`; a file in which the word stands but once is the same to any YAML reader.
_CREATED = re.compile(rb"^creation_time: '(\d{4}-\d\d-\d\d[T ][0-9:.]{8,15}[+-]\d\d:\d\d)'$", re.MULTILINE)


@dataclass(frozen=True)
class Model:
    """A version in the local store.

    Args:
        tag: Name and version.
        path: Its folder.
        info: What its model.yaml says.
        scanned: Its folder as it was before it became visible, where that is known.
    """

    tag: Tag
    path: Path
    info: ModelInfo
    scanned: FolderArchive | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the model.yaml of the model in a folder.

        Raises:
            InvalidModel: It is missing, broken, larger than a registry takes, or not a file.
        """
        file = path / MODEL_YAML
        try:
            data = read_regular(file, MAX_YAML)
        except FileNotFoundError as error:
            raise InvalidModel(f"`{path}` holds no `{MODEL_YAML}`.") from error
        except OSError as error:
            raise InvalidModel(f"`{file}` cannot be read: {error.strerror}.") from error
        info = parse_info(data, f"`{file}`")
        return cls(info.tag, path, info)

    @cached_property
    def size(self) -> int:
        """Bytes in its files, when first asked."""
        return self.scanned.content_size if self.scanned else folder_size(self.path)

    @cached_property
    def archive(self) -> FolderArchive:
        """The model as an archive, as its folder was when first asked.

        Raises:
            InvalidModel: It cannot be read, or something in it cannot be in an archive.
        """
        return self.scanned or FolderArchive.scan(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as `--output json` prints it."""
        return {
            "tag": str(self.tag),
            "size": self.size,
            "labels": dict(self.info.labels),
            "creation_time": self.info.creation_time.isoformat(),
            "module": self.info.module,
            "metadata": dict(self.info.metadata),
            "path": str(self.path),
        }

    def __str__(self) -> str:
        return str(self.tag)

    def __repr__(self) -> str:
        return f"Model({self.tag}, {format_size(self.size)}, {str(self.path)!r})"


def read_creation_time(folder: str, tag: Tag) -> datetime | None:
    """Return when the version in a folder was made, or None if it is not a model of this tag.

    A model.yaml as BentoML and we write it is not parsed for this, which would take ten times as long.
    """
    try:
        data = read_regular(f"{folder}/{MODEL_YAML}", MAX_YAML)
        name, version = data[:160].split(b"\n", 2)[:2]
        found = _CREATED.search(data) if data.count(b"creation_time") == 1 else None
        if found and name == b"name: " + tag.name.encode() and version[9:].strip(b"'") == str(tag.version).encode():
            return datetime.fromisoformat(found[1].decode())
        info = parse_info(data)
    except (InvalidModel, ValueError, OSError):
        return None
    return info.creation_time if info.tag == tag else None


def folder_size(folder: Path) -> int:
    """Return the bytes in the files of a folder; what cannot be looked at counts nothing."""
    size, folders = 0, [str(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as items:
                for item in items:
                    if item.is_dir(follow_symlinks=False):
                        folders.append(item.path)
                    elif stat.S_ISREG((facts := item.stat(follow_symlinks=False)).st_mode):
                        size += facts.st_size
        except OSError:
            continue
    return size
