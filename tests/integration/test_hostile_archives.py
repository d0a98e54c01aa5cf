"""Archives that nobody should install: refused whole, with one line, and no file outside the home."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelsync_jupyter.core.errors import IntegrityError, InvalidModel, UnsafeArchive
from tests.harness.models import differences, make_model
from tests.harness.yatai import Yatai

from .scene import MIB, Client, one_line

Add = Callable[[tarfile.TarFile], None]


def file(name: str, data: bytes = b"hostile") -> Add:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

    return add


def special(name: str, kind: bytes, target: str = "") -> Add:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info)

    return add


LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
UNSAFE: dict[str, list[Add]] = {
    "absolute": [file("/tmp/hostile")],
    "parent": [file("../hostile")],
    "parent-inside": [file("a/../../hostile")],
    "link-to-absolute": [special("link", LINK, "/etc")],
    "link-to-parent": [special("link", LINK, "../..")],
    "through-a-link": [special("link", LINK, "folder"), file("link/hostile")],
    "file-then-link": [file("name"), special("name", LINK, "folder")],
    "link-over-links": [special("x", LINK, "folder/up/.."), special("folder/up", LINK, "..")],
    "link-over-links-in-order": [special("folder/up", LINK, ".."), special("x", LINK, "folder/up/..")],
    "hard-link-outside": [special("hard", HARD, "../../.yatai.yaml")],
    "hard-link-to-nothing": [special("hard", HARD, "nothing")],
    "hard-link-to-a-link": [special("link", LINK, "model.yaml"), special("hard", HARD, "link")],
    "character-device": [special("null", tarfile.CHRTYPE)],
    "pipe": [special("pipe", tarfile.FIFOTYPE)],
    "twice": [file("weights"), file("weights")],
    "model-yaml-twice": [file("model.yaml")],
    "below-a-file": [file("weights"), file("weights/more")],
    "name-too-long": [file("n" * 300)],
    "model-yaml-is-a-link": [],
}


@pytest.mark.parametrize("members", UNSAFE.values(), ids=UNSAFE.keys())
@pytest.mark.parametrize("strategy", ["presigned_url", "proxy"])
def test_an_unsafe_member_is_refused(
    tmp_path: Path, members: list[Add], strategy: str, request: pytest.FixtureRequest
) -> None:
    data = tar_of(tmp_path, *(members or [special("model.yaml", LINK, "other.yaml")]), model_yaml=bool(members))
    with Yatai(tmp_path / "yatai", strategy) as yatai:
        client = serve(yatai, tmp_path, data)
        before = outside(tmp_path)
        with pytest.raises((UnsafeArchive, InvalidModel)):
            client.pull("m:v1")
        check_nothing_came(client)
        assert outside(tmp_path) == before


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "html": lambda data: b"<html>" + b"no model here " * 500,
    "zeros": lambda data: bytes(len(data)),
    "empty": lambda data: b"",
    "cut-inside-a-member": lambda data: data[: len(data) // 2],
    "cut-on-a-border": lambda data: data[: last_member(data).offset],
    "no-end-marker": lambda data: data.rstrip(b"\0") + bytes(-len(data.rstrip(b"\0")) % 512),
    "bad-checksum": lambda data: data[:148] + b"000000" + data[154:],
    "garbage-behind": lambda data: data + b"x" * 512,
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("strategy", ["presigned_url", "proxy"])
@pytest.mark.usefixtures("brisk")
def test_a_broken_archive_is_refused(tmp_path: Path, spoil: Callable[[bytes], bytes], strategy: str) -> None:
    data = spoil(tar_of(tmp_path, file("weights.bin", b"w" * 3 * MIB)))
    with Yatai(tmp_path / "yatai", strategy) as yatai:
        client = serve(yatai, tmp_path, data)
        with pytest.raises((IntegrityError, InvalidModel)):
            client.pull("m:v1")
        check_nothing_came(client)


def test_a_model_yaml_that_names_another_tag_is_refused(tmp_path: Path) -> None:
    with Yatai(tmp_path / "yatai") as yatai:
        client = serve(yatai, tmp_path, tar_of(tmp_path), tag="q:v7")
        with pytest.raises(InvalidModel, match="holds `m:v1`"):
            client.pull("q:v7")
        check_nothing_came(client)


@pytest.mark.parametrize("word", ["parent", "link-to-parent", "character-device", "twice"])
def test_the_user_reads_one_line(tmp_path: Path, word: str) -> None:
    with Yatai(tmp_path / "yatai") as yatai:
        client = serve(yatai, tmp_path, tar_of(tmp_path, *UNSAFE[word]))
        assert "Nothing was installed." in one_line(client.cli("pull", "m:v1"))
        check_nothing_came(client)
        broken = tar_of(tmp_path, file("weights.bin"))[:1024]
        yatai.objects.bucket.put(yatai.key("m", "v1"), [broken])
        assert "Nothing was installed." in one_line(client.cli("pull", "m:v1"))
        check_nothing_came(client)


def test_links_that_lead_nowhere_are_kept_as_they_are(tmp_path: Path) -> None:
    """They do no harm: no file of the model is read or written through a link."""
    links = [special(name, LINK, to) for name, to in (("loop", "loop"), ("a", "b"), ("b", "a"), ("gone", "no/such"))]
    with Yatai(tmp_path / "yatai") as yatai:
        client = serve(yatai, tmp_path, tar_of(tmp_path, *links))
        client.pull("m:v1")
        assert os.readlink(client.folder("m:v1") / "loop") == "loop"
        client.push("m:v1", force=True)
        other = Client.at(tmp_path / "other", yatai.url)
        other.pull("m:v1")
        assert differences(client.folder("m:v1"), other.folder("m:v1")) == []


def last_member(data: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getmembers()[-1]


def tar_of(folder: Path, *members: Add, model_yaml: bool = True) -> bytes:
    """A tar of a good model, with more members in it."""
    made = folder / "made/models/m/v1"
    if not made.exists():
        make_model(folder / "made", "m:v1", {"folder/file": b"1", "other.yaml": b"{}"})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(made.rglob("*")):
            if model_yaml or path.name != "model.yaml":
                tar.add(path, arcname=str(path.relative_to(made)), recursive=False)
        for add in members:
            add(tar)
    return buffer.getvalue()


def serve(yatai: Yatai, folder: Path, data: bytes, tag: str = "m:v1") -> Client:
    """Put an archive on a server, and sign in to it."""
    name, version = tag.split(":")
    yatai.publish(name, version, data)
    return Client.at(folder / "home", yatai.url)


def check_nothing_came(client: Client) -> None:
    assert client.visible() == []
    assert list(client.home.glob("tmp/*")) == []


def outside(folder: Path) -> list[Path]:
    """What is in the test's folder besides the client's home and the server's."""
    return sorted(path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in ("home", "yatai"))
