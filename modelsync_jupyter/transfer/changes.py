"""What a transfer changes: the version that is moved beside the one it replaces, or the newest other one.

Files are told apart by their digests, and tensors by the digests of the parts that they lie in; of what lies in between
little is read. Nothing here may make a transfer fail, or slow: where something is not known, less is said. What tells
versions apart is imported once there are two.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelsync_jupyter.archive.borders import Reader
from modelsync_jupyter.archive.description import Description
from modelsync_jupyter.core.changes import Changed, Changes
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

if TYPE_CHECKING:
    from modelsync_jupyter.contents.diff import Kind, Side
    from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
    from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel

    from .plan import Plan
    from .run import Run

#: Bytes of a file that are read at most to find its tensors and to tell them apart.
_BUDGET = 2 << 20
#: Versions that are asked for a digest until one has one.
_LOOKED_AT = 5
_KINDS: tuple[Kind, Kind] = ("file", "tensor")


def changes_of_push(run: Run, plan: Plan, described: Description, *, ask: bool = False) -> Changes | None:
    """Tell what is different in a version that is pushed; None where there is nothing to compare it with.

    Args:
        run: The transfer.
        plan: What it does.
        described: The version, as the store describes it.
        ask: Whether to ask the registry for another version, where the local store has none.
    """
    facts, model = plan.facts, plan.facts.local
    assert model
    with suppress(Exception):  # whatever is in these files, the transfer goes on
        if facts.remote and facts.remote.complete:
            base = _remote_side(facts.remote.tag, _archive(run, facts.remote))
        else:
            base = _nearest_side(run.store, plan.tag)
            newest = run.remote.latest(plan.tag.name) if ask and not base else None
            if newest and newest.tag != plan.tag:
                base = _remote_side(newest.tag, _archive(run, newest))
        return _compare(base, _local_side(model.tag, model.path, described)) if base else None
    return None


def changes_of_pull(run: Run, plan: Plan, archive: RemoteArchive, folder: Path | None = None) -> Changes | None:
    """Tell what is different in a version that is pulled; None where there is nothing to compare it with.

    Args:
        run: The transfer.
        plan: What it does.
        archive: The version in the registry.
        folder: Where its files are, if they have arrived.
    """
    with suppress(Exception):  # as above
        local = plan.facts.local
        base = _known_side(run.store, local) if local else _nearest_side(run.store, plan.tag)
        return _compare(base, _remote_side(plan.tag, archive, folder)) if base else None
    return None


def _compare(old: Side, new: Side | None) -> Changes | None:
    from modelsync_jupyter.contents.diff import diff

    if new is None:
        return None
    found = diff(old, new)
    files, tensors = (
        [Changed(each.name, each.how, (each.new or each.old)["size"], each.file) for each in found.of(kind)]
        for kind in _KINDS
    )
    return Changes.of(old.tag, old.where, files, tensors)


def _local_side(tag: Tag, folder: Path, described: Description) -> Side:
    from modelsync_jupyter.contents.diff import Side, files_of
    from modelsync_jupyter.contents.reader import FileReader

    files = files_of(described.layout.entries, described.files, described.parts)
    return Side(tag, "local", files, {}, open=lambda path: FileReader(folder / path), budget=_BUDGET)


def _remote_side(tag: Tag, archive: RemoteArchive, folder: Path | None = None) -> Side | None:
    """Return what a registry has; None where its files are not known. Without a folder it is read by ranges."""
    from modelsync_jupyter.contents.diff import Side, files_of
    from modelsync_jupyter.contents.reader import FileReader, SliceReader

    layout, described = archive.layout, archive.description
    if layout is None or not (archive.ranged or folder):
        return None
    entries = {entry.path: entry for entry in layout.entries}
    files = files_of(layout.entries, described.files if described else archive.file_digests, archive.parts)

    def fetch(start: int, stop: int) -> bytes:
        return b"".join(map(bytes, archive.views(start, stop, bytearray(stop - start))))

    def open_file(path: str) -> Reader:
        return FileReader(folder / path) if folder else SliceReader(fetch, entries[path].offset, entries[path].size)

    return Side(tag, "remote", files, {}, open=open_file, budget=_BUDGET)


def _archive(run: Run, record: RemoteModel) -> RemoteArchive:
    from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive

    return RemoteArchive(run.remote, record)


def _known_side(store: LocalStore, model: Model) -> Side | None:
    """Return a local version, or None where its digests are not known: nothing is hashed."""
    archive = model.archive  # scanned once
    if store.index.digest(model.tag, archive):
        return _local_side(model.tag, model.path, store.index.describe(model.tag, archive))
    return None


def _nearest_side(store: LocalStore, tag: Tag) -> Side | None:
    """Return the newest other local version of a name whose digests are known."""
    times = store.creation_times(tag.name, lambda other: other != tag)
    for other in sorted(times, key=lambda each: times[each], reverse=True)[:_LOOKED_AT]:
        model = store.load(other)
        if model and (side := _known_side(store, model)):
            return side
    return None
