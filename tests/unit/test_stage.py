"""The stage: bytes in any order, and nothing ever leaves its folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from modelsync_jupyter.archive import stage as stage_module
from modelsync_jupyter.archive.folder import BLOCK, FolderArchive
from modelsync_jupyter.archive.layout import Entry, Layout
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.core.errors import UnsafeArchive
from modelsync_jupyter.core.parts import split
from modelsync_jupyter.folders import MANY
from tests.harness.models import ODD_FILES, differences, make_model

from .archives import MTIME, read


def file(path: str, size: int = 0) -> Entry:
    return Entry(path, "file", 0, 0, size)


def folder(path: str) -> Entry:
    return Entry(path, "dir", 0, 0)


def link(path: str, target: str) -> Entry:
    return Entry(path, "link", 0, 0, target=target)


def hardlink(path: str, target: str) -> Entry:
    return Entry(path, "hardlink", 0, 0, target=target)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """An empty stage, with a secret beside it."""
    (tmp_path / "secret").write_bytes(b"secret")
    return Stage(tmp_path / "stage" / "model")


def outside(stage: Stage) -> dict[str, bytes]:
    """Every file above the stage."""
    top = stage.folder.parent.parent
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and stage.folder not in path.parents
    }


def test_parts_in_reverse_order_make_the_folder(tmp_path: Path) -> None:
    made = make_model(tmp_path, "m:v1", ODD_FILES)
    source = FolderArchive.scan(made, MTIME)
    stage = Stage(tmp_path / "stage")
    for entry in source.layout.entries:
        stage.add(entry)
    for part in reversed(split(source.layout.size, 999)):
        stage.write(part.start, memoryview(read(source, part.start, part.stop)))
    stage.seal()
    assert differences(made, stage.folder) == []


@pytest.mark.parametrize(
    "entries",
    [
        [file("f"), file("f")],
        [file("f"), folder("f")],
        [folder("f"), file("f")],
        [link("f", "g"), file("f")],
        [file("f"), link("f", "g")],
        [file("d/f"), link("d", "e")],
        [file("d/f"), file("d")],
        [file("d/e/f"), hardlink("d/e", "g")],
        [file("f"), file("f/g")],
        [file("f"), folder("f/g")],
        [file("f"), file("f/g/h")],
        [link("l", "."), file("l/f")],
        [link("l", "d"), folder("l/e")],
        [hardlink("h", "f"), file("h/g")],
        [file("n" * 256)],
        [file("/".join(["n" * 250] * 17))],
    ],
    ids=lambda entries: " then ".join(f"{entry.kind} {entry.path[:9]}" for entry in entries),
)
def test_what_cannot_lie_in_one_folder_is_refused(entries: list[Entry], stage: Stage) -> None:
    *before, last = entries
    for entry in before:
        stage.add(entry)
    with pytest.raises(UnsafeArchive):
        stage.add(last)
    assert outside(stage) == {"secret": b"secret"}


def test_a_folder_may_come_twice_and_after_its_files(stage: Stage) -> None:
    for entry in (file("d/f"), folder("d"), folder("d"), folder("e"), file("e/f")):
        stage.add(entry)
    stage.seal()
    assert sorted(str(path.relative_to(stage.folder)) for path in stage.folder.rglob("*")) == ["d", "d/f", "e", "e/f"]


ESCAPES = [
    [link("a", "p/q/l/../secret"), folder("p/q"), link("p/q/l", "../..")],
    [folder("p/q"), link("p/q/l", "../.."), link("z", "p/q/l/../secret")],
    [link("a", "b/../../secret"), folder("d"), link("b", "d")],
    [link("l", "../secret")],
    [link("l", "/etc/passwd")],
]


@pytest.mark.parametrize(
    "entries", ESCAPES, ids=lambda entries: " then ".join(entry.target or "." for entry in entries)
)
def test_links_that_leave_alone_or_through_each_other_are_refused(entries: list[Entry], stage: Stage) -> None:
    for entry in entries:
        stage.add(entry)
    with pytest.raises(UnsafeArchive, match="outside"):
        stage.seal()
    assert outside(stage) == {"secret": b"secret"}


def test_links_inside_are_made_even_when_they_dangle_or_turn_in_circles(stage: Stage) -> None:
    for entry in (
        file("d/f"),
        link("a", "d/f"),
        link("d/up", ".."),
        link("x", "y"),
        link("y", "x"),
        link("z", "no"),
    ):
        stage.add(Entry(entry.path, entry.kind, len(stage.entries), 0, entry.size, target=entry.target))
    stage.seal()
    assert {path.name: os.readlink(path) for path in stage.folder.rglob("*") if path.is_symlink()} == {
        **{"a": "d/f", "up": "..", "x": "y", "y": "x", "z": "no"}
    }


def test_no_link_exists_before_the_seal(stage: Stage) -> None:
    stage.add(link("l", "d"))
    stage.add(folder("d"))
    assert not (stage.folder / "l").is_symlink()


def test_hardlinks_share_a_file_of_the_model(stage: Stage) -> None:
    for entry in Layout.arrange([file("a", 3)], 0).entries:
        stage.add(entry)
    stage.add(Entry("d/b", "hardlink", 1024, 1536, target="a"))
    stage.write(512, memoryview(b"abc"))
    stage.seal()
    stage.seal()
    assert (stage.folder / "d/b").read_bytes() == b"abc"
    assert (stage.folder / "d/b").samefile(stage.folder / "a")


@pytest.mark.parametrize("target", ["", "none", "d", "l", "../secret", "secret"])
def test_hardlinks_to_anything_else_are_refused(target: str, stage: Stage) -> None:
    for entry in (folder("d"), link("l", "d"), hardlink("h", target)):
        stage.add(entry)
    with pytest.raises(UnsafeArchive):
        stage.seal()


def test_a_link_that_stands_in_the_way_of_a_file_is_not_followed(stage: Stage) -> None:
    (stage.folder / "f").symlink_to(stage.folder.parent.parent / "secret")
    (stage.folder / "g").symlink_to(stage.folder.parent.parent / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        stage.add(file("f"))
    stage.add(Entry("g", "file", 0, 512, 3))
    with pytest.raises(OSError, match="symbolic links"):
        stage.write(512, memoryview(b"abc"))
    assert outside(stage) == {"secret": b"secret"}


def test_bytes_that_belong_to_no_file_are_let_go(stage: Stage) -> None:
    layout = Layout.arrange([file("a", 3), file("b", 600)], 0)
    for entry in layout.entries:
        stage.add(entry)
    stage.write(0, memoryview(b"x" * layout.size))
    stage.write(layout.size, memoryview(b"y" * 5000))
    assert {path.name: path.read_bytes() for path in stage.folder.iterdir()} == {"a": b"xxx", "b": b"x" * 600}


def test_within_one_and_digest_speak_of_content_alone(stage: Stage) -> None:
    layout = Layout.arrange([file("a", 3), file("b", 600)], 0)
    for entry in layout.entries:
        stage.add(entry)
    a, b = layout.entries
    assert stage.within_one(b.offset + 1, b.content_stop)
    assert not stage.within_one(b.offset - 1, b.content_stop)
    assert not stage.within_one(a.offset, b.content_stop)
    stage.write(0, memoryview(b"x" * layout.size))
    before = stage.digest(0, layout.size)
    stage.write(b.content_stop, memoryview(b"padding"))
    assert stage.digest(0, layout.size) == before
    stage.write(b.content_stop - 1, memoryview(b"y"))
    assert stage.digest(0, layout.size) != before
    os.truncate(stage.folder / "b", 10)
    assert stage.digest(0, layout.size) == ""


def test_what_a_former_run_left_is_kept(tmp_path: Path) -> None:
    entry = Layout.arrange([file("big", 3 * BLOCK)], 0).entries[0]
    first = Stage(tmp_path / "stage")
    first.add(entry)
    first.write(entry.offset + BLOCK, memoryview(b"kept"))
    second = Stage(tmp_path / "stage")
    second.add(entry)
    assert (tmp_path / "stage/big").read_bytes()[BLOCK : BLOCK + 4] == b"kept"
    assert second.digest(0, entry.stop) == first.digest(0, entry.stop)


def test_a_stage_is_private_and_is_found_again_by_its_name(tmp_path: Path) -> None:
    entry = Layout.arrange([file("f", 3)], 0).entries[0]
    first = Stage.create(tmp_path)
    first.add(entry)
    first.write(entry.offset, memoryview(b"abc"))
    assert stat.S_IMODE(first.folder.parent.stat().st_mode) == 0o700
    second = Stage.reopen(tmp_path, first.name)
    assert second is not None
    second.add(entry)
    assert (second.folder, (second.folder / "f").read_bytes()) == (first.folder, b"abc")
    assert Stage.create(tmp_path).name != first.name
    second.discard()
    assert not first.folder.parent.exists()
    assert Stage.reopen(tmp_path, first.name) is None


@pytest.mark.parametrize("name", [None, 5, "", ".", "..", "modelsync-pull-", "modelsync-pull-../x", "/etc", "other"])
def test_a_name_that_no_stage_has_is_not_believed(name: object, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    (tmp_path / "x").mkdir(mode=0o700)
    assert Stage.reopen(tmp_path, name) is None
    assert not (tmp_path / "other" / "model").exists()


def test_a_stage_that_others_may_write_to_is_not_gone_on_with(tmp_path: Path) -> None:
    stage = Stage.create(tmp_path)
    (tmp_path / "modelsync-pull-link").symlink_to(stage.folder.parent)
    assert Stage.reopen(tmp_path, "modelsync-pull-link") is None
    stage.folder.parent.chmod(0o770)
    assert Stage.reopen(tmp_path, stage.name) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_stage_of_another_user_is_not_gone_on_with(tmp_path: Path) -> None:
    stage = Stage.create(tmp_path)
    os.chown(stage.folder.parent, 12345, 12345)
    assert Stage.reopen(tmp_path, stage.name) is None


def test_links_that_an_earlier_run_left_are_gone_before_anything_is_written(stage: Stage) -> None:
    outside = stage.folder.parent.parent
    (stage.folder / "d").mkdir()
    (stage.folder / "d/up").symlink_to(outside)
    (stage.folder / "up").symlink_to(outside)
    again = Stage(stage.folder)
    for entry in Layout.arrange([file("d/up/f", 1), file("up/f", 1)], 0).entries:
        again.add(entry)
        again.write(entry.offset, memoryview(b"x"))
    assert sorted(path.name for path in outside.iterdir()) == ["secret", "stage"]


def test_a_link_in_the_place_of_a_stage_is_refused(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(stage.folder)
    with pytest.raises(NotADirectoryError):
        Stage(tmp_path / "link")


@pytest.mark.parametrize("at_once", [True, False])
def test_many_files_are_made_and_sealed(stage: Stage, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    if not at_once:  # as on an old kernel
        monkeypatch.setattr(stage_module, "sync_file_system", lambda folder: False)
    layout = Layout.arrange([file(f"d{number % 7}/f{number}", 3) for number in range(MANY + 1)], 0)
    for entry in layout.entries:
        stage.add(entry)
    stage.write(0, memoryview(b"x" * layout.size))
    stage.seal()
    found = [path.read_bytes() for path in stage.folder.rglob("f*")]
    assert found == [b"xxx"] * (MANY + 1)


def test_a_write_that_the_file_system_lost_fails_the_stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(MANY + 1):
        stage.add(file(f"f{number}"))

    def lose(folder: Path) -> bool:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(stage_module, "sync_file_system", lose)
    with pytest.raises(OSError, match="Input/output"):
        stage.seal()
