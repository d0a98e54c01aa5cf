"""Files and folders that change in one step."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from pathlib import Path

import pytest

from modelsync_jupyter import files, folders
from modelsync_jupyter.core.errors import DiskFull
from modelsync_jupyter.files import disk_errors, read_json, reserve, write_text
from modelsync_jupyter.folders import fsync_tree, put_folder


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
    write_text(path, json.dumps({"größe": [1, None]}, ensure_ascii=False))
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
    monkeypatch.setattr(folders, "_exchange", lambda one, other: False)
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


def test_a_regular_file_is_read_and_nothing_else_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    (tmp_path / "link").symlink_to(path)
    assert files.read_regular(path, 5) == files.read_regular(tmp_path / "link", 9) == b"12345"
    os.mkfifo(tmp_path / "pipe")
    for bad in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "none"):
        with pytest.raises(OSError, match=r"regular|No such"):
            files.read_regular(bad, 5)
    with pytest.raises(OSError, match="Larger than 4 bytes"):
        files.read_regular(path, 4)


def test_a_private_folder_is_this_user_s_and_no_link(tmp_path: Path) -> None:
    one, two = folders.private_folder(tmp_path, "p-"), folders.private_folder(tmp_path, "p-")
    assert one != two
    assert folders.is_private(one)
    (tmp_path / "link").symlink_to(one)
    two.chmod(0o750)
    for bad in (tmp_path / "link", two, tmp_path / "none", one / "owner"):
        assert not folders.is_private(bad)


def test_who_is_at_work() -> None:
    host, pid, start = files.this_process().rsplit("-", 2)
    now, yesterday = time.time(), time.time() - 2 * 24 * 3600
    assert files.is_at_work(files.this_process(), yesterday)
    assert not files.is_at_work(f"{host}-{pid}-{int(start) + 1}", now)  # its number was used again
    assert not files.is_at_work(f"{host}-{2**22 + 1}-{start}", now)
    for unknown in (f"elsewhere-{pid}-{start}", "", "x", "a-b-c-d", f"{host}-x-y"):
        assert files.is_at_work(unknown, now)
        assert not files.is_at_work(unknown, yesterday)


def test_json_is_read_from_files_that_end_alone(tmp_path: Path) -> None:
    """In a shared home somebody else may put a pipe where a record is expected: nobody waits for that."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "good").write_text('{"a": "ä"}', encoding="utf-8")
    assert [read_json(tmp_path / name) for name in ("pipe", "deep", "none", "good")] == [None, None, None, {"a": "ä"}]


def test_a_tree_of_read_only_folders_is_removed_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside", "stays")
    tree = folder(tmp_path / "tree" / "a", "goes").parent
    (tree / "link").symlink_to(outside)
    for path in (tree / "a", tree):
        path.chmod(0o500)
    folders.remove_tree(tree)
    assert not tree.exists()
    assert (outside / "f").read_text() == "stays"
    (tmp_path / "top").symlink_to(outside)
    folders.remove_tree(tmp_path / "top")
    assert (outside / "f").read_text() == "stays"
