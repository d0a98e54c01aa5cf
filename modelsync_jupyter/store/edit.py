"""Edit what people wrote about a local version: its labels and its description. Its other files stay as they are."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.errors import ModelChanged
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import disk_errors, read_regular, write_text
from modelsync_jupyter.folders import remove_tree
from modelsync_jupyter.info import DESCRIPTION, MAX_YAML, MODEL_YAML, ModelInfo, check_limits
from modelsync_jupyter.model_yaml import edited_yaml

from .create import checked_info
from .local import LocalStore
from .model import Model


def edit(
    store: LocalStore,
    tag: Tag,
    *,
    labels: Mapping[str, str] | None = None,
    remove: Collection[str] = (),
    description: str | None = None,
) -> Model:
    """Change labels and description of a version; what is not named stays. Two edits at once must be kept apart.

    The new model.yaml comes in one step. The folder is held open meanwhile: where another process puts a new copy of
    the version in its place, the edit is not written into that one, which has labels of its own.

    Args:
        store: The local store.
        tag: The version.
        labels: Labels to set.
        remove: Keys of labels to take away.
        description: The new description; "" for none.

    Raises:
        ModelNotFound: There is no such version.
        ModelChanged: The version was replaced or deleted meanwhile; nothing is edited.
        UsageError: A label or the description is not what a registry takes.
    """
    path = store.get(tag).path
    place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        before = _stamp(place)
        model = store.read(tag)
        data = read_regular(path / MODEL_YAML, MAX_YAML)
        if not _is_still(path, place) or before != _stamp(place):
            raise _changed(model.tag)
        info = _edited(model.info, labels or {}, remove, description)
        if info == model.info:
            return model
        known = store.digest(model) is not None
        staged = store.new_folder("edit")
        try:
            with disk_errors(path):
                write_text(staged / MODEL_YAML, edited_yaml(data, info))
                os.replace(staged / MODEL_YAML, MODEL_YAML, dst_dir_fd=place)
                os.fsync(place)
        finally:
            remove_tree(staged)
        if not _is_still(path, place):
            raise _changed(model.tag)
    finally:
        os.close(place)
    edited = store.get(model.tag)
    if known:  # then its other files are not read for it
        with suppress(ModelChanged):
            store.describe(edited)
    return edited


def _edited(info: ModelInfo, labels: Mapping[str, str], remove: Collection[str], description: str | None) -> ModelInfo:
    metadata: dict[str, Any] = dict(info.metadata)
    if description is not None:
        metadata.pop(DESCRIPTION, None)
        metadata |= {DESCRIPTION: description} if description else {}
    kept = {key: value for key, value in {**info.labels, **labels}.items() if key not in remove}
    wanted = info._replace(labels=kept, metadata=metadata)
    checked = checked_info(wanted)
    check_limits(checked)
    return wanted._replace(labels=checked.labels)  # what else stock BentoML wrote stays as it is


def _stamp(place: int) -> tuple[int, int, int]:
    facts = os.stat(MODEL_YAML, dir_fd=place)
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _is_still(path: Path, place: int) -> bool:
    """Return whether a path leads to the folder that is held open."""
    with suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(place))
    return False


def _changed(tag: Tag) -> ModelChanged:
    return ModelChanged(f"`{tag}` was replaced or deleted meanwhile; it was not edited.", "Look at it, then edit it.")
