"""What a model says of itself: the content of its model.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from .errors import InvalidModel, InvalidTag
from .tags import Tag

MODEL_YAML = "model.yaml"
#: Levels and values in a model.yaml at most; its aliases could make a small file an endless tree.
MAX_DEPTH = 50
MAX_VALUES = 200_000
#: Bytes of a model.yaml at most, locally and in the registry.
MAX_YAML = 1 << 20
#: What the registry takes of labels: how many, and characters in their names and values.
MAX_LABELS, MAX_LABEL_KEY, MAX_LABEL_VALUE = 1000, 128, 1024


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The facts in a model.yaml.

    Args:
        tag: Name and version.
        creation_time: When the model was made, with its zone.
        module: The BentoML framework module that saved it, or "".
        api_version: Version of that module's format.
        labels: Words to find the model by.
        metadata: Anything its maker noted: nested JSON-like values.
        options: Options of the framework module.
        context: The environment it was made in: framework_name, framework_versions, bentoml_version, python_version.
        signatures: Methods a runner may call.
    """

    tag: Tag
    creation_time: datetime
    module: str = ""
    api_version: str = "v1"
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    signatures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: object) -> ModelInfo:
        """Check what a model.yaml holds.

        Raises:
            InvalidModel: It is not a mapping, or `name`, `version` or `creation_time` are missing or wrong.
        """
        if not isinstance(data, Mapping):
            raise InvalidModel(f"`{MODEL_YAML}` is not a mapping.")
        return cls(
            tag=_tag(data.get("name"), data.get("version")),
            creation_time=_time(data.get("creation_time")),
            module=str(data.get("module") or ""),
            api_version=str(data.get("api_version") or "v1"),
            labels={str(key): str(value) for key, value in _mapping(data, "labels").items()},
            metadata=_mapping(data, "metadata"),
            options=_mapping(data, "options"),
            context=_mapping(data, "context"),
            signatures=_mapping(data, "signatures"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The facts in the order and form in which BentoML writes them."""
        return {
            "name": self.tag.name,
            "version": self.tag.version,
            "module": self.module,
            "labels": dict(self.labels),
            "options": dict(self.options),
            "metadata": dict(self.metadata),
            "context": dict(self.context),
            "signatures": dict(self.signatures),
            "api_version": self.api_version,
            "creation_time": self.creation_time.isoformat(),
        }


def _tag(name: object, version: object) -> Tag:
    if not isinstance(name, str) or type(version) not in (str, int):
        raise InvalidModel(f"`{MODEL_YAML}` lacks a `name` or a `version`.")
    try:
        tag = Tag.parse(f"{name}:{version}")
    except InvalidTag as error:
        raise InvalidModel(f"`{MODEL_YAML}` names no valid model: {error.message}") from error
    if tag.is_latest:
        raise InvalidModel(f"`{MODEL_YAML}` of `{name}` has no version of its own.")
    return tag


def _time(value: object) -> datetime:
    try:
        time = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise InvalidModel(f"`creation_time` in `{MODEL_YAML}` is no ISO 8601 time: `{value}`.") from error
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _mapping(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key) or {}
    if not isinstance(value, Mapping):
        raise InvalidModel(f"`{key}` in `{MODEL_YAML}` is not a mapping.")
    _count(value, 0)
    return dict(value)


def _count(value: object, depth: int) -> int:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple, set)) else ()
    count = 1
    for item in items:
        if depth > MAX_DEPTH or count > MAX_VALUES:
            raise InvalidModel(f"`{MODEL_YAML}` holds too much, or holds itself.")
        count += _count(item, depth + 1)
    return count
