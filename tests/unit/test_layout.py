"""Layouts from the wire, safe names and links, and where archives are cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.archive.layout import Entry, Layout, check_link, padded, safe_path
from modelsync_jupyter.core.errors import UnsafeArchive
from tests.harness.models import ODD_FILES, make_model

from .archives import MTIME

FILE = {"path": "f", "kind": "file", "mode": 0o644, "size": 10, "offset": 512, "target": ""}


def file(path: str, size: int) -> Entry:
    return Entry(path, "file", 0, 0, size)


def test_a_layout_survives_the_wire(tmp_path: Path) -> None:
    layout = FolderArchive.scan(make_model(tmp_path, "m:v1", ODD_FILES), MTIME).layout
    data = json.loads(json.dumps([entry.to_json() for entry in layout.entries]))
    again = Layout.from_json(data, layout.size)
    assert [entry.to_json() for entry in again.entries] == data
    assert {entry.path for entry in again.entries if entry.executable} == {"bin/run.sh"}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in FILE.items() if name != key}


NO_KINDS: list[Any] = [None, "", "hardlink", "fifo", "FILE", [], {}]


@pytest.mark.parametrize(
    "data",
    [
        *(None, {}, "text", 5, [None], ["f"], [[FILE]], [{}]),
        *([without(key)] for key in ("path", "kind", "size", "offset")),
        *([{**FILE, "path": path}] for path in (None, 5, "", ".", "/f", "../f", "a/../../f", "f\0", "\ud800", ["f"])),
        *([{**FILE, "kind": kind}] for kind in NO_KINDS),
        *([{**FILE, "size": size}] for size in (-1, 1.0, "10", True, None, 1 << 70)),
        *([{**FILE, "offset": offset}] for offset in (-1, 511.0, "0", None, False, 2000, 1 << 70)),
        *([{**FILE, "mode": mode}] for mode in ("755", 1.5, [1])),
        *([{**FILE, "kind": "link", "target": target}] for target in (None, "", "/etc", "..", "a/../..", 5, "\0")),
        [FILE, {**FILE, "path": "g"}],
        [FILE, {**FILE, "path": "g", "offset": 600}],
        [FILE, {**FILE, "path": "g", "offset": 1024, "size": 1025}],
    ],
    ids=repr,
)
def test_a_bad_layout_from_the_wire_is_refused(data: object) -> None:
    with pytest.raises(UnsafeArchive):
        Layout.from_json(data, 2048)


def test_what_is_no_file_has_no_content() -> None:
    layout = Layout.from_json([{**FILE, "kind": "dir", "size": 99999}, {**FILE, "path": "g", "offset": 1024}], 2048)
    assert [(entry.size, entry.executable) for entry in layout.entries] == [(0, False), (10, False)]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        *(("a", "a"), ("./a", "a"), ("a/", "a"), ("a//b", "a/b"), ("./a/./b", "a/b"), (".a", ".a"), ("..a", "..a")),
        *(("a\\b", "a\\b"), ("C:", "C:"), ("a\nb", "a\nb"), ("-", "-"), (".", None), ("./", None), ("", None)),
    ],
)
def test_safe_names_are_normalised(name: str, path: str | None) -> None:
    assert safe_path(name) == path


@pytest.mark.parametrize("name", ["/", "/a", "//a", "..", "../a", "a/..", "a/../b", "a/..//", "a\0b", "\udcff"])
def test_unsafe_names_are_refused(name: str) -> None:
    with pytest.raises(UnsafeArchive):
        safe_path(name)


@pytest.mark.parametrize(
    ("path", "target"),
    [("l", "f"), ("l", "d/f"), ("d/l", "../f"), ("a/b/l", "../../f"), ("l", "./d/../f"), ("l", "..f")],
)
def test_links_inside_are_fine(path: str, target: str) -> None:
    check_link(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        *(
            ("l", ""),
            ("l", "/f"),
            ("l", ".."),
            ("l", "../f"),
            ("d/l", "../../f"),
            ("l", "d/../../d/f"),
            ("d/l", "..//.."),
        ),
        *(("l", "f\0"), ("l", "\udcff")),
    ],
)
def test_links_that_leave_are_refused(path: str, target: str) -> None:
    with pytest.raises(UnsafeArchive):
        check_link(path, target)


def test_members_follow_each_other_to_a_whole_record() -> None:
    layout = Layout.arrange([file("a", 1), file("b", 512), file("c", 0)], MTIME)
    position = 0
    for entry in layout.entries:
        assert (entry.start, entry.offset) == (position, position + 512)
        position = entry.offset + padded(entry.size)
    assert layout.size == 10240 >= position + 1024
    assert [layout.find(at) for at in (-1, 0, 511, 512, 1023, 1024, 9999)] == [-1, 0, 0, 0, 0, 1, 2]


@pytest.mark.parametrize("mtime", [0, -1, MTIME, 8**11 - 1, 8**11])
@pytest.mark.parametrize("length", [1, 98, 99, 100, 101, 155, 156, 255, 256, 300])
@pytest.mark.parametrize("kind", ["file", "dir", "link"])
def test_headers_are_those_of_tarfile_and_their_size_is_told_before(kind: Any, length: int, mtime: int) -> None:
    for path in ("n" * length, "é" * length, ("d" * 50 + "/") * (length // 51) + "f"):
        for size, target in ((0, "t" * length), (8**11 - 1, "é"), (8**11, "")):
            entry = Entry(path, kind, 0, 0, size if kind == "file" else 0, target=target if kind == "link" else "")
            assert entry.header(mtime) == entry.tar_header(mtime)
            assert Layout.arrange([entry], mtime).entries[0].offset == len(entry.header(mtime))
