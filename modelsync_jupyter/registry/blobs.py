"""Blobs: files named by the BLAKE3 digest of their bytes, complete and durable or not there at all."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

from blake3 import blake3

from modelsync_jupyter.core.parts import ALGORITHM, MIB

from .errors import BadRequest

#: Bytes read at once: what gunicorn receives at once, which copies the rest again and again for smaller reads.
#: Memory of a process: about 4 x BLOCK x threads.
BLOCK = MIB
_STALE = 6 * 3600.0


class Source(Protocol):
    """Where bytes come from: the body of a request."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: its digest with `blake3:` in front, and its bytes."""

    digest: str
    size: int


def hex_of(digest: str) -> str:
    """The hexadecimal digits of a digest."""
    return digest.removeprefix(f"{ALGORITHM}:")


class Blobs:
    """A folder of blobs.

    Args:
        root: The folder; `root/ab/<hex>` are blobs, `root/tmp` those on their way.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tmp = root / "tmp"

    def prepare(self, now: float | None = None) -> None:
        """Make the folders and remove what was left half received hours ago."""
        for name in ("tmp", *(f"{number:02x}" for number in range(256))):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        for path in self._tmp.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < (now or time.time()) - _STALE:
                    path.unlink()

    def path(self, digest: str) -> Path:
        """Where the blob is or would be."""
        digits = hex_of(digest)
        return self._root / digits[:2] / digits

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob is there, whole."""
        try:
            return self.path(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def open(self, digest: str) -> FileIO:
        """The blob, for reading without a buffer."""
        return open(self.path(digest), "rb", buffering=0)

    def receive(self, source: Source, size: int, digest: str = "") -> Blob:
        """Store the next `size` bytes of `source`; when this returns they are durable.

        Args:
            source: Where the bytes come from.
            size: How many.
            digest: What their digest must be, or "".

        Raises:
            BadRequest: The bytes end early or have another digest; nothing is stored.
        """
        path = self._tmp / uuid.uuid4().hex
        try:
            with open(path, "xb", buffering=0) as file:
                found = _copy(source, file, size)
                if digest and digest != found:
                    raise BadRequest(f"the digest of the bytes is `{found}`, declared was `{digest}`")
                if not self.has(found, size):
                    os.fsync(file.fileno())
                    os.replace(path, self.path(found))
            _sync_folder(self.path(found).parent)
        finally:
            with suppress(FileNotFoundError):
                path.unlink()
        return Blob(found, size)


def _copy(source: Source, file: FileIO, size: int) -> str:
    hasher, left = blake3(), size
    while left:
        block = _read(source, min(BLOCK, left))
        if not block:
            raise BadRequest(f"the body ended {left} bytes early")
        hasher.update(block)
        _write(file, block)
        left -= len(block)
    return f"{ALGORITHM}:{hasher.hexdigest()}"


def _read(source: Source, size: int) -> bytes:
    try:
        return source.read(size)
    except OSError as error:
        raise BadRequest("the connection broke in the middle of the body") from error


def _write(file: FileIO, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[file.write(view) :]  # a raw file may write less than asked


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
