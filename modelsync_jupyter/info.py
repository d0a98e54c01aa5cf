"""What a model says of itself: the facts in its model.yaml, and what store and registry take of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.tags import Tag

MODEL_YAML = "model.yaml"
#: Levels and values inside a model.yaml at most, also when its aliases are written out.
MAX_DEPTH = 50
MAX_VALUES = 200_000
#: Bytes of a model.yaml at most, locally and in the registry.
MAX_YAML = 1 << 20
#: What the registry takes of labels: how many, and characters in their names and values.
MAX_LABELS, MAX_LABEL_KEY, MAX_LABEL_VALUE = 1000, 128, 1024
#: Characters of a description.
MAX_DESCRIPTION = 1 << 16
#: Where the description is: model.yaml has no other place for one that stock BentoML shows.
DESCRIPTION = "description"
#: In the metadata of a model that a stock client pulled by an alias: the version that it is.
ALIAS_OF = "alias_of"


class ModelInfo(NamedTuple):
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
    labels: Mapping[str, str] = {}
    metadata: Mapping[str, Any] = {}
    options: Mapping[str, Any] = {}
    context: Mapping[str, Any] = {}
    signatures: Mapping[str, Any] = {}

    @property
    def description(self) -> str:
        """What people should know of it, as far as its metadata says that in a text."""
        text = self.metadata.get(DESCRIPTION)
        return text if isinstance(text, str) else ""

    def to_dict(self) -> dict[str, Any]:
        """Return the facts in the order and form in which BentoML writes them."""
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


def check_limits(info: ModelInfo) -> None:
    """Check a model against the limits of the registry, before anything is sent.

    Raises:
        UsageError: The registry would refuse it; says what, and how much is allowed.
    """
    if len(info.labels) > MAX_LABELS:
        raise UsageError(f"The model has {len(info.labels)} labels, and {MAX_LABELS} are allowed.", "Remove some.")
    for key, value in info.labels.items():
        for what, text, limit in (("name", key, MAX_LABEL_KEY), ("value", value, MAX_LABEL_VALUE)):
            if len(text) > limit or "\0" in text:
                message = f"The {what} of label `{key[:80]}` has more than {limit} characters, or a NUL."
                raise UsageError(message, "Shorten it.")
    if len(info.description) > MAX_DESCRIPTION or "\0" in info.description:
        raise UsageError(f"The description has more than {MAX_DESCRIPTION} characters, or a NUL.", "Shorten it.")
