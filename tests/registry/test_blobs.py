"""What every store of blobs promises, and what is a folder's own."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from blake3 import blake3

from modelsync_jupyter.registry.blobs.folder import FolderBlobs
from modelsync_jupyter.registry.blobs.protocol import BLOCK, Blobs, Room
from modelsync_jupyter.registry.errors import BadRequest, Full

DATA = os.urandom(BLOCK + 4321)
DIGEST = f"blake3:{blake3(DATA).hexdigest()}"


class Broken:
    """A connection that breaks in the middle."""

    def __init__(self, data: bytes) -> None:
        self._left = [data]

    def read(self, size: int) -> bytes:
        if not self._left:
            raise ConnectionResetError
        return self._left.pop()[:size]


class BlobsContract:
    """Subclasses bring `make` and `spoil`. Not an ABC: what is abstract pytest passes over, and says nothing."""

    def make(self, folder: Path) -> Blobs:
        """Open the store in `folder`, as a new process does."""
        raise NotImplementedError

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        store = self.make(tmp_path)
        store.prepare()
        return store

    def test_what_was_received_is_there_for_every_process(self, blobs: Blobs, tmp_path: Path) -> None:
        blob = blobs.receive(io.BytesIO(DATA), len(DATA), DIGEST)
        assert (blob.digest, blob.size) == (DIGEST, len(DATA))
        other = self.make(tmp_path)
        other.prepare()
        assert other.has(DIGEST, len(DATA))
        assert not other.has(DIGEST, len(DATA) - 1)
        gone = (f"blake3:{'0' * 64}", len(DATA))
        assert other.find([(DIGEST, len(DATA)), (DIGEST, 1), gone]) == {(DIGEST, len(DATA))}
        assert other.find([gone]) == other.find([]) == set()
        file = other.open(DIGEST)
        file.seek(BLOCK)
        assert file.read(len(DATA)) == DATA[BLOCK:]
        file.close()

    def test_no_more_is_read_than_asked_for(self, blobs: Blobs) -> None:
        source = io.BytesIO(DATA)
        assert blobs.receive(source, 10).digest == f"blake3:{blake3(DATA[:10]).hexdigest()}"
        assert blobs.receive(source, 0).size == 0
        assert source.tell() == 10

    @pytest.mark.parametrize("source", [io.BytesIO(b"short"), Broken(b"broken")])
    def test_bytes_that_end_early_leave_nothing(self, blobs: Blobs, source: io.BytesIO) -> None:
        with pytest.raises(BadRequest):
            blobs.receive(source, 100)
        self.check_empty(blobs, b"short")

    def test_other_bytes_than_declared_leave_nothing(self, blobs: Blobs) -> None:
        with pytest.raises(BadRequest, match="digest"):
            blobs.receive(io.BytesIO(b"data"), 4, f"blake3:{'0' * 64}")
        self.check_empty(blobs, b"data")

    def test_many_may_store_the_same_at_once(self, blobs: Blobs) -> None:
        with ThreadPoolExecutor(8) as pool:
            stored = list(pool.map(lambda _: blobs.receive(io.BytesIO(DATA), len(DATA)), range(16)))
        assert {blob.digest for blob in stored} == {DIGEST}
        assert blobs.has(DIGEST, len(DATA))

    def test_blob_that_is_not_there_is_not_found(self, blobs: Blobs) -> None:
        with pytest.raises(FileNotFoundError):
            blobs.open(DIGEST)
        assert not blobs.has(DIGEST, len(DATA))

    def test_blobs_are_listed_and_deleted(self, blobs: Blobs) -> None:
        assert list(blobs.list()) == []
        before = time.time()
        stored = [blobs.receive(io.BytesIO(data), len(data)) for data in (b"one", b"other")]
        assert {(each.digest, each.size) for each in blobs.list()} == {(blob.digest, blob.size) for blob in stored}
        assert all(abs(each.modified - before) < 60 for each in blobs.list())
        blobs.delete([stored[0].digest, DIGEST])
        assert [each.digest for each in blobs.list()] == [stored[1].digest]
        assert not blobs.has(stored[0].digest, 3)
        blobs.delete([])

    def test_quarantined_blob_is_not_there_until_it_is_received_again(self, blobs: Blobs) -> None:
        blobs.receive(io.BytesIO(DATA), len(DATA))
        assert not blobs.quarantine(DIGEST), "it is good"
        assert blobs.has(DIGEST, len(DATA))
        self.spoil(blobs, DIGEST)
        assert blobs.quarantine(DIGEST)
        assert not blobs.quarantine(DIGEST)
        assert not blobs.has(DIGEST, len(DATA))
        assert list(blobs.list()) == []
        with pytest.raises(FileNotFoundError):
            blobs.open(DIGEST)
        blobs.receive(io.BytesIO(DATA), len(DATA))
        assert blobs.has(DIGEST, len(DATA))

    def test_rotten_blob_is_healed_by_the_same_bytes(self, blobs: Blobs) -> None:
        blobs.receive(io.BytesIO(DATA), len(DATA))
        self.spoil(blobs, DIGEST)
        blobs.receive(io.BytesIO(DATA), len(DATA), DIGEST)
        with blobs.open(DIGEST) as file:
            assert file.read(len(DATA)) == DATA

    def spoil(self, blobs: Blobs, digest: str) -> None:
        """Flip a bit of a blob, as a bad disk does."""
        raise NotImplementedError

    def check_empty(self, blobs: Blobs, data: bytes) -> None:
        """See that nothing of `data` is in the store."""
        assert not blobs.has(f"blake3:{blake3(data).hexdigest()}", len(data))


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
