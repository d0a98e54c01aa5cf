"""The model.yaml in an archive: written by a client, so nothing in it is believed before it is measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timezone

import yaml

from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.core.info import MODEL_YAML, ModelInfo
from modelsync_jupyter.wire import labels_json, manifest_json

from .catalog.rows import Facts
from .errors import BadRequest
from .values import Fields

MAX_YAML = 1 << 20
_MAX_DEPTH = 60
_MAX_NODES = 200_000


def parse(text: bytes) -> ModelInfo:
    """Understand a model.yaml.

    Raises:
        InvalidModel: It is broken, or made to blow up when it is written out.
    """
    try:
        data = yaml.safe_load(text)
        _measure(data, 0, {})
        return ModelInfo.from_dict(data)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive is not valid YAML") from error


def facts(info: ModelInfo, size: int) -> Facts:
    """What a model.yaml says about its version, for a client that sent nothing along.

    Args:
        info: The content of the model.yaml.
        size: Bytes of all files of the model.

    Raises:
        InvalidModel: The catalog cannot hold that.
    """
    try:
        said = {"manifest": manifest_json(info, size), "labels": labels_json(info.labels)}
        fields = Fields(json.loads(json.dumps(said), parse_constant=str))
        build_at = info.creation_time.astimezone(timezone.utc).replace(tzinfo=None)
        return Facts(fields.manifest(), fields.labels(), build_at)
    except BadRequest as error:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive: {error.message}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive has values that no catalog can hold") from error


def _measure(value: object, depth: int, known: dict[int, int]) -> int:
    """Values in `value` when every YAML alias is written out; computed without writing them out.

    Raises:
        ValueError: Too many, or nested too deep (as is what contains itself).
    """
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deep")
    if not isinstance(value, (list, Mapping, set)):
        return 1
    if id(value) not in known:
        children = [*value.keys(), *value.values()] if isinstance(value, Mapping) else list(value)
        known[id(value)] = 1 + sum(_measure(child, depth + 1, known) for child in children)
    if known[id(value)] > _MAX_NODES:
        raise ValueError("too many values")
    return known[id(value)]
