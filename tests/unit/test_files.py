"""Files and folders that change in one step."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from modelsync_jupyter import files
from modelsync_jupyter.core.errors import DiskFull
from modelsync_jupyter.files import disk_errors, fsync_tree, put_folder, read_json, reserve, write_json, write_text


def folder(path: Path, content: str) -> Path:
    path.mkdir(parents=True)
    (path / "f").write_text(content)
    return path


def test_text_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    for text in ("one", "zwölf\n", ""):
        write_text(path, text)
        assert path.read_text(encoding="utf-8") == text
    assert [item.name for item in path.parent.iterdir()] == ["b"]


def test_a_write_that_fails_leaves_the_old_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    write_text(path, "old")

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_text(path, "new")
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [("f", "old")]


def test_a_private_file_is_never_open_to_others(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    before = os.umask(0)
    try:
        write_text(path, "new", mode=0o600)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_json_that_is_missing_or_broken_is_none(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    assert read_json(path) is None
    write_json(path, {"größe": [1, None]})
    assert read_json(path) == {"größe": [1, None]}
    for broken in (b"", b'{"a": 1', b"\xff", b"nope"):
        path.write_bytes(broken)
        assert read_json(path) is None
    assert read_json(tmp_path) is None


def test_a_folder_moves_to_a_free_place(tmp_path: Path) -> None:
    source = folder(tmp_path / "tmp" / "new", "new")
    put_folder(source, tmp_path / "a" / "b", replace=False)
    assert (tmp_path / "a/b/f").read_text() == "new"
    assert not source.exists()


def test_a_folder_that_is_there_stays_unless_it_shall_make_way(tmp_path: Path) -> None:
    source, target = folder(tmp_path / "tmp" / "new", "new"), folder(tmp_path / "target", "old")
    with pytest.raises(FileExistsError):
        put_folder(source, target, replace=False)
    assert ((source / "f").read_text(), (target / "f").read_text()) == ("new", "old")
    put_folder(source, target, replace=True)
    assert (target / "f").read_text() == "new"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_empty_folder_counts_as_being_there(tmp_path: Path) -> None:
    source = folder(tmp_path / "new", "new")
    (tmp_path / "target").mkdir()
    with pytest.raises(FileExistsError):
        put_folder(source, tmp_path / "target", replace=False)


def test_without_an_exchange_the_old_folder_comes_back_if_the_new_one_cannot_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    source, target = folder(tmp_path / "tmp" / "new", "new"), folder(tmp_path / "target", "old")
    put_folder(source, target, replace=True)
    assert (target / "f").read_text() == "new"
    with pytest.raises(FileNotFoundError):
        put_folder(source, target, replace=True)
    assert (target / "f").read_text() == "new"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_move_that_cannot_be_is_not_taken_for_a_folder_that_is_there(tmp_path: Path) -> None:
    source = folder(tmp_path / "new", "new")
    with pytest.raises(OSError, match="too long"):
        put_folder(source, tmp_path / ("n" * 300), replace=False)
    with pytest.raises(FileNotFoundError):
        put_folder(tmp_path / "nothing", tmp_path / "target", replace=False)
    assert (source / "f").read_text() == "new"


def test_a_full_disk_is_told_apart_from_other_faults(tmp_path: Path) -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        with pytest.raises(DiskFull, match="No space left"), disk_errors(tmp_path):
            raise OSError(number, "full")
    with pytest.raises(PermissionError), disk_errors(tmp_path):
        raise PermissionError(errno.EACCES, "no")


def test_syncing_a_folder_minds_neither_links_nor_depth(tmp_path: Path) -> None:
    folder(tmp_path / "a" / "b", "deep")
    (tmp_path / "a" / "dangling").symlink_to("nothing")
    (tmp_path / "a" / "loop").symlink_to(".")
    fsync_tree(tmp_path)


def test_reserved_space_is_there_and_what_cannot_be_had_is_said(tmp_path: Path) -> None:
    with open(tmp_path / "file", "wb") as file:
        reserve(file.fileno(), 1 << 20)
        assert os.fstat(file.fileno()).st_size == 1 << 20
        with pytest.raises(DiskFull), disk_errors(tmp_path):
            reserve(file.fileno(), 1 << 42)
        assert os.fstat(file.fileno()).st_blocks < 4096  # and nothing of it is taken
    assert (tmp_path / "file").read_bytes()[: 1 << 20] == bytes(1 << 20)
