"""Making a model: a folder to write into that becomes visible when it is whole."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib import metadata as packages
from pathlib import Path
from typing import Any

from modelsync_jupyter.archive.source import Source
from modelsync_jupyter.core.config import processors
from modelsync_jupyter.core.errors import ModelChanged, ModelExists, UsageError
from modelsync_jupyter.core.info import ModelInfo
from modelsync_jupyter.core.tags import Tag, new_version
from modelsync_jupyter.files import disk_errors, fsync_tree

from .local import LocalStore
from .model import Model, write_info

#: YAML writes these types, but none derived from them.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
    datetime: lambda time: datetime.combine(datetime.date(time), datetime.timetz(time)),
}


@dataclass
class Draft:
    """A model under construction.

    Args:
        tag: What it will be.
        path: The folder to write files into.
        info: What its model.yaml will say; metadata and labels may be changed until the end.
        model: The finished model, once there is one.
    """

    tag: Tag
    path: Path
    info: ModelInfo
    model: Model | None = None


@contextmanager
def draft(store: LocalStore, tag: Tag, info: Mapping[str, Any]) -> Iterator[Draft]:
    """Make a model; it is visible when the block ends, and never was when the block fails.

    Args:
        store: Where to.
        tag: Its name, and its version if it shall not be a fresh one.
        info: Fields of model.yaml besides name, version and time.

    Raises:
        ModelExists: There is such a version.
        UsageError: A label is not text.
        InvalidModel: Something was written that cannot be in a model.
    """
    tag = tag if tag.version else tag.at(new_version())
    if store.folder(tag).exists():
        raise ModelExists(f"Model `{tag}` is in the local store already.")
    folder = store.new_folder("new")
    try:
        with disk_errors(folder):
            making = Draft(tag, folder / "model", _info(tag, info))
            making.path.mkdir()
            yield making
            _finish(store, making)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_in(source: Path, target: Path) -> None:
    """Copy a file, or what is in a folder, into a model under construction; links stay links.

    Raises:
        UsageError: There is nothing at `source`, or the store is in it.
    """
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"The model store is in `{source}`.", step="Name a folder that does not hold the store.")
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    elif source.is_file():
        shutil.copy2(source, target / source.name)
    else:
        raise UsageError(f"There is no file or folder `{source}`.", step="Name what to save as a model.")


def _finish(store: LocalStore, making: Draft) -> None:
    info = replace(making.info, metadata=_plain(making.info.metadata), labels=_labels(making.info.labels))
    write_info(making.path, info)
    source = Source.scan(making.path, int(info.creation_time.timestamp()))
    fsync_tree(making.path)
    with suppress(ModelChanged):  # somebody still writes: then there is no digest to keep
        store.index.describe(making.tag, source, processors())
    try:
        making.model = store.install(making.path, making.tag)
    except BaseException:
        store.index.forget(making.tag)
        raise
    making.path = making.model.path


def _info(tag: Tag, fields: Mapping[str, Any]) -> ModelInfo:
    given = {key: value for key, value in fields.items() if value}
    _labels(given.get("labels", {}))
    context = {**_environment(), **given.pop("context", {})}
    return ModelInfo(tag, datetime.now(timezone.utc), context=context, **given)


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    if not all(isinstance(key, str) and isinstance(value, str) for key, value in labels.items()):
        raise UsageError(f"Labels must be text: `{dict(labels)}`.", step='Write them as {"stage": "test"}.')
    return {str.__str__(key): str.__str__(value) for key, value in labels.items()}


def _environment() -> dict[str, Any]:
    try:
        bentoml = packages.version("bentoml")
    except packages.PackageNotFoundError:
        bentoml = ""
    return {
        "framework_name": "",
        "framework_versions": {},
        "bentoml_version": bentoml,
        "python_version": platform.python_version(),
    }


def _plain(value: Any) -> Any:
    """`value` with nothing in it but what YAML knows: enumerations, NumPy's and pandas' numbers as plain ones."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_plain(item) for item in value]
    if isinstance(value, (bool, type(None))):
        return value
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            return plain(value)
    for method in ("tolist", "to_dict"):
        if hasattr(value, method):
            return _plain(getattr(value, method)())
    raise UsageError(f"Metadata cannot hold a `{type(value).__name__}`.", step="Use text, numbers, lists and mappings.")
