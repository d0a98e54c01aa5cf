"""Read the model.yaml of an archive. A client wrote it, so its size is checked before it is used."""

from __future__ import annotations

import json
from datetime import timezone

import yaml

from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.core.info import MAX_DEPTH, MAX_VALUES, MODEL_YAML, ModelInfo
from modelsync_jupyter.core.plain import fits
from modelsync_jupyter.wire import labels_json, manifest_json

from .catalog.rows import Facts
from .errors import BadRequest
from .values import Fields


def parse(text: bytes) -> ModelInfo:
    """Understand a model.yaml.

    Raises:
        InvalidModel: It is broken, or made to blow up when it is written out.
    """
    try:
        data = yaml.safe_load(text)
        small = fits(data, depth=MAX_DEPTH, values=MAX_VALUES)
    except RecursionError:
        small = False
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive is not valid YAML") from error
    if not small:
        limits = f"{MAX_VALUES:,} values or {MAX_DEPTH} levels"
        raise InvalidModel(f"`{MODEL_YAML}` in the archive has more than {limits} when its aliases are written out")
    return ModelInfo.from_dict(data)


def facts(info: ModelInfo, size: int) -> Facts:
    """Take from a model.yaml what a client that sent nothing along left out.

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
        raise InvalidModel(f"`{MODEL_YAML}` in the archive has values that the catalog cannot hold") from error
