"""Blobs as files of a local folder."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from modelsync_jupyter.archive.description import Hasher
from modelsync_jupyter.core.parts import ALGORITHM
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.folders import fsync_folder

from ..errors import Full
from .protocol import BLOCK, Blob, Blobs, Check, Room, Stored, Writing, hex_of, sweep_folder

#: Bytes that blobs leave free by default, for the catalog: it must still be written when no more blobs fit.
_RESERVE = 256 << 20
#: Seconds for which a blob that is being received is left alone: it was written to just now.
_STALE = 3600.0
#: Seconds for which a rotten blob is kept for inspection.
_KEPT = 30 * 86400.0
_DIGITS = re.compile("[0-9a-f]{64}")


class FolderBlobs(Blobs):
    """A folder of blobs, one file each.

    Args:
        root: The folder; `root/ab/<hex>` are blobs, `root/tmp` those on their way, `root/quarantine` rotten ones.
        reserve: Bytes of the disk that blobs leave free; by default 256 MiB, on a small disk a twentieth of it.
    """

    def __init__(self, root: Path, reserve: int | None = None) -> None:
        self._root, self._reserve = root, reserve
        self._tmp, self._quarantine = root / "tmp", root / "quarantine"

    def prepare(self) -> None:
        for name in ("tmp", "quarantine", *(f"{number:02x}" for number in range(256))):
            (self._root / name).mkdir(parents=True, exist_ok=True)
        self.sweep()

    def sweep(self) -> int:
        return sweep_folder(self._tmp, _STALE) + sweep_folder(self._quarantine, _KEPT)

    def room(self) -> Room:
        found = os.statvfs(self._root)
        total = found.f_blocks * found.f_frsize
        reserve = min(_RESERVE, total // 20) if self._reserve is None else self._reserve
        return Room(max(0, found.f_bavail * found.f_frsize - reserve), total)

    def list(self) -> Iterator[Stored]:
        for folder in self._root.glob("[0-9a-f][0-9a-f]"):
            with os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(FileNotFoundError):  # deleted meanwhile
                        if _DIGITS.fullmatch(entry.name):
                            found = entry.stat(follow_symlinks=False)
                            yield Stored(f"{ALGORITHM}:{entry.name}", found.st_size, found.st_mtime)

    def delete(self, digests: Sequence[str]) -> None:
        for digest in digests:
            self.path_of(digest).unlink(missing_ok=True)

    def quarantine(self, digest: str) -> bool:
        path = self.path_of(digest)
        aside = self._quarantine / path.name
        try:
            os.replace(path, aside)
        except FileNotFoundError:
            return False
        with open(aside, "rb", buffering=0) as file:
            hasher = Hasher()
            with suppress(OSError):  # a disk that cannot read it
                while block := file.read(BLOCK):
                    hasher.update(memoryview(block))
        if hasher.digest() == digest:  # received again since it was found rotten
            os.replace(aside, path)
            return False
        os.utime(aside)  # it is kept from now on
        fsync_folder(path.parent)
        return True

    def has(self, digest: str, size: int) -> bool:
        try:
            return self.path_of(digest).stat().st_size == size
        except FileNotFoundError:
            return False

    def find(self, wanted: Collection[tuple[str, int]]) -> set[tuple[str, int]]:
        return {each for each in wanted if self.has(*each)}

    def open(self, digest: str, size: int | None = None) -> FileIO:
        return open(self.path_of(digest), "rb", buffering=0)

    def check(self) -> None:
        self.room()

    def stream(self, digest: str, start: int, stop: int) -> Iterator[bytes]:
        with self.open(digest) as file:
            file.seek(start)
            while start < stop:
                block = file.read(min(BLOCK, stop - start))
                if not block:
                    raise OSError(f"blob {digest} is shorter than the catalog says")
                start += len(block)
                yield block

    def begin(self, size: int, digest: str = "") -> Writing:
        self.check_room(size)
        return _Writing(self, self._tmp / uuid.uuid4().hex, size, digest)

    def check_room(self, size: int) -> None:
        """Accept bytes that still fit.

        Raises:
            Full: They do not.
        """
        free = self.room().free
        if size > free:
            raise Full(f"the registry's disk is full: {format_size(size)} were to come, {format_size(free)} are left")

    def path_of(self, digest: str) -> Path:
        """Return where a blob is, or would be."""
        digits = hex_of(digest)
        return self._root / digits[:2] / digits


class _Writing:
    """A file in `tmp` that becomes a blob."""

    def __init__(self, blobs: FolderBlobs, path: Path, size: int, digest: str) -> None:
        self._blobs, self._path, self._check = blobs, path, Check(size, digest)
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115  # closed by `discard`

    def write(self, block: bytes | memoryview) -> None:
        view = memoryview(block)
        self._blobs.check_room(len(view))  # each time, for many threads fill the same disk
        self._check.take(view)
        while view:
            view = view[self._file.write(view) :]  # a raw file may write less than asked

    def commit(self) -> Blob:
        blob = self._check.finish()
        place = self._blobs.path_of(blob.digest)
        os.fsync(self._file.fileno())
        os.replace(self._path, place)
        fsync_folder(place.parent)
        return blob

    def discard(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)
