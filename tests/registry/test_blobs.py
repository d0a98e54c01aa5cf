"""The promises of a store of blobs, kept in a folder, and what is a folder's own."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest

from modelsync_jupyter.registry.blobs.folder import FolderBlobs
from modelsync_jupyter.registry.blobs.protocol import BLOCK, Blobs, Room
from modelsync_jupyter.registry.errors import Full

from .contract import BlobsContract


class TestFolder(BlobsContract):
    def make(self, folder: Path) -> Blobs:
        return FolderBlobs(folder)

    def spoil(self, blobs: Blobs, digest: str) -> None:
        assert isinstance(blobs, FolderBlobs)
        path = blobs.path_of(digest)
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    def check_empty(self, blobs: Blobs, data: bytes) -> None:
        super().check_empty(blobs, data)
        assert isinstance(blobs, FolderBlobs)
        assert not [path for path in blobs._root.rglob("*") if path.is_file()]

    def test_what_was_left_half_received_is_swept_after_hours(self, tmp_path: Path) -> None:
        self.make(tmp_path).prepare()
        for name, age in (("old", 24 * 3600), ("fresh", 60)):
            (tmp_path / "tmp" / name).write_bytes(b"half")
            os.utime(tmp_path / "tmp" / name, (time.time() - age,) * 2)
        self.make(tmp_path).prepare()
        assert [file.name for file in (tmp_path / "tmp").iterdir()] == ["fresh"]

    def test_reserve_is_left_free(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert FolderBlobs(tmp_path, reserve=1 << 60).room().free == 0
        assert FolderBlobs(tmp_path).room().free < FolderBlobs(tmp_path, reserve=0).room().free
        blobs = FolderBlobs(tmp_path)
        blobs.prepare()
        left = iter([2 * BLOCK, BLOCK, 5])  # another thread fills the disk while this one receives
        monkeypatch.setattr(blobs, "room", lambda: Room(next(left), 3 * BLOCK))
        with pytest.raises(Full, match="5 B are left"):
            blobs.receive(io.BytesIO(bytes(2 * BLOCK)), 2 * BLOCK)
        self.check_empty(blobs, bytes(2 * BLOCK))
