"""Archives that nobody should import: refused whole, whatever their form, with nothing written to the store."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelsync_jupyter.archive.description import description_size
from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import IntegrityError, InvalidModel, ModelExists, ModelSyncError, UnsafeArchive
from modelsync_jupyter.remotes.files import codecs, zips
from tests.harness.models import differences, make_model

from .test_hostile_archives import UNSAFE, Add, file

YAML = b"name: m\nversion: v1\nmodule: ''\ncreation_time: '2024-05-01T00:00:00+00:00'\n"


def tar_of(*adds: Add) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        file("model.yaml", YAML)(tar)
        for add in adds:
            add(tar)
    return data.getvalue()


def zip_of(*members: tuple[str, bytes, int]) -> bytes:
    """A zip of members: name, content and Unix mode."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content, mode in (("model.yaml", YAML, stat.S_IFREG | 0o644), *members):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr, info.compress_type = 3, mode << 16, zipfile.ZIP_DEFLATED
            out.writestr(info, content)
    return data.getvalue()


FILE, LINK = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777
ZIPS = {
    "climbing": [("../hostile", b"x", FILE)],
    "absolute": [("/tmp/hostile", b"x", FILE)],
    "backslashes": [("..\\hostile", b"x", FILE)],
    "link outside": [("link", b"../../..", LINK)],
    "absolute link": [("link", b"/etc", LINK)],
    "through a link": [("link", b"folder", LINK), ("link/hostile", b"x", FILE)],
    "endless link": [("link", b"a/" * 4000, LINK)],
    "device": [("null", b"", stat.S_IFCHR | 0o666)],
    "twice": [("w", b"1", FILE), ("w", b"2", FILE)],
}
KINDS: dict[str, Callable[[bytes], bytes]] = {"tar": bytes, "gz": gzip.compress}
COMPRESSORS = {codec.name: lambda data, codec=codec: codec.compress([memoryview(data)]) for codec in codecs.CODECS}


@pytest.fixture
def here(tmp_path: Path) -> Client:
    return Client(tmp_path / "home")


def refuse(here: Client, path: Path, *errors: type[ModelSyncError]) -> str:
    """Import what must be refused; nothing of it is in the store, nor left beside it."""
    with pytest.raises(errors or UnsafeArchive) as caught:
        here.import_model(path)
    assert not list(here.home.models.glob("*/*"))
    assert not list(here.home.tmp.glob("modelsync-*"))
    assert not list(path.parent.parent.rglob("hostile"))
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [name for name, adds in UNSAFE.items() if adds])
def test_unsafe_tars(here: Client, tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "m.archive"
    path.write_bytes(KINDS[kind](tar_of(*UNSAFE[name])))
    refuse(here, path, UnsafeArchive, IntegrityError, InvalidModel)


@pytest.mark.parametrize("name", ZIPS)
def test_unsafe_zips(here: Client, tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "m.zip"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `zipfile` tells of a name that comes twice
        path.write_bytes(zip_of(*ZIPS[name]))
    refuse(here, path)


@pytest.mark.parametrize("format", ["tar", "gz", "xz", "zst", "zip"])
@pytest.mark.parametrize("damage", ["cut", "cut in the middle", "flipped", "more"])
def test_damaged_exports(here: Client, tmp_path: Path, format: str, damage: str) -> None:
    make_model(tmp_path / "near", "m:v1", {"w.bin": 200_000, "a.json": b"{}"})
    path = Path(Client(tmp_path / "near").export_model("m:v1", tmp_path / "in" / f"m.{format}").path)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:-7]
    elif damage == "cut in the middle":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        data[len(data) // 2] ^= 4
    else:
        data += b"more" * 300
    path.write_bytes(data)
    if damage == "more" and format == "zip":  # a zip may have anything behind it
        assert here.import_model(path).path.is_dir()
    else:
        refuse(here, path, IntegrityError)


@pytest.mark.parametrize("make", [*COMPRESSORS, "zip"])
def test_bombs(here: Client, tmp_path: Path, make: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (codecs, zips):
        monkeypatch.setattr(module, "FREE_SIZE", 1 << 18)
    (tmp_path / "in").mkdir()
    path, bomb = tmp_path / "in" / "m", bytes(10 << 20)
    data = zip_of(("w", bomb, FILE)) if make == "zip" else COMPRESSORS[make](tar_of(file("w", bomb)))
    assert len(data) < len(bomb) / 500
    path.write_bytes(data)
    assert "expands to more than" in refuse(here, path)


def test_a_bomb_of_many_frames(here: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame alone is within the bounds; bytes behind the last that are not a frame do not help."""
    monkeypatch.setattr(codecs, "FREE_SIZE", 1 << 18)
    (tmp_path / "in").mkdir()
    tar, step = tar_of(file("w", bytes(10 << 20))), 200_000
    for compress in COMPRESSORS.values():
        frames = [compress(tar[start : start + step]) for start in range(0, len(tar), step)]
        (tmp_path / "in" / "m").write_bytes(b"".join(frames))
        assert "expands to more than" in refuse(here, tmp_path / "in" / "m")


@pytest.mark.parametrize("make", ["xz", "zst"])
def test_a_window_that_would_take_gigabytes(here: Client, tmp_path: Path, make: str) -> None:
    """What a reader must keep in memory is written into the stream, by whoever made it."""
    (tmp_path / "in").mkdir()
    if make == "xz":
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
        data = lzma.compress(tar_of(), filters=filters)
    else:  # the header of a frame with a window of 2 GiB and one raw block
        tar = tar_of()
        data = b"\x28\xb5\x2f\xfd" + b"\x00" + bytes([21 << 3]) + (len(tar) << 3 | 1).to_bytes(3, "little") + tar
    (tmp_path / "in" / "m").write_bytes(data)
    refuse(here, tmp_path / "in" / "m", IntegrityError)


def test_a_zip_that_lies_about_a_size(here: Client, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path, data = tmp_path / "in" / "m.zip", zip_of(("w", b"0123456789" * 100, FILE))
    path.write_bytes(data.replace((1000).to_bytes(4, "little"), (900).to_bytes(4, "little")))
    refuse(here, path, IntegrityError)


def test_an_archive_that_claims_another_content(here: Client, tmp_path: Path) -> None:
    """The description of one model before the body of another whose small files alone differ."""
    exports = []
    for name, words in (("one", b"1"), ("two", b"2")):
        make_model(tmp_path / name, "m:v1", {"w.bin": 5 << 20, "a.json": words})
        path = Client(tmp_path / name).export_model("m:v1", tmp_path / f"{name}.tar").path
        exports.append(Path(path).read_bytes())
    one, two = exports
    (tmp_path / "in").mkdir()
    base = description_size(one)
    (tmp_path / "in" / "m.tar").write_bytes(one[:base] + two[base:])
    refuse(here, tmp_path / "in" / "m.tar", IntegrityError)


def test_other_content_under_a_tag_that_exists_needs_force(here: Client, tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_model(tmp_path / name, "m:v1", {"w.bin": name.encode()})
    exports = [Client(tmp_path / name).export_model("m:v1", tmp_path / f"{name}.zst").path for name in ("one", "two")]
    here.import_model(exports[0])
    with pytest.raises(ModelExists, match="different model under `m:v1`"):
        here.import_model(exports[1])
    assert differences(tmp_path / "one/models/m/v1", here.get("m:v1").path) == []
    assert here.import_model(exports[1], name="other:v2").info.tag.name == "other"
    here.import_model(exports[1], force=True)
    assert differences(tmp_path / "two/models/m/v1", here.get("m:v1").path) == []
    assert not list(here.home.tmp.glob("modelsync-*"))


def test_an_export_replaces_nothing_without_force(tmp_path: Path) -> None:
    make_model(tmp_path / "near", "m:v1", {"w": b"1"})
    near = Client(tmp_path / "near")
    for name in ("m.tar", "m.zst", "m.zip"):
        (tmp_path / name).write_bytes(b"the user's own")
        with pytest.raises(ModelExists, match="exists already"):
            near.export_model("m:v1", tmp_path / name)
        assert (tmp_path / name).read_bytes() == b"the user's own"
        assert near.export_model("m:v1", tmp_path / name, force=True).status == "exported"
    (tmp_path / "folder" / "m-v1").mkdir(parents=True)
    (tmp_path / "folder" / "m-v1" / "mine").touch()
    with pytest.raises(ModelExists):
        near.export_model("m:v1", tmp_path / "folder", format="folder")
    assert os.listdir(tmp_path / "folder" / "m-v1") == ["mine"]
    assert not [path for path in tmp_path.rglob(".*") if path.name.endswith(".partial")]


@pytest.mark.parametrize("name", ["m.tar", "m.bentomodel", "M.TAR.ZST", "m.tgz", "m.zip"])
def test_what_is_called_an_archive_and_is_none_is_no_model(here: Client, name: str, tmp_path: Path) -> None:
    """Such as the page with an error that was downloaded in its place."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"<html>404</html>")
    refuse(here, tmp_path / "in" / name, IntegrityError)
    (tmp_path / "in" / name).rename(tmp_path / "in" / "m.html")
    assert here.import_model(tmp_path / "in" / "m.html", name="m:v1").path.is_dir()
