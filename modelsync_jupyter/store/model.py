"""Model: a version in the local store."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from modelsync_jupyter.archive.source import Source
from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.core.info import MAX_DEPTH, MODEL_YAML, ModelInfo
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size

#: libyaml where it is built in: ten times faster.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


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
    scanned: Source | None = field(default=None, repr=False, compare=False)

    @classmethod
    def load(cls, path: Path) -> Model:
        """The model in a folder.

        Raises:
            InvalidModel: Its model.yaml is missing or broken.
        """
        info = read_info(path)
        return cls(info.tag, path, info)

    @cached_property
    def source(self) -> Source:
        """The model as an archive, as its folder was when first asked."""
        return self.scanned or Source.scan(self.path, int(self.info.creation_time.timestamp()))

    @property
    def size(self) -> int:
        """Bytes in its files."""
        return self.source.content_size

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


def read_info(folder: Path) -> ModelInfo:
    """What the model.yaml in a folder says.

    Raises:
        InvalidModel: It is missing or broken.
    """
    try:
        data = (folder / MODEL_YAML).read_bytes()
        _check_depth(data)
        return ModelInfo.from_dict(yaml.load(data, _Loader))
    except FileNotFoundError as error:
        raise InvalidModel(f"`{folder}` holds no `{MODEL_YAML}`.") from error
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise InvalidModel(f"`{folder / MODEL_YAML}` cannot be read.") from error


def write_info(folder: Path, info: ModelInfo) -> None:
    """Write the model.yaml of a model under construction."""
    with open(folder / MODEL_YAML, "w", encoding="utf-8") as file:
        yaml.dump(info.to_dict(), file, _Dumper, sort_keys=False, allow_unicode=True)


def _check_depth(data: bytes) -> None:
    """Refuse what is nested so deep that libyaml would overrun the stack and take the process with it."""
    depth = 0
    for event in yaml.parse(data, _Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InvalidModel(f"`{MODEL_YAML}` is nested too deep.")
