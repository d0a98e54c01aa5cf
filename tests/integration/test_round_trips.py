"""What is pushed is what is pulled, byte for byte, whatever is in the model and however the server wants it moved."""

from __future__ import annotations

import os
import shutil
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import Conflict
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry
from modelsync_jupyter.store.model import Model
from tests.contract.plainly import create
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.models import CREATED, ODD_FILES, Entry, differences, make_model
from tests.harness.processes import TOKEN, RegistryProcess
from tests.harness.yatai import Yatai

from .scene import FILES, HEAD, MIB, Client

MODELS: dict[str, dict[str, Entry]] = {
    "odd": ODD_FILES,
    "only-model-yaml": {},
    "many-small": {f"shards/{number % 7}/{number:04}.json": b"%d" % number for number in range(400)},
    "one-big": {"weights.bin": 33 * MIB + 12345},
    "edges": {"a": 4 * MIB, "b": 16 * MIB, "c": 16 * MIB + 1, "d": 16 * MIB - 1, "e": b""},
}


@pytest.mark.parametrize("files", MODELS.values(), ids=MODELS.keys())
def test_there_and_back(
    server: RegistryProcess | Yatai, far: Client, tmp_path: Path, tag: str, files: dict[str, Entry]
) -> None:
    made = make_model(far.home, tag, files, labels={"stage": "prod"}, metadata={"accuracy": 0.5, "at": CREATED})
    pushed = far.push(tag)
    assert (pushed.status, pushed.moved + pushed.reused) == ("pushed", far.size(tag))
    other = Client.at(tmp_path / "other", server.url)
    pulled = other.pull(tag)
    assert (pulled.status, pulled.size, pulled.moved) == ("pulled", pushed.size, pushed.size)
    assert differences(made, other.folder(tag)) == []
    assert (other.home / "models" / tag.split(":")[0] / "latest").read_text() == "v1"
    assert other.visible() == far.visible()
    assert list((other.home / "tmp").iterdir()) == []
    assert list((other.home / ".modelsync" / "journals").iterdir()) == []
    assert archive_of(far.folder(tag)) == archive_of(other.folder(tag))


def test_a_registry_of_the_first_version_is_pushed_to_as_any_other(yatai: Yatai, tmp_path: Path, tag: str) -> None:
    near, other = Client.at(tmp_path / "home", yatai.url), Client.at(tmp_path / "other", yatai.url)
    made, name = make_model(near.home, tag, FILES), tag.partition(":")[0]
    yatai.records.create_repository({"name": name})
    yatai.records.repositories[name]["modelsync"] = {"protocol": 1}
    assert near.push(tag).status == "pushed"
    assert other.pull(tag).status == "pulled"
    assert differences(made, other.folder(tag)) == []


def test_equal_models_are_not_sent_twice(registry: RegistryProcess, tmp_path: Path, tag: str) -> None:
    near, other = Client.at(tmp_path / "home", registry.url), tag.replace(":v1", ":v2")
    shutil.copytree(make_model(near.home, tag, FILES), tmp_path / "files")
    (tmp_path / "files" / "model.yaml").unlink()
    api.save(other, tmp_path / "files", home=near.home)
    near.push(tag)
    second = near.push(other)
    assert second.moved < MIB < second.reused
    forced = near.push(other, force=True)  # equal files, sent again by force: what may have gone bad is replaced
    assert (forced.status, forced.moved, forced.reused) == ("pushed", near.size(other), 0)


def test_a_forced_push_from_elsewhere_stores_the_same_bytes(yatai: Yatai, tmp_path: Path) -> None:
    one, two = (Client.at(tmp_path / name, yatai.url) for name in ("one", "two"))
    make_model(one.home, "m:v1", MODELS["odd"])
    one.push("m:v1")
    stored = yatai.objects.bucket.path(yatai.key("m", "v1"))
    before = stored.read_bytes()
    assert before.endswith(archive_of(one.folder("m:v1")))  # behind its description
    two.pull("m:v1")
    two.push("m:v1", force=True)
    assert stored.read_bytes() == before


@pytest.mark.parametrize("files", [ODD_FILES, FILES], ids=["odd", "several"])
@pytest.mark.parametrize("strategy", ["presigned_url", "proxy", None])
def test_every_strategy_of_a_foreign_server(tmp_path: Path, strategy: str | None, files: dict[str, Entry]) -> None:
    with Yatai(tmp_path / "yatai", strategy) as yatai:
        one, two = (Client.at(tmp_path / name, yatai.url) for name in ("one", "two"))
        made = make_model(one.home, "m:v1", files)
        pushed = one.push("m:v1")
        assert (pushed.status, pushed.moved) == ("pushed", pushed.size)
        assert yatai.records.model("m", "v1")["upload_status"] == "success"
        assert two.pull("m:v1").status == "pulled"
        assert differences(made, two.folder("m:v1")) == []
        assert [one.push("m:v1").status, two.pull("m:v1").status] == ["skipped", "skipped"]
    assert (yatai.errors, yatai.objects.errors, yatai.objects.violations) == ([], [], [])


@pytest.mark.parametrize("strategy", ["presigned_url", "proxy", None])
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_tar_of_another_maker(tmp_path: Path, strategy: str | None, format: int) -> None:
    """Members start with `./`, come in no order, have fractional times, owners and hard links."""
    made = make_model(tmp_path / "made", "m:v1", {**ODD_FILES, "big.bin": 20 * MIB + 17}, labels={"a": "b"})
    os.link(made / "one", made / "hard link")
    with Yatai(tmp_path / "yatai", strategy) as yatai:
        publish_tar(yatai, made, format)
        client = Client.at(tmp_path / "home", yatai.url)
        assert client.pull("m:v1").status == "pulled"
        assert differences(made, client.folder("m:v1")) == []


def test_many_threads_move_each_part_once(yatai: Yatai, tmp_path: Path) -> None:
    made = make_model(tmp_path / "near", "m:v1", FILES)
    with FaultyProxy(yatai.url) as proxy:
        near, far = Client.at(tmp_path / "near", proxy.url), Client.at(tmp_path / "far", proxy.url)
        near.push("m:v1", threads=6)
        far.pull("m:v1", threads=6)
    parts = near.parts("m:v1")
    assert proxy.log.count("PUT", "/objects/") <= len(parts) + 1
    assert proxy.log.count("GET", "/objects/") <= 1 + len(parts)
    assert proxy.log.sent("/objects/") == near.sent_size("m:v1")
    assert proxy.log.received("/objects/") <= near.size("m:v1") + HEAD
    assert differences(made, far.folder("m:v1")) == []


def test_few_requests_to_our_registry_come_before_the_bytes_and_after_them(
    registry: RegistryProcess, tmp_path: Path, tag: str
) -> None:
    """A far registry is a round trip away for each. That a version is not there says all that a push has to know."""
    name = tag.partition(":")[0]
    with FaultyProxy(registry.url) as proxy:
        near, far = Client.at(tmp_path / "near", proxy.url), Client.at(tmp_path / "far", proxy.url)
        made = [make_model(near.home, f"{name}:{version}", {"w.bin": 10_000}) for version in ("v1", "v2")]
        for each in (tag, f"{name}:v2"):
            assert (near.push(each).status, far.pull(each).status) == ("pushed", "pulled")
    asked = [f"{exchange.method} {exchange.path.rpartition('/')[2]}" for exchange in proxy.log.find(path="^/api/")]
    push = ["PATCH start_multipart_upload", "PATCH complete_multipart_upload", "PATCH finish_upload"]
    pull = ["PATCH presign_download_url"]
    first = ["GET v1", "POST model_repositories", *push, "GET v1", *pull]
    assert asked == [*first, "GET v2", *push, "GET v2", *pull]
    assert proxy.log.count("GET", "/objects/") == 2  # a small archive comes with its first bytes
    assert differences(made[0], far.folder(tag)) == []


def test_a_version_that_another_client_registers_at_the_same_time_is_pushed(
    registry: RegistryProcess, tmp_path: Path, tag: str
) -> None:
    refused = Fault.reply(400, b'{"error": "another request changed this"}', path="/start_multipart_upload")
    with FaultyProxy(registry.url) as proxy:
        near = Client.at(tmp_path / "near", proxy.url)
        make_model(near.home, tag, {"w.bin": 10_000})
        proxy.script(refused)
        with pytest.raises(Conflict):
            near.push(tag)
        with closing(Http(Context("other", registry.url, TOKEN), Retry())) as http:
            create(Remote(http), Tag.parse(tag))
        proxy.script(refused)
        assert near.push(tag).status == "pushed"


def archive_of(folder: Path) -> bytes:
    source = Model.load(folder).archive
    buffer = bytearray(MIB)
    return b"".join(bytes(view) for view in source.blocks(Part(1, 0, source.layout.size), buffer))


def publish_tar(yatai: Yatai, folder: Path, format: int) -> None:
    """Put a model on the server as BentoML does: `tar.add(folder, arcname=".")`."""
    file = folder.parent / "stock.tar"
    with tarfile.open(file, "w", format=format) as tar:
        tar.add(folder, arcname="./")
    yatai.publish("m", "v1", file.read_bytes())
