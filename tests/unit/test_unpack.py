"""Reading other people's archives: what is taken, what is handed off, and what is refused whole."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest

from modelsync_jupyter.archive.folder import FolderArchive
from modelsync_jupyter.archive.unpack import Frontier, unpack
from modelsync_jupyter.core.errors import IntegrityError, ModelSyncError, UnsafeArchive
from modelsync_jupyter.core.parts import Part, from_sizes
from tests.harness.models import ODD_FILES, Entry, Link, differences, make_model

from .archives import MTIME, Stage, member, pack, read, tar, unpack_bytes, views

FORMATS = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}
ENDLESS = (Part(1, 0, 1 << 62),)


def stock(folder: Path, format: int = tarfile.PAX_FORMAT) -> bytes:
    """The archive as stock `bentoml` writes it: members under `./`, owners and float times as they are."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as archive:
        archive.add(folder, ".")
    return file.getvalue()


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    return make_model(tmp_path / "home", "m:v1", ODD_FILES)


@pytest.mark.parametrize("format", ["gnu", "pax"])
@pytest.mark.parametrize("part_size", [512, 1000, 1 << 20])
def test_stock_archives_come_out_as_they_were(format: str, part_size: int, odd: Path, tmp_path: Path) -> None:
    data = stock(odd, FORMATS[format])
    unpack_bytes(data, tmp_path / "new", part_size=part_size)
    assert differences(odd, tmp_path / "new") == []


def test_so_do_ustar_archives(tmp_path: Path) -> None:
    files = {path: entry for path, entry in ODD_FILES.items() if len(path.encode()) < 90 and path.isascii()}
    made = make_model(tmp_path / "home", "m:v1", files | {"d" * 90 + "/" + "f" * 90: b"split in prefix and name"})
    unpack_bytes(stock(made, tarfile.USTAR_FORMAT), tmp_path / "new")
    assert differences(made, tmp_path / "new") == []


def test_so_do_our_own(odd: Path, tmp_path: Path) -> None:
    unpack_bytes(pack(odd), tmp_path / "new")
    assert differences(odd, tmp_path / "new") == []


@pytest.mark.processes
def test_so_do_those_of_gnu_tar(odd: Path, tmp_path: Path) -> None:
    os.link(odd / "one", odd / "uno")
    done = subprocess.run(["tar", "--format=gnu", "-cf", "-", "-C", odd, "."], stdout=subprocess.PIPE, check=True)
    unpack_bytes(done.stdout, tmp_path / "new")
    assert differences(odd, tmp_path / "new") == []
    assert (tmp_path / "new/uno").samefile(tmp_path / "new/one")


def test_times_with_fractions_need_pax_and_do_no_harm(odd: Path, tmp_path: Path) -> None:
    data = stock(odd)
    assert b"mtime=" in data
    _, _, found = unpack_bytes(data, tmp_path / "new")
    assert [entry.path for entry in found if entry.path.startswith(".")] == []


def test_exactly_the_parts_inside_one_file_are_handed_off(tmp_path: Path) -> None:
    made = make_model(tmp_path / "home", "m:v1", {"a": 10_000, "b": 300, "c": 512, "d": 9_999, "e": b""})
    source = FolderArchive.scan(made, MTIME)
    data = read(source)
    at_random = sorted(random.Random(5).sample(range(1, len(data)), 30))
    for cuts in (range(512, len(data), 512), at_random):
        parts = from_sizes(stop - start for start, stop in pairwise([0, *cuts, len(data)]))
        stage, handed, _ = unpack_bytes(data, tmp_path / f"new-{len(parts)}", parts=parts)
        inside = [
            part
            for part in parts
            if any(e.offset <= part.start and part.stop <= e.content_stop for e in source.layout.entries if e.size)
        ]
        assert handed == inside
        assert len(handed) > 5
        assert differences(made, stage.folder) == []


def test_nothing_is_handed_off_where_parts_cannot_be_fetched_alone(odd: Path, tmp_path: Path) -> None:
    _, handed, _ = unpack_bytes(pack(odd), tmp_path / "new", parts=ENDLESS, hand_off=False)
    assert handed == []
    assert differences(odd, tmp_path / "new") == []


def test_handed_off_bytes_are_not_read(tmp_path: Path) -> None:
    """What somebody else fetches is not asked of the stream: 1 MiB of weights costs a few blocks."""
    made = make_model(tmp_path / "home", "m:v1", size=1 << 20)
    data = pack(made)
    opened: list[tuple[int, int]] = []
    parts = from_sizes([4096] * (len(data) // 4096) + [len(data) % 4096])

    def open_at(position: int) -> object:
        stop = next(part.stop for part in parts if part.start <= position < part.stop)
        opened.append((position, stop))
        return views(data[:stop], position, 1000)

    stage = Stage(tmp_path / "new")
    unpack(Frontier(parts, open_at, stage.write, lambda part: None), stage, (), lambda entry: None)  # type: ignore[arg-type]
    assert sum(stop - start for start, stop in opened) < 8 * 4096


def test_reading_goes_on_behind_what_a_former_run_found(odd: Path, tmp_path: Path) -> None:
    data = stock(odd)
    _, _, found = unpack_bytes(data, tmp_path / "all")
    for index in range(0, len(found), 3):
        known = tuple(found[:index])
        stage, _, more = unpack_bytes(data, tmp_path / f"{index}", known=known, part_size=700)
        assert [*known, *more] == found
        for entry in known:
            stage.write(entry.offset, memoryview(data)[entry.offset : entry.content_stop])
        assert differences(odd, stage.folder) == []


def small(tmp_path: Path) -> bytes:
    """A small archive with every kind of header in it."""
    files: dict[str, Entry] = {"a": 700, "é" * 70: 10, "n" * 200: b"", "z": 512, "link": Link("a")}
    return stock(make_model(tmp_path / "home", "m:v1", files))


@pytest.mark.parametrize("parts", ["known", "endless"])
def test_a_truncated_archive_never_succeeds(parts: str, tmp_path: Path) -> None:
    data = small(tmp_path)
    end = data.rstrip(b"\0")
    end_marker = (len(end) // 512 + 1) * 512 + 512  # the last file is 512 bytes of anything but zeros
    assert data[end_marker - 512 : end_marker + 1024].strip(b"\0") == b""
    cuts = [*range(0, end_marker + 512, 512), 1, 511, 513, 1000, 2049, end_marker - 1, end_marker + 1, end_marker + 511]
    for index, cut in enumerate(cut for cut in cuts if cut < end_marker + 512):
        with pytest.raises(IntegrityError):
            unpack_bytes(data[:cut], tmp_path / f"{index}", parts=ENDLESS if parts == "endless" else None)
    unpack_bytes(data[: end_marker + 1024], tmp_path / "whole")


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"garbage " * 1000, random.Random(1).randbytes(20_000), b"PK\3\4" + bytes(20_000), b"\x1f\x8b" * 5000],
)
def test_garbage_is_no_archive(data: bytes, tmp_path: Path) -> None:
    for parts in (None, ENDLESS):
        with pytest.raises(IntegrityError):
            unpack_bytes(data, tmp_path / "new", parts=parts)


def test_a_lost_header_is_noticed(tmp_path: Path) -> None:
    """A page of zeros over a header looks like the end; what follows it says otherwise."""
    data = bytearray(tar(member("a", b"a" * 600), member("b", b"b" * 600), member("c", b"c")))
    for size in (512, 1024, 1536):
        for start in (0, 1536):
            broken = bytes(data[:start]) + bytes(size) + bytes(data[start + size :])
            with pytest.raises(IntegrityError):
                unpack_bytes(broken, tmp_path / f"{size}-{start}")


def test_one_flipped_bit_in_any_header_is_noticed(tmp_path: Path) -> None:
    data = tar(member("a", b"a" * 600), member("b"))
    for position in [*range(0, 512, 7), *range(1536, 2048, 7)]:
        broken = bytearray(data)
        broken[position] ^= 4
        if bytes(broken[position // 512 * 512 + 148 :][:6]) == data[position // 512 * 512 + 148 :][:6]:
            with pytest.raises(ModelSyncError):
                unpack_bytes(bytes(broken), tmp_path / f"{position}")


DEVICES = {
    "fifo": tarfile.FIFOTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "contiguous": tarfile.CONTTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
    "unknown": b"Z",
}


@pytest.mark.parametrize("kind", DEVICES)
def test_what_is_no_file_folder_or_link_is_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(UnsafeArchive, match="not a file, folder or link"):
        unpack_bytes(tar(member("ok", b"1"), member("d", type=DEVICES[kind])), tmp_path / "new")


@pytest.mark.processes
def test_sparse_files_of_gnu_tar_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with (tmp_path / "in/holes").open("wb") as file:
        file.seek(1 << 20)
        file.write(b"end")
    for format in ("gnu", "posix"):
        argv = ["tar", f"--format={format}", "--sparse", "-cf", "-", "-C", str(tmp_path / "in"), "."]
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
        with pytest.raises(UnsafeArchive):
            unpack_bytes(done.stdout, tmp_path / format)


@pytest.mark.parametrize(
    "info",
    [
        *(member(name, b"x") for name in ("/etc/evil", "../evil", "a/../../evil", "a/..", "..", ".", "./", "")),
        *(member("l", type=tarfile.SYMTYPE, linkname=target) for target in ("/etc/passwd", "../evil", "", "a/../../e")),
        *(member("h", type=tarfile.LNKTYPE, linkname=target) for target in ("/etc/passwd", "../evil", "nothing", "")),
        *(member("ok", b"twice"), member("ok/below", b"x"), member("n" * 300, b"x"), member("a\udcff", b"x")),
        *(member("l", type=tarfile.SYMTYPE, linkname="a\udcff"), member("s", type=tarfile.SYMTYPE, linkname=".")),
    ],
    ids=lambda info: f"{info[0].type.decode()} {info[0].name[:20]!r} {info[0].linkname!r}",
)
def test_unsafe_members_are_refused_and_nothing_lies_outside(
    info: tuple[tarfile.TarInfo, bytes], tmp_path: Path
) -> None:
    data = tar(member("ok", b"fine"), info, member("s/through", b"x"))
    with pytest.raises(UnsafeArchive):
        unpack_bytes(data, tmp_path / "new" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model"]


def header(size: bytes, name: bytes = b"evil") -> bytes:
    """A header with any bytes in its size field and a good checksum."""
    block = bytearray(tarfile.TarInfo(name.decode()).tobuf(tarfile.USTAR_FORMAT))
    block[124:136] = size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


@pytest.mark.parametrize(
    "data",
    [
        header(b"\xff" * 12),
        header(b"\xff" * 10 + b"\xfe\x00"),
        header(b"\x80" + b"\x7f" * 11),
        header(b"777777777777"),
        header(b"00000zzz0000"),
        *[tar(member("f", pax_headers={"size": "-512"}))] * (sys.version_info < (3, 13)),  # no header to later Pythons
        tar(member("f", pax_headers={"size": str(1 << 60)})),
        tar(member("f", pax_headers={"path": "../evil"})),
        tar(member("f", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"})),
        tar(member("f", pax_headers={"GNU.sparse.map": "0,x"})),
        tar(member("f", pax_headers={"GNU.sparse.size": "x"})),
        tar(member("x", b"0 path=\n", type=b"x"), member("f")),
        tar(member("x", b"99999999999 path=a\n", type=b"x"), member("f")),
        tar(member("x", b"9" * 5000 + b" path=a\n", type=b"x"), member("f")),
        tar(member("x", b"30 mtime=nan\n30 uid=\xff\n", type=b"x"), member("/f")),
    ],
    ids=lambda data: repr(data[124:136]) + repr(data[512:540]),
)
def test_headers_that_lie_end_in_one_clear_error(data: bytes, tmp_path: Path) -> None:
    for index, tail in enumerate((b"", bytes(4096), tar(member("more", b"x")))):
        with pytest.raises((IntegrityError, UnsafeArchive)):
            unpack_bytes(data.rstrip(b"\0") + bytes(-len(data.rstrip(b"\0")) % 512) + tail, tmp_path / f"{index}")


def test_a_header_cannot_fill_the_memory(tmp_path: Path) -> None:
    data = header(b"%011o\0" % (2 << 20), b"long")
    for kind in (b"x", b"L", b"K"):
        block = bytearray(data)
        block[156:157] = kind
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        with pytest.raises(UnsafeArchive, match="longer than 1,048,576 bytes"):
            unpack_bytes(bytes(block) + bytes(3 << 20), tmp_path / "new")


def test_random_damage_never_ends_in_anything_but_our_errors(tmp_path: Path) -> None:
    data, rng = small(tmp_path), random.Random(7)
    for index in range(200):
        broken = bytearray(data)
        for _ in range(rng.choice((1, 3, 30))):
            broken[rng.randrange(len(broken))] = rng.choice((0, 0x2F, 0x2E, 0x39, 0xFF, rng.randrange(256)))
        try:
            stage, _, _ = unpack_bytes(bytes(broken), tmp_path / f"{index}" / "model")
        except ModelSyncError:
            continue
        assert [path.name for path in stage.folder.parent.iterdir()] == ["model"]
