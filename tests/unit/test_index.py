"""The index: digests are computed once for each state of a folder, and believed no longer than they are true."""

from __future__ import annotations

import json
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.archive import description
from modelsync_jupyter.archive.description import Description, content_digest, read_description
from modelsync_jupyter.archive.folder import BLOCK, FolderArchive
from modelsync_jupyter.archive.layout import CUT, LARGE, Layout, cut
from modelsync_jupyter.archive.layout import Entry as Member
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import Cancelled, InvalidModel, ModelChanged
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.store import hashing as store_hashing
from modelsync_jupyter.store.create import draft
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model
from tests.harness.clock import LONG
from tests.harness.cutting import cut_folder
from tests.harness.models import MIB, Entry, make_model

TAG = Tag("m", "v1")
FILES: dict[str, Entry] = {
    "big": 9 * MIB + 5,
    "other": 5 * MIB,
    "small": b"0123456789",
    "a/empty": b"",
    "tail": 700_000,
}


@dataclass
class Hashing:
    """Describes a model of a store; `sizes` are those of the parts that were read for it."""

    store: LocalStore
    sizes: list[int] = field(default_factory=list)

    def __call__(self, threads: int = 2) -> Description:
        self.sizes.clear()
        return self.store.describe(self.model, threads=threads, hashed=self.sizes.append)

    @property
    def model(self) -> Model:
        return self.store.get(TAG)

    @property
    def digest(self) -> str | None:
        return self.store.digest(self.model)

    @property
    def file(self) -> Path:
        return self.store.home.state / "digests/m@v1.json"


@pytest.fixture
def hashing(tmp_path: Path) -> Hashing:
    make_model(tmp_path, "m:v1", FILES)
    return Hashing(LocalStore(Home(tmp_path)))


def test_a_description_is_that_of_the_bytes(hashing: Hashing) -> None:
    source = hashing.model.archive
    described = hashing()
    assert described.layout == source.layout
    expected = [source.digest(part, bytearray(BLOCK)) for part in cut_folder(source)]
    assert [part.digest for part in described.parts] == expected
    assert sum(hashing.sizes) == source.layout.size
    assert read_description(described.header()) == described


@pytest.mark.parametrize("many", [1, 2, 1000])
def test_the_header_is_the_one_that_tarfile_makes(many: int, hashing: Hashing, monkeypatch: pytest.MonkeyPatch) -> None:
    described = hashing()
    monkeypatch.setattr(description, "_MANY", many)
    members = [
        each.to_json() | ({"digest": described.files[each.path]} if each.kind == "file" else {})
        for each in described.layout.entries
    ]
    parts = [{"size": part.size, "digest": part.digest} for part in described.parts]
    data = {"cut": CUT, "digest": described.digest, "layout": members, "parts": parts}
    text = json.dumps(data, separators=(",", ":"))
    assert described.header() == tarfile.TarInfo.create_pax_global_header({"comment": text})


def test_small_files_across_parts_are_hashed_right(tmp_path: Path) -> None:
    made: dict[str, Entry] = {f"f{number}": 700_001 for number in range(9)}
    one, two = tmp_path / "one", tmp_path / "two"
    make_model(one, "m:v1", made)
    make_model(two, "m:v1", made)
    (two / "models/m/v1/f4").write_bytes(b"x" * 700_001)
    first, second = (Hashing(LocalStore(Home(home)))() for home in (one, two))
    assert {path for path in first.files if first.files[path] != second.files[path]} == {"f4"}
    assert first.digest != second.digest


def test_a_file_is_cut_when_the_pieces_of_those_before_it_are_hashed(
    hashing: Hashing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all pieces of a terabyte would wait in memory."""
    seen: list[str] = []
    for name in ("_cut_file", "_hash_part"):
        real = getattr(store_hashing.Hashing, name)

        def note(*words: object, real: Callable[..., int] = real, name: str = name) -> int:
            seen.append(name)
            return real(*words)

        monkeypatch.setattr(store_hashing.Hashing, name, note)
    hashing(threads=1)
    assert [name for name, _ in groupby(seen)] == ["_cut_file", "_hash_part"] * 2


def test_where_a_disk_is_waited_for_small_files_are_read_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls, together = FolderArchive.read, [0, 0], threading.Event()  # in all, and at the same time

    def slow(archive: FolderArchive, part: Part) -> object:
        calls[0] += 1
        calls[1] += 1
        if calls[0] == 1:
            time.sleep(0.05)
        elif calls[1] > 1:
            together.set()
        else:
            together.wait(LONG)
        calls[1] -= 1
        return real(archive, part)

    monkeypatch.setattr(FolderArchive, "read", slow)
    monkeypatch.setattr(store_hashing, "processors", lambda: 2)
    make_model(tmp_path, "m:v1", {f"f{number}": 600_000 for number in range(8)})
    assert len(Hashing(LocalStore(Home(tmp_path)))().files) == 9
    assert together.is_set()


def test_the_second_time_nothing_is_read(hashing: Hashing) -> None:
    first = hashing()
    for name in FILES:
        (hashing.model.path / name).chmod(0)  # nobody but root could read one
    assert hashing.digest is None  # a mode is part of what is looked at
    for name in FILES:
        (hashing.model.path / name).chmod(0o644)
    assert hashing() == first
    assert hashing() == first
    assert hashing.sizes == []
    assert hashing.digest == first.digest


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: (folder / "small").write_bytes(b"9876543210"),
    lambda folder: (folder / "small").write_bytes(b"longer than before"),
    lambda folder: (folder / "small").chmod(0o755),
    lambda folder: (folder / "small").rename(folder / "renamed"),
    lambda folder: (folder / "new").mkdir(),
    lambda folder: (folder / "link").symlink_to("small"),
    lambda folder: (folder / "other").unlink(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_the_digest_is_unknown_until_it_is_computed(
    change: Callable[[Path], object], hashing: Hashing
) -> None:
    first = hashing()
    change(hashing.model.path)
    assert hashing.digest is None
    second = hashing()
    assert second.digest != first.digest
    assert hashing.digest == second.digest
    assert sum(hashing.sizes) < 3 * MIB  # the large files are not read again


@pytest.mark.parametrize("text", ["name: [", "name: other\nversion: v1\ncreation_time: '2024-05-17T09:30:12+00:00'\n"])
def test_a_model_yaml_is_parsed_again_once_it_has_changed(
    text: str, hashing: Hashing, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashing()
    with monkeypatch.context() as patch:
        patch.setattr(Model, "load", None)  # which would parse it
        known = hashing.model
    assert known == Model.load(known.path)
    again = hashing.model
    (known.path / "model.yaml").write_text(text)
    with pytest.raises(InvalidModel):
        assert hashing.model
    with pytest.raises(InvalidModel):  # it was found before, and is read now
        assert again.info


def test_bytes_that_change_while_size_and_mtime_stay_are_noticed(hashing: Hashing) -> None:
    first, path = hashing(), hashing.model.path / "other"
    facts, content = path.stat(), bytearray(path.read_bytes())
    content[77] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_size == facts.st_size
    assert hashing.digest is None
    assert hashing().digest != first.digest


def test_touching_a_file_does_not_change_the_digest(hashing: Hashing) -> None:
    first = hashing()
    os.utime(hashing.model.path / "big")
    assert hashing.digest is None
    assert hashing().digest == first.digest


def test_a_change_within_a_tick_of_the_clock_is_noticed(hashing: Hashing) -> None:
    """Each round changes a file at once after it was hashed: no stamp that stands for two contents is kept."""
    path = hashing.model.path / "small"
    for number in range(50):
        path.write_bytes(b"%010d" % number)
        hashing()
        path.write_bytes(b"x%09d" % number)
        assert hashing.digest is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}\n{}", '{"digest": "x", "state": "y"}\n', "[" * 5000])
def test_a_broken_file_is_ignored_and_replaced(content: str, hashing: Hashing) -> None:
    first = hashing()
    hashing.file.write_text(content)
    assert hashing.digest is None
    assert hashing() == first
    assert hashing.digest == first.digest


def test_a_head_without_its_body_costs_a_hash_and_nothing_else(hashing: Hashing) -> None:
    first = hashing()
    head = hashing.file.read_text().splitlines()[0]
    for body in ("", "{}", '{"parts": {"x": 5}, "files": {}}', '{"parts": [], "files": 3}'):
        hashing.file.write_text(f"{head}\n{body}\n")
        assert hashing() == first
        assert hashing.sizes


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.symlink_to(path.rename(path.with_name("elsewhere")))


@pytest.mark.parametrize("spoil", [_fifo, _link, lambda path: path.chmod(0o666), lambda path: path.chmod(0o664)])
def test_what_others_could_have_written_is_not_believed(spoil: Callable[[Path], object], hashing: Hashing) -> None:
    hashing()
    spoil(hashing.file)
    assert hashing.digest is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_believed(hashing: Hashing) -> None:
    hashing()
    os.chown(hashing.file, 12345, 12345)
    assert hashing.digest is None


def test_a_store_that_cannot_be_written_to_is_described_all_the_same(hashing: Hashing) -> None:
    hashing.store.home.state.write_bytes(b"a file where the folder should be")
    assert hashing().digest.startswith("blake3:")
    assert hashing.digest is None


def test_a_change_before_a_file_is_read_is_noticed_and_nothing_is_kept(hashing: Hashing) -> None:
    model = hashing.model
    model.archive  # noqa: B018 - it is scanned now
    (model.path / "small").write_bytes(b"different.")
    with pytest.raises(ModelChanged):
        hashing.store.describe(model)
    assert not hashing.file.exists()


def test_a_change_after_a_file_was_read_makes_the_digest_one_of_the_past(hashing: Hashing) -> None:
    """The files were never as a look here and a look there would have them: all of them are as they were scanned."""
    expected = hashing()
    hashing.file.unlink()
    hashing.sizes.clear()
    model = hashing.model

    def change(size: int) -> None:
        hashing.sizes.append(size)
        if sum(hashing.sizes) == model.archive.layout.size:
            (model.path / "small").write_bytes(b"different.")

    assert hashing.store.describe(model, hashed=change) == expected
    assert hashing.digest is None
    assert hashing().digest != expected.digest


@pytest.mark.parametrize("threads", [1, 3])
def test_hashing_stops_when_it_is_told_to(threads: int, hashing: Hashing) -> None:
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) > 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        hashing.store.describe(hashing.model, threads=threads, hashed=hashing.sizes.append, check=check)
    assert len(calls) < 10
    assert not hashing.file.exists()


def test_create_keeps_the_digest_and_delete_forgets_it(tmp_path: Path) -> None:
    hashing = Hashing(LocalStore(Home(tmp_path)))
    with draft(hashing.store, TAG, {}) as making:
        (making.path / "w").write_bytes(bytes(5 * MIB))
    digest = hashing.digest
    assert digest
    assert (hashing().digest, hashing.sizes) == (digest, [])
    hashing.store.delete(TAG)
    assert not hashing.file.exists()


def test_what_a_pull_hashed_is_remembered_without_reading_large_files(hashing: Hashing) -> None:
    described = hashing()
    hashing.file.unlink()
    theirs = hashing.store.remember(hashing.model, described)
    assert theirs == described
    assert hashing.digest == described.digest
    assert (hashing(), hashing.sizes) == (described, [])
    wrong = described._replace(parts=tuple(part._replace(digest="blake3:" + "0" * 64) for part in described.parts))
    hashing.file.unlink()
    assert hashing.store.remember(hashing.model, wrong).digest != described.digest  # large parts are believed


def test_another_program_s_archive_of_equal_files_is_remembered_by_its_files(hashing: Hashing) -> None:
    """Its members come in another order, so that offsets and the parts with headers are others."""
    source = hashing.model.archive
    described = hashing()
    hashing.file.unlink()
    turned = Layout.arrange(sorted(source.layout.entries, key=lambda entry: entry.path, reverse=True), 0)
    parts = []
    pieces = {entry.path: [*sizes(entry, described)] for entry in turned.entries if entry.size >= LARGE}
    for part in cut(turned, pieces):
        inside = [each for each in turned.entries if each.offset <= part.start and part.stop <= each.content_stop]
        own = next((each for each in source.layout.entries if inside and each.path == inside[0].path), None)
        if own:
            start = part.start - inside[0].offset + own.offset
            digest = next(mine.digest for mine in described.parts if mine.start == start)
        parts.append(part._replace(digest=digest if own else "blake3:" + "1" * 64))
    theirs = Description(turned, tuple(parts), described.files, described.digest)
    assert hashing.store.remember(hashing.model, theirs) == described


def test_a_second_name_of_a_program_is_a_program() -> None:
    """In archives of others it is a hard link, which has no mode of its own; in a folder it is a file with its mode."""
    program = Layout.arrange([member("a", "file")], 0).entries[0]
    files = {"a": "blake3:" + "0" * 64, "b": "blake3:" + "0" * 64}
    in_archive = content_digest([program, member("b", "hardlink")], files)
    assert in_archive == content_digest([program, program._replace(path="b")], files)


def sizes(entry: Member, described: Description) -> Iterator[int]:
    own = next(each for each in described.layout.entries if each.path == entry.path)
    return (part.size for part in described.parts if own.offset <= part.start < own.content_stop)


def member(path: str, kind: Any) -> Member:
    return Member(path, kind, 0, 0, executable=kind == "file", target="a" if kind == "hardlink" else "")
