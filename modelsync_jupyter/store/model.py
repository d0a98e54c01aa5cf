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

import yaml

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.errors import InvalidModel, UsageError
from modelsync_jupyter.core.info import (
    MAX_DEPTH,
    MAX_LABEL_KEY,
    MAX_LABEL_VALUE,
    MAX_LABELS,
    MAX_VALUES,
    MAX_YAML,
    MODEL_YAML,
    ModelInfo,
)
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.files import read_regular

#: libyaml where it is built in: ten times faster.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
#: Digits of a number at most; Python refuses to write longer ones out.
_MAX_DIGITS = 4000
#: How BentoML and we write `creation_time`; a file in which the word stands but once is the same to any YAML reader.
_CREATED = re.compile(rb"^creation_time: '(\d{4}-\d\d-\d\d[T ][0-9:.]{8,15}[+-]\d\d:\d\d)'$", re.MULTILINE)


@dataclass(frozen=True)
class Model:
    """A version in the local store.

    Args:
        tag: Name and version.
        path: Its folder.
        info: What its model.yaml says.
        size: Bytes in its files.
        scanned: Its folder as it was before it became visible, where that is known.
    """

    tag: Tag
    path: Path
    info: ModelInfo
    size: int
    scanned: FolderArchive | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read the model in a folder.

        Raises:
            InvalidModel: Its model.yaml is missing or broken.
        """
        info = read_info(path)
        return cls(info.tag, path, info, folder_size(path))

    @cached_property
    def archive(self) -> FolderArchive:
        """The model as an archive, as its folder was when first asked.

        Raises:
            InvalidModel: It cannot be read, or something in it cannot be in an archive.
        """
        return self.scanned or FolderArchive.scan(self.path, self.archive_time)

    @property
    def archive_time(self) -> int:
        """The time of all members of its archive, in whole seconds since the epoch."""
        return int(self.info.creation_time.timestamp())

    def to_dict(self) -> dict[str, Any]:
        """The model as `--output json` prints it."""
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


class _Loader(_Safe):  # type: ignore[misc]
    """Reads what BentoML writes, in time that grows with the size of the file alone.

    Left out of YAML 1.1: numbers of base 60 (`1:30:00` is text here), whose value takes quadratic time to compute, and
    merge keys (`<<` is a key like others), which take exponential time to copy. BentoML writes neither.
    """

    def construct_yaml_int(self, node: Any) -> Any:
        if ":" in node.value or len(node.value) > _MAX_DIGITS:
            raise yaml.constructor.ConstructorError(None, None, "a number that is too long", node.start_mark)
        return super().construct_yaml_int(node)

    def construct_yaml_float(self, node: Any) -> Any:
        if ":" in node.value:
            raise yaml.constructor.ConstructorError(None, None, "a number of base 60", node.start_mark)
        return super().construct_yaml_float(node)

    def flatten_mapping(self, node: Any) -> None:
        """Leave merge keys alone."""


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, re.compile(pattern.pattern.replace("(?::[0-5]?[0-9])+", "(?!)"), re.VERBOSE))
        for tag, pattern in pairs
        if not tag.endswith((":merge", ":value"))
    ]
    for first, pairs in _Safe.yaml_implicit_resolvers.items()
}


def read_info(folder: Path) -> ModelInfo:
    """Read the model.yaml in a folder.

    Raises:
        InvalidModel: It is missing, broken, larger than a registry takes, or not a file.
    """
    return _parse(folder, _read(folder))


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
        info = _parse(Path(folder), data)
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


def model_yaml(info: ModelInfo) -> str:
    """Return the text of a model.yaml.

    Raises:
        UsageError: It would be larger than a registry takes, or nested too deep, or hold what YAML does not have.
    """
    try:
        text: str = yaml.dump(info.to_dict(), None, _Dumper, sort_keys=False, allow_unicode=True)
        data = text.encode()
        if len(data) > MAX_YAML:
            raise UsageError(
                f"`{MODEL_YAML}` would have {format_size(len(data))}, and {format_size(MAX_YAML)} are allowed.",
                "Write large metadata into a file of the model.",
            )
        _parse(Path(), data)
    except (yaml.YAMLError, ValueError, RecursionError, InvalidModel) as error:
        raise UsageError("The metadata cannot be written.", "Use flat values: text, numbers and dates.") from error
    return text


def check_limits(info: ModelInfo) -> None:
    """Check a model against the limits of the registry, before anything is sent.

    Raises:
        UsageError: The registry would refuse it; says what, and how much is allowed.
    """
    model_yaml(info)
    if len(info.labels) > MAX_LABELS:
        raise UsageError(f"The model has {len(info.labels)} labels, and {MAX_LABELS} are allowed.", "Remove some.")
    for key, value in info.labels.items():
        for what, text, limit in (("name", key, MAX_LABEL_KEY), ("value", value, MAX_LABEL_VALUE)):
            if len(text) > limit or "\0" in text:
                message = f"The {what} of label `{key[:80]}` has more than {limit} characters, or a NUL."
                raise UsageError(message, "Shorten it.")


def _read(folder: Path) -> bytes:
    try:
        return read_regular(folder / MODEL_YAML, MAX_YAML)
    except FileNotFoundError as error:
        raise InvalidModel(f"`{folder}` holds no `{MODEL_YAML}`.") from error
    except OSError as error:
        raise InvalidModel(f"`{folder / MODEL_YAML}` cannot be read: {error.strerror}.") from error


def _parse(folder: Path, data: bytes) -> ModelInfo:
    try:
        _measure(data)
        return ModelInfo.from_dict(yaml.load(data, _Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidModel(f"`{folder / MODEL_YAML}` is not valid YAML.") from error


def _measure(data: bytes) -> None:
    """Refuse what is nested so deep that libyaml would overrun the stack, or holds more than a registry takes."""
    if re.search(rb"^%TAG", data, re.MULTILINE):
        raise InvalidModel(f"`{MODEL_YAML}` has directives.")  # libyaml compares each with all others
    if sum(map(data.count, (b"[", b"{", b"-", b"?", b":"))) <= MAX_DEPTH and len(data) <= MAX_VALUES:
        return  # each level takes one of these, each value a byte
    depth = 0
    for count, event in enumerate(yaml.parse(data, _Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or count > 2 * MAX_VALUES:
            raise InvalidModel(f"`{MODEL_YAML}` is nested too deep, or holds too much.")
