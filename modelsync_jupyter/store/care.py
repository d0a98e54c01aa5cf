"""Care of the local store: what may go, what takes how much space, and what crashes left behind.

What is deleted is decided first, as a list with reasons; `delete` carries out that list, and nothing beyond it.
"""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.errors import InvalidModel, InvalidTag, ModelNotFound, ModelSyncError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import read_regular
from modelsync_jupyter.folders import list_folders, remove_tree
from modelsync_jupyter.info import MAX_YAML
from modelsync_jupyter.model_yaml import load_yaml

from .local import LocalStore
from .model import Model

#: A label with this name keeps a version, whatever its value.
KEEP_LABEL = "keep"
#: A journal that was not written to for so many seconds is of use to nobody.
FORGOTTEN = 14 * 86400.0
#: Why a version stays that came to be garbage while its user was asked.
_NEW = "you were not asked about it as it is now"
_PARTIAL = re.compile(r"\..+\.[0-9a-f]{12}\.partial")
_STAGE = re.compile(r"\.modelsync-export-[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Garbage:
    """What a collection deletes, and what it keeps although the rules would let it go.

    Args:
        models: Versions to delete.
        kept: Versions that the rules would delete, each with what refers to it.
        leftovers: Files and folders that killed processes left behind, and journals of abandoned transfers.
        freed: Bytes that are free afterwards: files that others link to do not count.
        thrown: Folders of the trash.
    """

    models: tuple[Model, ...]
    kept: Mapping[Tag, str]
    leftovers: tuple[Path, ...]
    freed: int
    thrown: tuple[Path, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what is deleted, as JSON."""
        return {
            "deleted": [str(model.tag) for model in self.models],
            "kept": {str(tag): reason for tag, reason in self.kept.items()},
            "leftovers": len(self.leftovers),
            "trash": len(self.thrown),
            "bytes_freed": self.freed,
        }


@dataclass(frozen=True)
class Usage:
    """Space that the versions of one name take.

    Args:
        name: The name.
        versions: How many there are.
        size: Bytes in their files, each counted.
        disk: Bytes on disk, what is shared counted once.
        shared: Bytes on disk that other versions or files outside the store share by hard links.
    """

    name: str
    versions: int = 0
    size: int = 0
    disk: int = 0
    shared: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the usage as JSON."""
        return {each: getattr(self, each) for each in ("name", "versions", "size", "disk", "shared")}


def find_garbage(
    store: LocalStore,
    *,
    name: str | None = None,
    keep: int | None = None,
    older_than: timedelta | None = None,
    labels: Collection[str] = (),
    aliased: Callable[[Collection[str]], Mapping[Tag, str]] | None = None,
    trash: bool = False,
    now: datetime | None = None,
) -> Garbage:
    """Decide what may go. Without a rule no version does, only what killed processes left behind.

    Args:
        store: The store.
        name: Only versions of this name.
        keep: How many of the newest versions of each name stay.
        older_than: How old a version must be to go; where both rules are given, both must hold.
        labels: `key` or `key=value`: versions with such a label stay, as those with a label `keep` do.
        aliased: Called with the names of versions that would go; tells which versions aliases refer to, and how.
        trash: Whether what is in the trash goes too, and not only what has been there for long enough.
        now: The time to reckon from.
    """
    now = now or datetime.now(timezone.utc)
    used = _bentos(store)
    models: list[Model] = []
    kept: dict[Tag, str] = {}
    seen: Counter[str] = Counter()
    for model in store.models(name) if keep is not None or older_than is not None else ():
        seen[model.tag.name] += 1
        newest = keep is not None and seen[model.tag.name] <= keep
        young = older_than is not None and now - model.info.creation_time < older_than
        if newest or young:
            continue
        if reason := _referred(model, used, labels):
            kept[model.tag] = reason
        elif seen[model.tag.name] == 1:
            kept[model.tag] = "it is the latest of its name"
        else:
            models.append(model)
    if models and aliased:
        referred = aliased({model.tag.name for model in models})
        kept |= {model.tag: referred[model.tag] for model in models if model.tag in referred}
        models = [model for model in models if model.tag not in referred]
    leftovers = tuple(_leftovers(store, now.timestamp()))
    thrown = tuple(item.place for item in store.trash.items()) if trash else ()
    thrown += tuple(store.trash.expired())
    freed = _freed([*(model.path for model in models), *leftovers, *thrown])
    return Garbage(tuple(models), kept, leftovers, freed, thrown)


def delete(store: LocalStore, garbage: Garbage, agreed: Garbage | None = None) -> Garbage:
    """Delete what was decided.

    Args:
        store: The store.
        garbage: What may go, decided just now.
        agreed: What a user saw and agreed to: of versions only these go, and only as they were.

    Returns:
        What was deleted, and as kept also what could not be, with the reason.
    """
    kept, gone, stuck = dict(garbage.kept), [], []
    asked = {model.tag: model for model in (agreed or garbage).models}
    models = [model for model in garbage.models if asked.get(model.tag) == model]
    kept |= {model.tag: _NEW for model in garbage.models if asked.get(model.tag) != model}
    asked_thrown = set((agreed or garbage).thrown)
    thrown = tuple(place for place in garbage.thrown if place in asked_thrown)
    freed = _freed([*(model.path for model in models), *garbage.leftovers, *thrown])
    for model in models:
        try:
            store.delete(model.tag)
            gone.append(model)
        except ModelNotFound:
            pass  # another process was first
        except ModelSyncError as error:
            kept[model.tag] = error.message.rstrip(".")
            stuck.append(model.path)
    for path in garbage.leftovers:
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            path.unlink(missing_ok=True)
    store.trash.remove(thrown)
    for name in list_folders(store.home.models):
        store.heal(name)
    return Garbage(tuple(gone), kept, garbage.leftovers, freed - _freed(stuck), thrown)


def measure(store: LocalStore, name: str | None = None) -> list[Usage]:
    """Measure the space that each name takes, the largest first."""
    links: Counter[tuple[int, int]] = Counter()
    files: dict[str, list[os.stat_result]] = {}
    versions: Counter[str] = Counter()
    for model in store.models():
        versions[model.tag.name] += 1
        for facts in _files(model.path):
            files.setdefault(model.tag.name, []).append(facts)
            links[facts.st_dev, facts.st_ino] += 1
    found = []
    for each, facts_of in files.items():
        once = {(facts.st_dev, facts.st_ino): facts for facts in facts_of}
        shared = sum(facts.st_blocks * 512 for facts in once.values() if facts.st_nlink > 1)
        disk = sum(facts.st_blocks * 512 for facts in once.values())
        found.append(Usage(each, versions[each], sum(facts.st_size for facts in facts_of), disk, shared))
    return sorted((each for each in found if name in (None, each.name)), key=lambda each: (-each.disk, each.name))


def _referred(model: Model, used: Mapping[Tag, str], labels: Collection[str]) -> str:
    """Return what refers to a version, or ""."""
    if bento := used.get(model.tag):
        return f"the bento `{bento}` uses it"
    own = model.info.labels
    for label in (KEEP_LABEL, *labels):
        key, equals, value = label.partition("=")
        if key in own and (not equals or own[key] == value):
            return f"it has the label `{key}={own[key]}`"
    return ""


def _bentos(store: LocalStore) -> dict[Tag, str]:
    """Return the versions that bentos of the same home use, each with one of them.

    Raises:
        InvalidModel: A bento cannot be read: then nobody knows what it uses.
    """
    used: dict[Tag, str] = {}
    for path in (store.home.path / "bentos").glob("*/*/bento.yaml"):
        try:
            said = load_yaml(read_regular(path, MAX_YAML), f"`{path}`")
        except OSError as error:
            raise InvalidModel(
                f"`{path}` cannot be read: {error.strerror}.", "Delete that bento, or repair it."
            ) from error
        listed = said.get("models") if isinstance(said, dict) else None
        for item in listed if isinstance(listed, list) else ():
            tag = item.get("tag") if isinstance(item, dict) else item
            with suppress(InvalidTag):
                used[Tag.parse(str(tag))] = f"{path.parent.parent.name}:{path.parent.name}"
    return used


def _leftovers(store: LocalStore, now: float) -> Iterator[Path]:
    """Yield journals of abandoned transfers, what they name, and stages that no other journal names."""
    named: set[str] = set()
    for path in (store.home.state / "journals").glob("*.jsonl"):
        with suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace")
            if now - path.stat().st_mtime <= FORGOTTEN:
                named.update(re.findall(r'"stage": "([^"]+)"', text))
                continue
            yield path
            yield from _exported(text)
    yield from (path for path in store.abandoned() if path.name not in named)


def _exported(text: str) -> Iterator[Path]:
    """Yield the hidden file or stage of an abandoned export, beside its destination."""
    to = re.search(r'"to": "(/[^"]+)"', text)
    if not to:
        return
    for name in re.findall(r'"(?:file|stage)": "([^"/]+)"', text):
        path = Path(to[1]).with_name(name)
        ours = _PARTIAL.fullmatch(name) or _STAGE.fullmatch(name)
        if ours and os.path.lexists(path) and path.lstat().st_uid == os.geteuid():
            yield path


def _freed(paths: Iterable[Path]) -> int:
    """Return the bytes that deleting files and folders frees: those of files that have no link elsewhere."""
    links: Counter[tuple[int, int]] = Counter()
    facts_of: dict[tuple[int, int], os.stat_result] = {}
    for path in paths:
        for facts in _files(path):
            links[facts.st_dev, facts.st_ino] += 1
            facts_of[facts.st_dev, facts.st_ino] = facts
    return sum(facts.st_blocks * 512 for key, facts in facts_of.items() if facts.st_nlink <= links[key])


def _files(path: Path) -> Iterator[os.stat_result]:
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            yield path.lstat()
        return
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                facts = os.lstat(os.path.join(folder, name))
                if stat.S_ISREG(facts.st_mode):
                    yield facts
