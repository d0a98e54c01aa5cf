"""What a transfer changes: the version that is moved beside the one it replaces, or the newest other one.

Files are told apart by their digests, and tensors by the digests of the parts that they lie in; of what lies in between
little is read. Nothing here may make a transfer fail, or slow: where something is not known, less is said.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelsync_jupyter.archive.borders import Reader
from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.contents.diff import Side, diff, files_of
from modelsync_jupyter.contents.reader import FileReader, SliceReader
from modelsync_jupyter.core.changes import Changed, Changes
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

if TYPE_CHECKING:
    from modelsync_jupyter.remotes.bentocloud.client import Remote, RemoteModel
    from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive

    from .plan import Plan
    from .run import Run

#: Bytes of a file that are read at most to find its tensors and to tell them apart.
_BUDGET = 2 << 20
#: Versions that are asked for a digest until one has one.
_LOOKED_AT = 5


def local_side(tag: Tag, folder: Path, described: Description) -> Side:
    """Return a version whose files are in a folder, as a side of a comparison."""
    files = files_of(described.layout.entries, described.files, described.parts)
    return Side(tag, "local", files, {}, open=lambda path: FileReader(folder / path), budget=_BUDGET)


def remote_side(tag: Tag, archive: RemoteArchive, folder: Path | None = None) -> Side | None:
    """Return a version of a registry as a side of a comparison; None where its files are not known.

    Args:
        tag: The version.
        archive: Its archive, which is read by ranges.
        folder: Where its files are already, and can be read instead.
    """
    layout, described = archive.layout, archive.description
    if layout is None or not (archive.ranged or folder):
        return None
    entries = {entry.path: entry for entry in layout.entries}
    files = files_of(layout.entries, described.files if described else archive.file_digests, archive.parts)

    def fetch(start: int, stop: int) -> bytes:
        return b"".join(map(bytes, archive.views(start, stop, bytearray())))

    def open_file(path: str) -> Reader:
        return FileReader(folder / path) if folder else SliceReader(fetch, entries[path].offset, entries[path].size)

    return Side(tag, "remote", files, {}, open=open_file, budget=_BUDGET)


def base_of(run: Run, plan: Plan, *, ask: bool = False) -> Side | None:
    """Return what a version is compared with: the one that it replaces, else the newest other one that is known.

    Args:
        run: The transfer.
        plan: What it will do.
        ask: Whether to ask the registry for another version, where the local store has none.
    """
    facts, push = plan.facts, plan.direction == "push"
    if push and facts.remote and facts.remote.complete:
        return _registry_side(run.remote, facts.remote)
    if facts.local and not push:
        return _known_side(run.store, facts.local)
    if base := _nearest_side(run.store, plan.tag):
        return base
    newest = run.remote.latest(plan.tag.name) if push and ask else None
    return _registry_side(run.remote, newest) if newest and newest.tag != plan.tag else None


def _registry_side(remote: Remote, record: RemoteModel) -> Side | None:
    """Return what a registry has of a version, or None where its files are not known."""
    from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive

    with suppress(ModelSyncError):
        return remote_side(record.tag, RemoteArchive(remote, record))
    return None


def _known_side(store: LocalStore, model: Model) -> Side | None:
    """Return a local version, or None where its digests are not known: nothing is hashed."""
    with suppress(ModelSyncError):
        if store.index.digest(model.tag, model.archive):
            return local_side(model.tag, model.path, store.describe(model))
    return None


def _nearest_side(store: LocalStore, tag: Tag) -> Side | None:
    """Return the newest other local version of a name whose digests are known."""
    times = store.creation_times(tag.name, lambda other: other != tag)
    for other in sorted(times, key=lambda each: times[each], reverse=True)[:_LOOKED_AT]:
        model = store.load(other)
        if model and (side := _known_side(store, model)):
            return side
    return None


def compare_sides(old: Side | None, new: Side | None, check: Callable[[], None] = lambda: None) -> Changes | None:
    """Tell what is different in a version from an older one; None where one of them is not known, or cannot be read.

    Args:
        old: The older one.
        new: The version.
        check: Called now and then; may raise to stop.
    """
    if old is None or new is None:
        return None
    with suppress(Exception):  # whatever is in these files, the transfer goes on
        found = diff(old, new, check=check)
        files = (Changed(each.name, each.how, (each.new or each.old)["size"]) for each in found.of("file"))
        tensors = (
            Changed(each.name, each.how, (each.new or each.old)["size"], each.file) for each in found.of("tensor")
        )
        return Changes.of(old.tag, old.where, files, tensors)
    return None
