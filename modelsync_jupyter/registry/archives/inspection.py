"""Look into stored versions: their files, the tensors in these, and how two versions differ.

Only headers are read, from the blobs that hold them, and of one request no more than some seconds and megabytes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from modelsync_jupyter.archive.borders import Reader
from modelsync_jupyter.archive.layout import Entry, Layout
from modelsync_jupyter.contents.diff import Diff, Side, diff, files_of
from modelsync_jupyter.contents.reader import Blocks, SliceReader, TooMuch
from modelsync_jupyter.contents.shapes import Tensor
from modelsync_jupyter.contents.tensors import NoTensors, list_tensors
from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.wire import EntryJSON

from ..catalog.archives import layout_of, parts_between
from ..catalog.rows import ArchiveRow, ModelRow
from ..errors import BadRequest, NotFound
from ..service import Registry
from .reader import ArchiveReader

#: Bytes of one file that are read, and seconds in which files of one request are opened.
_BUDGET, _SECONDS = 4 << 20, 5.0


class StoredVersion:
    """A version whose archive is stored.

    Args:
        registry: Where.
        model: The version.

    Raises:
        NotFound: It has no archive.
    """

    def __init__(self, registry: Registry, model: ModelRow) -> None:
        if model.archive is None:
            raise NotFound(f"`{model.tag}` has no files: its upload is {model.upload_status}")
        self._registry, self._model = registry, model
        self._archive: ArchiveRow = model.archive
        self._end = time.monotonic() + _SECONDS

    @cached_property
    def members(self) -> list[EntryJSON] | None:
        """Members of the archive, or None where there are too many to keep, or hard links among them."""
        with self._registry.database.read() as connection:
            return layout_of(connection, self._archive.id)

    @cached_property
    def _entries(self) -> Mapping[str, Entry]:
        try:
            layout = Layout.from_json(self.members, self._archive.size)
        except IntegrityError:  # written by an earlier version of the registry
            return {}
        return {entry.path: entry for entry in layout.entries}

    def tensors(self, path: str) -> list[Tensor]:
        """List the tensors in a file; none where it is not of a kind that is known.

        Raises:
            NotFound: There is no such file.
            BadRequest: Its header is too long.
        """
        entry = self._entries.get(path)
        if entry is None or entry.kind != "file":
            raise NotFound(f"`{self._model.tag}` has no file `{path[:200]}`")
        try:
            return list_tensors(path, Blocks(self._open(path), _BUDGET), _BUDGET)
        except NoTensors:
            return []
        except TooMuch as error:
            raise BadRequest(f"the header of `{path[:200]}` is too long to be read from here") from error

    def side(self) -> Side:
        """Return the version as a side of a comparison; its labels are those of the catalog."""
        model, archive = self._model, self._archive
        with self._registry.database.read() as connection:
            parts = parts_between(connection, archive.id, 0, archive.size)
        digests = {item["path"]: item.get("digest", "") for item in self.members or ()}
        facts = {
            "labels": {label["key"]: label["value"] for label in model.labels},
            **{key: model.manifest.get(key) for key in ("module", "metadata", "options", "context")},
        }
        return Side(
            Tag(model.repository.name, model.version),
            "registry",
            files_of(list(self._entries.values()), digests, parts),
            cast(Mapping[str, Any], facts),
            archive.content_digest or "",
            model.manifest["size_bytes"],
            self._open,
            _BUDGET,
        )

    def _open(self, path: str) -> Reader:
        if time.monotonic() > self._end:
            raise TooMuch("This takes too long.")
        entry = self._entries[path]
        return SliceReader(self._read, entry.offset, entry.size)

    def _read(self, start: int, stop: int) -> bytes:
        with self._registry.database.read() as connection:
            parts = parts_between(connection, self._archive.id, start, stop)
        with ArchiveReader(self._registry.blobs, parts) as file:
            file.seek(start)
            return file.read(stop - start)


def compare(old: StoredVersion, new: StoredVersion) -> Diff:
    """Compare two versions: what is said of them, their files by digest, and tensors in files that differ."""
    before, after = old.side(), new.side()
    return diff(before, after, files_known=bool(before.files and after.files))
