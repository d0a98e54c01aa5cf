"""What the catalog takes from the model.yaml of an archive."""

from __future__ import annotations

import json

from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.info import MODEL_YAML, ModelInfo
from modelsync_jupyter.wire import labels_json, manifest_json

from ..catalog.database import as_kept
from ..catalog.rows import Facts
from ..errors import BadRequest
from ..values import Fields


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
        return Facts(fields.manifest(), fields.labels(), as_kept(info.creation_time))
    except BadRequest as error:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive: {error.message}") from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise InvalidModel(f"`{MODEL_YAML}` in the archive has values that the catalog cannot hold") from error
