"""Creating a model: a folder to write into that becomes visible when it is whole.

What can be wrong is looked for before the user's work begins. What only shows afterwards costs the work nothing: the
files are kept, and the error says where.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timezone
from importlib import metadata as packages
from pathlib import Path
from typing import Any

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.core.config import DEFAULT_THREADS
from modelsync_jupyter.core.errors import ModelChanged, ModelExists, ModelSyncError, UsageError
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag, new_version
from modelsync_jupyter.files import disk_errors, is_link_within, write_text
from modelsync_jupyter.folders import fsync_tree, remove_tree
from modelsync_jupyter.info import MODEL_YAML, ModelInfo
from modelsync_jupyter.model_yaml import info_yaml

from .local import LocalStore
from .model import Model

#: YAML has these types, but not those derived from them, such as enumerations and pandas' times.
_PLAIN: dict[type, Callable[[Any], Any]] = {
    str: str.__str__,
    bytes: lambda data: bytes.join(b"", [data]),
    int: int.__int__,
    float: float.__float__,
    datetime: lambda time: datetime.combine(datetime.date(time), datetime.timetz(time)),
    date: lambda day: date(day.year, day.month, day.day),
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
    """Create a model; it is visible when the block ends, and never was when the block fails.

    Args:
        store: Where to.
        tag: Its name, and its version if it is not to be a new one.
        info: Fields of model.yaml besides name, version and time.

    Raises:
        ModelExists: There is such a version.
        UsageError: A value is something that model.yaml, or stock BentoML's way of reading it, cannot hold.
        InvalidModel: Something was written that cannot be in a model. Where the block succeeded, its files are kept.
    """
    tag = tag if tag.version else tag.at(new_version())
    if store.folder(tag).exists():
        raise ModelExists(f"Model `{tag}` is in the local store already.")
    given = {key: value for key, value in info.items() if value}
    context = {**environment(), **given.pop("context", {})}
    checked = checked_info(ModelInfo(tag, datetime.now(timezone.utc), context=context, **given))
    folder = store.new_folder("new")
    try:
        with disk_errors(folder):
            making = Draft(tag, folder / "model", checked)
            making.path.mkdir()
            yield making
        try:
            with disk_errors(folder):
                _finish(store, making)
        except ModelSyncError as error:
            kept = store.keep(folder) / "model"
            args = {**error.step.args, "path": str(kept)}
            error.step = Step(error.step.verb, f"{error.step.text} The files are kept in `{kept}`.", args)
            raise
    finally:
        remove_tree(folder)


def copy_in(source: Path, target: Path) -> None:
    """Copy a file, or what is in a folder, into a model under construction.

    Links that stay in the folder stay links; what others point to is copied, as in a folder of the Hugging Face cache,
    where each file is a link to `../../blobs`.

    Raises:
        UsageError: There is nothing at `source`, or the store is in it, or in it is something that is not a file.
    """
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"The model store is in `{source}`.", step="Name a folder that does not hold the store.")
    try:
        if source.is_dir():
            _copy_folder(source, target, source.resolve(), ())
        elif source.is_file():
            _copy_file(source, target / source.name)
        else:
            raise UsageError(f"`{source}` is not a file or folder.", step="Name what to save as a model.")
    except (FileNotFoundError, PermissionError) as error:
        raise UsageError(f"`{error.filename}` cannot be read: {error.strerror}.", "Check that it is there.") from error


def _copy_folder(source: Path, target: Path, top: Path, above: tuple[Path, ...]) -> None:
    """Copy what is in a folder. Modes of folders are left behind: a read-only one could not be filled."""
    here = source.resolve()
    if here in above:
        raise UsageError(f"`{source}` is a link to a folder that it is in.", "Take the link out of the folder.")
    for item in sorted(source.iterdir()):
        to = target / item.name
        if item.is_symlink() and is_link_within(item, top):
            to.symlink_to(os.readlink(item))
        elif item.is_dir():
            to.mkdir(exist_ok=True)
            _copy_folder(item, to, item.resolve() if item.is_symlink() else top, (*above, here))
        else:
            _copy_file(item, to)


def _copy_file(source: Path, target: Path) -> None:
    if not stat.S_ISREG(source.stat().st_mode):
        raise UsageError(f"`{source}` is not a file, folder or link.", "Take it out of the folder.")
    shutil.copy2(source, target)


def _finish(store: LocalStore, making: Draft) -> None:
    info = checked_info(making.info)
    write_text(making.path / MODEL_YAML, info_yaml(info), durable=False)
    archive = FolderArchive.scan(making.path)
    fsync_tree(making.path)
    with suppress(ModelChanged):  # something still writes: then there is no digest to keep
        store.index.describe(making.tag, archive, DEFAULT_THREADS)
    try:
        making.model = store.install(making.path, making.tag)
    except BaseException:
        store.index.forget(making.tag)
        raise
    making.path = making.model.path


def checked_info(info: ModelInfo) -> ModelInfo:
    """Return `info` with nothing in it but what YAML has and stock BentoML reads.

    Raises:
        UsageError: There is something else in it.
    """
    try:
        checked = info._replace(
            labels=_labels(info.labels),
            metadata=_plain(info.metadata, "metadata", nothing=False),
            options=_plain(info.options, "options"),
            context=_context(info.context),
            signatures=_signatures(info.signatures),
        )
    except RecursionError:
        raise UsageError("The metadata holds itself, or is nested too deep.", "Use flat values.") from None
    info_yaml(checked)
    return checked


def _labels(labels: Mapping[str, str]) -> dict[str, str]:
    if not all(isinstance(key, str) and isinstance(value, str) for key, value in labels.items()):
        raise UsageError(f"Labels must be text: `{dict(labels)}`.", step='Write them as {"stage": "test"}.')
    return {_plain(key, "labels"): _plain(value, f"labels.{key}") for key, value in labels.items()}


def _context(context: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(context, "context")
    versions = plain.get("framework_versions")
    if not isinstance(versions, dict) or not all(isinstance(each, str) for each in versions.values()):
        raise UsageError("`framework_versions` must name a version for each package.", 'Write {"torch": "2.4.0"}.')
    for key in ("framework_name", "bentoml_version", "python_version"):
        if not isinstance(plain.get(key), str):
            raise UsageError(f"`{key}` must be text.", "Leave it out, or write it as text.")
    return plain


def _signatures(signatures: Mapping[str, Any]) -> dict[str, Any]:
    """Write signatures as BentoML does: it reads no batch dimension that is a single number."""
    plain: dict[str, Any] = _plain(signatures, "signatures")
    for name, signature in plain.items():
        if not isinstance(signature, dict):
            raise UsageError(f"The signature of `{name}` is not a mapping.", 'Write {"predict": {"batchable": True}}.')
        dimension = signature.get("batch_dim", [0, 0])
        pair = [dimension, dimension] if type(dimension) is int else dimension
        if not isinstance(pair, list) or [type(each) for each in pair] != [int, int]:
            raise UsageError(f"`batch_dim` of `{name}` must be a number, or one for input and one for output.")
        if "batch_dim" in signature:
            signature["batch_dim"] = pair
    return plain


def environment() -> dict[str, Any]:
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


def _plain(value: Any, where: str, *, nothing: bool = True) -> Any:
    """Return `value` with nothing in it but what YAML has: enumerations and the numbers of NumPy and pandas as such.

    Args:
        value: Any value.
        where: What to call it in an error.
        nothing: Whether None is allowed: stock BentoML lists no model any more if it is in the metadata of one.
    """
    if isinstance(value, Mapping):
        items = {_key(key): _plain(item, f"{where}.{key}", nothing=nothing) for key, item in value.items()}
        if len(items) < len(value):
            raise UsageError(f"`{where}` has two keys that are the same as text.", "Rename one of them.")
        return items
    if isinstance(value, Tag):
        return str(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, f"{where}[{index}]", nothing=nothing) for index, item in enumerate(value)]
    if isinstance(value, bool) or (value is None and nothing):
        return value
    for kind, plain in _PLAIN.items():
        if isinstance(value, kind):
            with suppress(ValueError):  # text with half a surrogate pair
                found = plain(value)
                if not isinstance(value, datetime) or value == value:  # pandas' NaT is a time that equals no other
                    return found.encode().decode() if isinstance(found, str) else found
            raise UsageError(f"`{where}` cannot be written: {ascii(value)[:80]}.", "Leave it out, or write it as text.")
    for method in ("tolist", "to_dict"):
        if hasattr(value, method):
            return _plain(getattr(value, method)(), where, nothing=nothing)
    step = "Use text, numbers, dates, bytes, lists and mappings, and leave out what is None."
    raise UsageError(f"`{where}` cannot hold a `{type(value).__name__}`.", step=step)


def _key(key: Any) -> Any:
    return _plain(key, "a key") if isinstance(key, str) else str(key)
