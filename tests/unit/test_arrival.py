"""What passes on its way to disk is hashed there: small files of a pull are not read again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from modelsync_jupyter.archive.arrival import Arrival
from modelsync_jupyter.archive.description import Description, digest_bytes
from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.archive.layout import LARGE, MTIME
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelChanged
from modelsync_jupyter.core.parts import Part, split
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store.hashing import Seen
from modelsync_jupyter.store.local import LocalStore
from tests.harness.models import MIB, ODD_FILES, Entry, make_model

from .archives import read

FILES: dict[str, Entry] = {**ODD_FILES, "large.bin": MIB + 5, "z-last": 700_000}


@pytest.fixture
def source(tmp_path: Path) -> FolderArchive:
    return FolderArchive.scan(make_model(tmp_path / "home", "m:v1", FILES))


def arrive(source: FolderArchive, data: bytes, part: Part, step: int) -> tuple[Arrival, bytes]:
    """Take a part in pieces; returns what was learnt, and all contents."""
    layout, taken = source.layout, bytearray()
    arrival = Arrival(layout.entries, layout.starts, alone=False)
    for offset in range(part.start, part.stop, step):
        view = memoryview(data)[offset : min(offset + step, part.stop)]
        for entry, position, content in arrival.take(offset, view):
            assert (source.folder / entry.path).read_bytes()[position : position + len(content)] == content
            taken += content
    return arrival, bytes(taken)


@pytest.mark.parametrize("step", [997, 4096, 10 * MIB])
def test_small_files_are_hashed_in_whatever_pieces_they_come(source: FolderArchive, step: int) -> None:
    arrival, taken = arrive(source, read(source), Part(1, 0, source.layout.size), step)
    files = {each.path: each for each in source.layout.entries if each.kind == "file" and 0 < each.size < LARGE}
    assert arrival.files == {path: digest_bytes((source.folder / path).read_bytes()) for path in files}
    assert arrival.content() == digest_bytes(taken)
    assert arrival.ours


def test_a_file_whose_beginning_came_with_another_part_is_left_out(source: FolderArchive) -> None:
    last = next(each for each in source.layout.entries if each.path == "z-last")
    data, cut = read(source), last.offset + 1000
    for part in (Part(1, 0, cut), Part(2, cut, source.layout.size)):
        assert "z-last" not in arrive(source, data, part, 5000)[0].files


@pytest.mark.parametrize("place", ["header", "padding", "end"])
def test_one_byte_beside_the_contents_makes_it_another_program_s(source: FolderArchive, place: str) -> None:
    entry = next(each for each in source.layout.entries if each.path == "one")
    at = {"header": entry.start + 140, "padding": entry.content_stop + 3, "end": source.layout.size - 1}[place]
    data = bytearray(read(source))
    data[at] ^= 1
    arrival, _ = arrive(source, bytes(data), Part(1, 0, len(data)), 3000)
    assert not arrival.ours
    assert arrival.files["one"] == digest_bytes(b"1")


def described(store: LocalStore) -> Description:
    return store.describe(store.get(Tag("m", "v1")))


def test_what_was_seen_as_it_was_written_is_not_read_again(
    source: FolderArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = described(LocalStore(Home(tmp_path / "home")))
    other = LocalStore(Home(tmp_path / "other"))
    stage, seen, data = Stage(other.new_folder("test") / "model"), Seen(), read(source)
    for entry in theirs.layout.entries:
        stage.add(entry)
    for part in theirs.parts:
        arrival = stage.arrival(part)
        stage.write(part.start, memoryview(data)[part.start : part.stop], arrival)
        seen.files.update(arrival.files)
        if arrival.ours:
            seen.parts[part.start, part.size] = part.digest
    stage.seal()
    model = other.install(stage.folder, Tag("m", "v1"))

    def refuse(*_: object) -> int:
        raise AssertionError("a file was read")

    monkeypatch.setattr(FolderArchive, "_read", refuse)
    assert other.remember(model, theirs, seen=seen) == theirs
    assert other.describe(other.get(Tag("m", "v1"))) == theirs  # nor for the next push
    assert other.digest(model) == theirs.digest


def test_bytes_that_are_kept_are_those_of_the_files_and_let_go_once_read(source: FolderArchive, tmp_path: Path) -> None:
    store = LocalStore(Home(tmp_path / "home"))
    whole = read(source)
    store.index.describe(Tag("m", "v1"), source, keep=MIB // 2)
    assert not source.kept  # all of them, or none
    shutil.rmtree(store.index.folder)
    store.index.describe(Tag("m", "v1"), source, keep=2 * MIB)
    assert MIB // 2 < sum(map(len, source.kept.values())) <= 2 * MIB
    assert all(whole[start : start + len(kept)] == kept for start, kept in source.kept.items())
    start = min(source.kept)
    assert read(source, start) == whole[start:]
    assert start not in source.kept
    for part in split(source.layout.size, 100_000):
        assert read(source, part.start, part.stop) == whole[part.start : part.stop]


def test_a_file_that_changes_while_it_is_read_is_noticed(
    source: FolderArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very read, not one before or behind it."""
    real, path = os.preadv, source.folder / "one"

    def slow(file: int, *args: object) -> int:
        count = real(file, *args)  # type: ignore[arg-type]
        if os.path.samestat(os.fstat(file), path.stat()):
            path.write_bytes(b"2")
        return count

    monkeypatch.setattr(os, "preadv", slow)
    with pytest.raises(ModelChanged):
        read(source)
    assert source.mtime == MTIME
