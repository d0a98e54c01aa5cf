"""Blobs as files of a local folder."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from io import FileIO
from pathlib import Path

from modelsync_jupyter.archive.digest import Hasher
from modelsync_jupyter.files import fsync_folder

from ..errors import BadRequest
from .protocol import BLOCK, Blob, ByteSource, hex_of

_STALE = 6 * 3600.0


class FolderBlobs:
    """A folder of blobs, one file each; a `Blobs`.

    Args:
        root: The folder; `root/ab/<hex>` are blobs, `root/tmp` those on their way.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tmp = root / "tmp"

    def prepare(self) -> None:
        """Make the folders and remove what was left half received hours ago."""
        for name in ("tmp", *(f"{number:02x}" for number in range(256))):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        for path in self._tmp.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _STALE:
                    path.unlink()

    def has(self, digest: str, size: int) -> bool:
        try:
            return self._path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def open(self, digest: str) -> FileIO:
        return open(self._path(digest), "rb", buffering=0)

    def receive(self, source: ByteSource, size: int, digest: str = "") -> Blob:
        path = self._tmp / uuid.uuid4().hex
        try:
            with open(path, "xb", buffering=0) as file:
                found = _copy(source, file, size)
                if digest and digest != found:
                    raise BadRequest(f"the digest of the bytes is `{found}`, declared was `{digest}`")
                if not self.has(found, size):
                    os.fsync(file.fileno())
                    os.replace(path, self._path(found))
            fsync_folder(self._path(found).parent)  # also where another process has just put the blob there
        finally:
            path.unlink(missing_ok=True)
        return Blob(found, size)

    def _path(self, digest: str) -> Path:
        digits = hex_of(digest)
        return self._root / digits[:2] / digits


def _copy(source: ByteSource, file: FileIO, size: int) -> str:
    hasher, left = Hasher(), size
    while left:
        try:
            block = source.read(min(BLOCK, left))
        except OSError as error:
            raise BadRequest("the connection broke in the middle of the body") from error
        if not block:
            raise BadRequest(f"the body ended {left} bytes early")
        view = memoryview(block)
        hasher.update(view)
        left -= len(view)
        while view:
            view = view[file.write(view) :]  # a raw file may write less than asked
    return hasher.digest()
