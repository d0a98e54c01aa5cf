"""The reader of tar headers, the description in front of an archive, and the limits of a tree."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import pytest

from modelsync_jupyter.archive.description import Description, description_size, read_description
from modelsync_jupyter.archive.layout import Entry, Layout, check_tree
from modelsync_jupyter.archive.scan import scan_tar
from modelsync_jupyter.core.errors import UnsafeArchive
from modelsync_jupyter.core.plain import fits


class Bytes(io.BytesIO):
    """An archive in memory."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.stop = len(data)


def tar(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


def test_more_members_than_the_limit_are_refused_by_number() -> None:
    data = tar("a", "b", "c")
    assert [entry.path for entry in scan_tar(Bytes(data), 3)] == ["a", "b", "c"]
    with pytest.raises(UnsafeArchive, match="more than 2 members"):
        list(scan_tar(Bytes(data), 2))


def described(more: bytes = b"") -> tuple[bytes, Description]:
    """An archive's first member, with `more` behind its one record."""
    found = Description.build(Layout((), 10_240), (), {})
    head = found.header()
    if more:
        size = description_size(head)
        info = tarfile.TarInfo.frombuf(head[:512], "utf-8", "strict")
        body = head[512 : 512 + info.size] + more
        info.size = len(body)
        head = info.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512)
        assert description_size(head) >= size
    return head, found


def test_description_with_a_further_record_is_not_ours() -> None:
    """Tar readers would apply that record to every member, so they would see another archive than is described."""
    assert description_size(described()[0]) == len(described()[0])
    assert read_description(described(b"18 path=elsewhere\n")[0]) is None


@pytest.mark.parametrize("length", [b"9" * 5000, b"-5", b"x", b""])
def test_description_of_nonsense_length_is_not_ours(length: bytes) -> None:
    record = length + b' comment={"cut":"cut-3"}\n'
    info = tarfile.TarInfo("pax_global_header")
    info.type, info.size = tarfile.XGLTYPE, len(record)
    head = info.tobuf(tarfile.USTAR_FORMAT) + record + bytes(-len(record) % 512)
    assert read_description(head) is None


@pytest.mark.parametrize(
    ("paths", "good"),
    [
        (["a/", "a/", "a/b"], True),
        (["a/b", "a/"], True),
        (["a", "a"], False),
        (["a", "a/b"], False),
        (["a/b", "a"], False),
    ],
)
def test_entries_make_one_tree(paths: list[str], good: bool) -> None:
    entries = [Entry(path.rstrip("/"), "dir" if path.endswith("/") else "file", 0, 0) for path in paths]
    if good:
        check_tree(entries)
    else:
        with pytest.raises(UnsafeArchive):
            check_tree(entries)


def nested(levels: int, inner: Any = ()) -> Any:
    value: Any = list(inner)
    for _ in range(levels):
        value = [value]
    return value


def test_trees_are_measured_as_they_would_be_written_out() -> None:
    assert fits(nested(5), depth=5, values=99)
    assert not fits(nested(6), depth=5, values=99)
    assert fits([1] * 98, depth=5, values=99)
    assert not fits({"k": [1] * 98}, depth=5, values=99)
    shared = nested(4)
    assert not fits([shared, [[[shared]]]], depth=6, values=99), "deeper by its second name"
    endless: list[Any] = []
    endless.append(endless)
    assert not fits(endless, depth=50, values=99)
    doubled: Any = 1
    for _ in range(40):
        doubled = [doubled, doubled]
    assert not fits(doubled, depth=50, values=200_000)
