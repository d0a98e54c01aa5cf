"""A version, local or in a registry, as a side of a diff: its facts, its files with their digests, and their bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from modelsync_jupyter.archive.borders import Reader
from modelsync_jupyter.archive.layout import Layout
from modelsync_jupyter.archive.scan import scan_tar
from modelsync_jupyter.contents.diff import REMOTE_BUDGET, File, Side, files_of
from modelsync_jupyter.contents.reader import Blocks, FileReader, SliceReader, TooMuch
from modelsync_jupyter.core.config import processors
from modelsync_jupyter.core.errors import IntegrityError, InvalidModel, UnsafeArchive
from modelsync_jupyter.core.parts import MIB
from modelsync_jupyter.info import MAX_YAML, MODEL_YAML, ModelInfo
from modelsync_jupyter.model_yaml import parse_info
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

#: Bytes of the headers of an archive that nobody describes, at most.
_HEADERS = 16 << 20


def local_side(store: LocalStore, model: Model, hashed: Callable[[int], None] | None = None) -> Side:
    """Return a local version; files whose digest is not known are read, and the result is kept.

    Args:
        store: The local store.
        model: The version.
        hashed: Called with the number of bytes, after each part that was read.
    """
    found = store.describe(model, threads=processors(), hashed=hashed)
    files = files_of(found.layout.entries, found.files, found.parts)

    def open_file(path: str) -> Reader:
        return FileReader(model.path / path)

    return Side(model.tag, "local", files, _facts(model.info), found.digest, model.size, open_file)


class RemoteSide:
    """A version in a registry, read by ranges.

    Args:
        remote: The registry.
        record: Its record of the version.

    Attributes:
        record: As given.
        archive: The archive of the version.
        layout: Which bytes are which file, or None where that would mean to read all of it.
        info: What its model.yaml says, or None where that cannot be read.
    """

    def __init__(self, remote: Remote, record: RemoteModel) -> None:
        self.record = record
        self.archive = RemoteArchive(remote, record)
        self.layout = self.archive.layout or self._walk()
        self._entries = {each.path: each for each in self.layout.entries} if self.layout else {}
        self.info = self._read_info()

    def open(self, path: str) -> Reader:
        """Open one of its files.

        Raises:
            KeyError: There is none.
        """
        entry = self._entries[path]
        if entry.kind == "hardlink":
            entry = self._entries[entry.target]
        return SliceReader(self._fetch, entry.offset, entry.size)

    def side(self) -> Side:
        """Return it as a side of a diff. Labels are those of the registry's record: they may be changed there."""
        record = self.record
        facts = _facts(self.info) if self.info else {"module": record.module, "metadata": dict(record.metadata)}
        files: Mapping[str, File] = {}
        if self.layout:
            files = files_of(self.layout.entries, self._digests(), self.archive.parts)
        facts = {**facts, "labels": dict(record.labels)}
        digest = self.archive.content_digest
        return Side(record.tag, "remote", files, facts, digest, record.size, self.open, REMOTE_BUDGET)

    def _digests(self) -> Mapping[str, str]:
        """Return digests of files, as far as the archive or the registry tells them."""
        archive = self.archive
        return archive.description.files if archive.description else archive.file_digests

    def _fetch(self, start: int, stop: int) -> bytes:
        if not self.archive.ranged:
            raise TooMuch("The registry serves whole archives only.")
        return b"".join(map(bytes, self.archive.views(start, stop, bytearray(min(stop - start, MIB)))))

    def _walk(self) -> Layout | None:
        """Read the headers of an archive that nobody describes, by ranges, as far as that is not too much."""
        size = self.archive.size
        if size is None or not self.archive.ranged:
            return None
        with suppress(TooMuch, IntegrityError, UnsafeArchive):
            stream = _Stream(Blocks(SliceReader(self._fetch, 0, size), _HEADERS))
            return Layout(tuple(scan_tar(stream)), size)
        return None

    def _read_info(self) -> ModelInfo | None:
        with suppress(InvalidModel, TooMuch, KeyError):
            reader = self.open(MODEL_YAML)
            return parse_info(reader.read(0, reader.size)) if reader.size <= MAX_YAML else None
        return None


class _Stream:
    """A reader as the scanner of tar headers wants it."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._position = reader, 0
        self.stop = reader.size

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        data = self._reader.read(self._position, size)
        self._position += len(data)
        return data

    def seek(self, target: int) -> None:
        self._position = target


def _facts(info: ModelInfo) -> dict[str, Any]:
    facts = info.to_dict()
    return {key: facts[key] for key in ("labels", "module", "metadata", "options", "context", "signatures")}
