"""A folder as an archive: the bytes are those of `tarfile`, any range of them, and changes are noticed."""

from __future__ import annotations

import errno
import io
import os
import shutil
import socket
import tarfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from modelsync_jupyter.archive.folder import BLOCK, FolderArchive
from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.unread import Unread
from modelsync_jupyter.core.errors import InvalidModel, ModelChanged
from modelsync_jupyter.core.parts import Part
from tests.harness.models import ODD_FILES, Executable, Folder, make_model

from .archives import MTIME, pack, read

GIB = 1 << 30


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A folder with everything in it that a model may hold."""
    return make_model(tmp_path / "home", "m:v1", ODD_FILES)


def by_tarfile(folder: Path) -> bytes:
    """The archive as the standard library writes it, members sorted by path."""

    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mtime = MTIME
        info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
        if info.issym():
            info.mode = 0o777
        return info

    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(str(path.relative_to(folder)) for path in folder.rglob("*")):
            archive.add(folder / path, path, recursive=False, filter=plain)
    return file.getvalue()


def test_the_bytes_are_those_of_tarfile(odd: Path) -> None:
    assert pack(odd) == by_tarfile(odd)


def test_owners_times_and_other_mode_bits_leave_no_trace(odd: Path) -> None:
    before = pack(odd)
    os.utime(odd / "one", (1, 1))
    (odd / "one").chmod(0o600)
    (odd / "bin").chmod(0o700)
    assert pack(odd) == before
    (odd / "one").chmod(0o700)
    assert pack(odd) != before


def test_an_empty_folder_is_an_archive_too(tmp_path: Path) -> None:
    assert pack(tmp_path) == bytes(10240) == by_tarfile(tmp_path)


@pytest.mark.parametrize("block", [1, 511, 513, 100_000])
def test_every_buffer_gives_the_same_bytes(block: int, tmp_path: Path) -> None:
    folder = make_model(tmp_path, "m:v1", {"a": 1000, "empty": b"", "n" * 150: 2000, "run": Executable(b"x")})
    assert read(FolderArchive.scan(folder, MTIME), block=block) == by_tarfile(folder)


def test_ranges_at_every_boundary(odd: Path) -> None:
    source = FolderArchive.scan(odd, MTIME)
    whole = read(source)
    marks = sorted(
        {mark for entry in source.layout.entries for mark in (entry.start, entry.offset, entry.content_stop)}
    )
    for mark in [*marks, source.layout.size]:
        for start, stop in ((mark - 1, mark + 1), (mark, mark + 700), (mark - 700, mark)):
            start, stop = max(start, 0), min(stop, source.layout.size)
            assert read(source, start, stop) == whole[start:stop]


def test_sizes_are_those_of_the_files(odd: Path) -> None:
    source = FolderArchive.scan(odd, MTIME)
    files = [path for path in odd.rglob("*") if path.is_file() and not path.is_symlink()]
    assert source.content_size == sum(path.stat().st_size for path in files)
    assert source.layout.size == len(read(source))


def test_files_over_8_gib(tmp_path: Path) -> None:
    """Beyond what an octal header can say; sparse, so only the ranges around its ends are read."""
    size = 9 * GIB + 7
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "z").write_bytes(b"z" * 600)
    with (tmp_path / "big").open("wb") as file:
        file.write(b"begin")
        os.truncate(tmp_path / "big", size)
        file.seek(size - 3)
        file.write(b"end")
    source = FolderArchive.scan(tmp_path, MTIME)
    a, big, z = source.layout.entries
    assert (big.offset, big.size) == (big.start + 3 * 512, size)
    assert read(source, big.offset - 2, big.offset + 7) == b"\0\0begin\0\0"
    assert read(source, big.content_stop - 4, big.content_stop + 2) == b"\0end\0\0"
    assert read(source, big.offset + 8 * GIB - 1, big.offset + 8 * GIB + 1) == b"\0\0"
    assert read(source, z.offset, z.content_stop) == b"z" * 600
    header = tarfile.TarInfo.frombuf(read(source, z.start, z.offset), "utf-8", "strict")
    assert (header.name, header.size) == ("z", 600)
    head = io.BytesIO(read(source, 0, big.offset + 512))
    with tarfile.open(fileobj=head, mode="r:") as archive:
        assert [(info.name, info.size) for info in (archive.next(), archive.next()) if info] == [
            ("a", 1),
            ("big", size),
        ]
    assert a.start == 0


@pytest.fixture
def scanned(tmp_path: Path) -> FolderArchive:
    """A folder with a file `d/f`, scanned."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"x" * 5000)
    return FolderArchive.scan(tmp_path, MTIME)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"y")


def replace(path: Path) -> None:
    stamp = path.stat()
    other = path.with_name("other")
    other.write_bytes(b"y" * 5000)
    os.utime(other, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    other.rename(path)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def lose_parent(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_bytes(b"")


CHANGES: list[Callable[[Path], object]] = [
    *(append, replace, become_folder, lose_parent, Path.unlink, lambda path: os.truncate(path, 100)),
    *(lambda path: path.write_bytes(b"z" * 5000), lambda path: shutil.rmtree(path.parent.parent)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_is_not_read_and_is_noticed(
    scanned: FolderArchive, change: Callable[[Path], object]
) -> None:
    change(scanned.folder / "d/f")
    with pytest.raises(ModelChanged):
        read(scanned)
    with pytest.raises(ModelChanged):
        scanned.check_unchanged()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "new").write_bytes(b""),
        lambda folder: (folder / "d/f").chmod(0o755),
        lambda folder: (folder / "new").symlink_to("d"),
        lambda folder: os.mkfifo(folder / "new"),
    ],
)
def test_what_is_new_in_the_folder_is_noticed(scanned: FolderArchive, change: Callable[[Path], object]) -> None:
    change(scanned.folder)
    with pytest.raises(ModelChanged):
        scanned.check_unchanged()


def test_what_was_read_at_once_may_change_afterwards_but_no_name_may_come(scanned: FolderArchive) -> None:
    expected = read(scanned)
    assert scanned.read(Part(1, 0, scanned.layout.size)) == (expected, [("d/f", b"x" * 5000)])
    append(scanned.folder / "d/f")
    scanned.check_unchanged()
    with pytest.raises(ModelChanged):
        scanned.read(Part(1, 0, scanned.layout.size))
    (scanned.folder / "d/g").write_bytes(b"")
    with pytest.raises(ModelChanged):
        scanned.check_unchanged()


@pytest.mark.parametrize("change", [*CHANGES, lambda path: (path.unlink(), os.mkfifo(path))])
def test_what_changed_is_not_read_at_once(scanned: FolderArchive, change: Callable[[Path], object]) -> None:
    change(scanned.folder / "d/f")
    with pytest.raises(ModelChanged):
        scanned.read(Part(1, 0, scanned.layout.size))


def test_a_change_between_two_blocks_is_noticed(scanned: FolderArchive) -> None:
    views = scanned.blocks(Part(1, 0, scanned.layout.size), bytearray(2048))
    next(views)
    (scanned.folder / "d/f").write_bytes(b"z" * 5000)
    with pytest.raises(ModelChanged):
        list(views)


@pytest.fixture
def unread(tmp_path: Path) -> FolderArchive:
    """A folder with small files around one that is worth leaving unread, and one at the edge of that."""
    files: dict[str, bytes | int] = {"a": b"a" * 700, "b": 3 * BLOCK + 77, "d/c": 64 << 10, "d/e": b""}
    return FolderArchive.scan(make_model(tmp_path / "home", "m:v1", files), MTIME)


@pytest.mark.parametrize("start", [0, 511, 2000, BLOCK + 5])
def test_what_is_left_unread_is_read_or_sent_when_it_is_needed(unread: FolderArchive, start: int) -> None:
    part, left = Part(1, start, unread.layout.size), 0
    expected, read_later = read(unread, start), b""
    one, other = socket.socketpair()
    with one, other, ThreadPoolExecutor(1) as pool:
        received = pool.submit(lambda: b"".join(iter(partial(other.recv, 1 << 16), b"")))
        for piece in unread.unread(part, bytearray(BLOCK)):
            if isinstance(piece, Unread):
                assert len(piece) <= 8 * BLOCK
                read_later += b"".join(map(bytes, piece))
                piece.send(one)
                left += len(piece)
            else:
                read_later += bytes(piece)
                one.sendall(piece)
        one.shutdown(socket.SHUT_WR)
        assert received.result(10) == expected
    assert read_later == expected
    assert left > 2 * BLOCK


def test_a_far_end_that_takes_nothing_is_given_up(unread: FolderArchive) -> None:
    pieces = unread.unread(Part(1, 0, unread.layout.size), bytearray(BLOCK))
    piece = max((each for each in pieces if isinstance(each, Unread)), key=len)
    one, other = socket.socketpair()
    with one, other:
        one.settimeout(0.1)
        with pytest.raises(TimeoutError):
            piece.send(one)
        assert one.gettimeout() == 0.1


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"z" * 9), Path.unlink])
def test_what_is_left_unread_is_not_sent_once_it_has_changed(
    unread: FolderArchive, change: Callable[[Path], object]
) -> None:
    pieces = [
        each for each in unread.unread(Part(1, 0, unread.layout.size), bytearray(BLOCK)) if isinstance(each, Unread)
    ]
    change(unread.folder / "b")
    one, other = socket.socketpair()
    with one, other:
        with pytest.raises(ModelChanged):
            pieces[0].send(one)
        with pytest.raises(ModelChanged):
            list(pieces[0])


def test_a_disk_that_cannot_be_read_is_told_from_a_connection_that_broke(
    unread: FolderArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = unread.unread(Part(1, 0, unread.layout.size), bytearray(BLOCK))
    piece = next(each for each in pieces if isinstance(each, Unread))
    one, other = socket.socketpair()
    with one, other:
        other.shutdown(socket.SHUT_RD)
        with pytest.raises(BrokenPipeError):
            piece.send(one)

        def broken(*_: object) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "sendfile", broken)
        with pytest.raises(InvalidModel, match="cannot be read"):
            piece.send(one)


def test_nothing_changed(scanned: FolderArchive) -> None:
    read(scanned)
    scanned.check_unchanged()


def spoil_name(folder: Path) -> None:
    with open(os.path.join(os.fsencode(folder), b"latin-\xe9"), "wb"):
        pass


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: os.mkfifo(folder / "pipe"), "not a file, folder or link"),
        (lambda folder: (folder / "out").symlink_to("/etc/passwd"), "outside"),
        (lambda folder: (folder / "up").symlink_to("../elsewhere"), "outside"),
        (lambda folder: (folder / "odd").symlink_to(os.fsdecode(b"latin-\xe9")), "not Unicode"),
        (spoil_name, "not Unicode"),
    ],
)
def test_what_no_model_may_hold_is_refused(spoil: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    spoil(tmp_path / "deep")
    (tmp_path / "deep" / "fine").symlink_to("../deep")
    with pytest.raises(InvalidModel, match=said) as caught:
        FolderArchive.scan(tmp_path / "deep" if said == "outside" else tmp_path, MTIME)
    assert caught.value.hint


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="cannot be read"):
        FolderArchive.scan(tmp_path / "none", MTIME)


def test_links_are_members_and_are_not_followed(tmp_path: Path) -> None:
    folder = make_model(tmp_path, "m:v1", {"d": Folder()})
    (folder / "d" / "loop").symlink_to("..")
    (folder / "dangling").symlink_to("nothing")
    entries = {entry.path: entry for entry in FolderArchive.scan(folder, MTIME).layout.entries}
    assert entries.keys() == {"d", "d/loop", "dangling", "model.yaml"}
    assert (entries["d/loop"].kind, entries["d/loop"].target) == ("link", "..")


def test_headers_do_not_depend_on_what_surrounds_them() -> None:
    entry = Entry("f", "file", 0, 0, 5)
    assert entry.header(MTIME) == Entry("f", "file", 7777, 9999, 5).header(MTIME)
