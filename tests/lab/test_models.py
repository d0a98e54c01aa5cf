"""Models over HTTP: lists, details, saving and deleting."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.lab.reply import to_json

from .conftest import Call

Make = Callable[..., api.Model]


async def test_empty_store_is_an_empty_list(call: Call) -> None:
    assert await call("GET", "local") == (200, {"items": [], "total": 0})


async def test_local_models_are_searched_by_name_and_cut_into_pages(call: Call, make: Make) -> None:
    for tag in ("iris:v1", "iris:v2", "big-iris:v1", "other:v1"):
        make(tag)
    _, body = await call("GET", "local", search="IRIS", start=1, limit=1)
    assert body["total"] == 3
    assert [item["tag"] for item in body["items"]] == ["iris:v2"]
    assert (await call("GET", "local"))[1]["total"] == 4


async def test_a_broken_model_does_not_hide_the_others(call: Call, make: Make) -> None:
    make("good:v1")
    (make("leaves:v1").path / "link").symlink_to("/etc/passwd")  # stock bentoml saves and lists such a model
    (make("empty:v1").path / "model.yaml").unlink()
    code, body = await call("GET", "local")
    assert (code, [item["tag"] for item in body["items"]]) == (200, ["good:v1", "leaves:v1"])
    code, body = await call("GET", "local/leaves/v1")
    assert (code, body["code"]) == (422, "invalid-model")


async def test_details_name_every_file_and_the_whole_model_yaml(call: Call, make: Make) -> None:
    model = make("iris:v1", 160, stage="test")
    _, body = await call("GET", "local/iris/v1")
    assert body["files"][-1] == {"path": "weights.bin", "kind": "file", "size": 160}
    assert body["info"]["labels"] == body["labels"] == {"stage": "test"}
    assert body["path"] == str(model.path)


async def test_what_json_cannot_say_is_said_as_text(call: Call, make: Make) -> None:
    file = make("odd:v1").path / "model.yaml"
    plain = file.read_text()
    file.write_text(plain.replace("metadata: {}", "metadata: {loss: .nan, made: 2024-05-17, 1: .inf}"))
    assert file.read_text() != plain
    _, body = await call("GET", "local")
    assert body["items"][0]["metadata"] == {"loss": None, "made": "2024-05-17", "1": None}


async def test_delete_takes_one_version(call: Call, make: Make) -> None:
    make("iris:v1")
    make("iris:v2")
    assert await call("DELETE", "local/iris/v1") == (200, {"deleted": ["iris:v1"]})
    assert (await call("GET", "local"))[1]["total"] == 1
    code, body = await call("DELETE", "local/iris/v1")
    assert (code, body["code"]) == (404, "model-not-found")


async def test_save_a_folder_and_a_file_of_the_server(call: Call, jp_root_dir: Path, home: Path) -> None:
    (jp_root_dir / "nets/net").mkdir(parents=True)
    (jp_root_dir / "nets/net/w.bin").write_bytes(b"12")
    code, folder = await call("POST", "models", {"name": "net:v1", "path": "nets/net", "labels": {"stage": "test"}})
    assert (code, folder["tag"], folder["labels"]) == (201, "net:v1", {"stage": "test"})
    _, file = await call("POST", "models", {"name": "file", "path": "/nets/net/w.bin"})
    assert (api.get(file["tag"], home=home).path / "w.bin").read_bytes() == b"12"


@pytest.mark.parametrize("path", ["../secret", "nets/../../secret", "link/secret", "link", "a\0b", "loop"])
async def test_save_does_not_leave_the_servers_folder(call: Call, jp_root_dir: Path, path: str, home: Path) -> None:
    (jp_root_dir.parent / "secret").write_text("s")
    (jp_root_dir / "link").symlink_to(jp_root_dir.parent)
    (jp_root_dir / "loop").symlink_to("loop")
    code, body = await call("POST", "models", {"name": "stolen:v1", "path": path})
    assert (code, body["code"]) == (400, "usage")
    assert api.list_models(home=home) == []


async def test_save_refuses_what_cannot_be_in_a_model(call: Call, jp_root_dir: Path, home: Path) -> None:
    folder = jp_root_dir / "net"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    code, body = await call("POST", "models", {"name": "net:v1", "path": "net"})
    assert (code, body["code"]) == (400, "usage")
    assert "pipe" in body["message"]
    assert api.list_models(home=home) == []


@pytest.mark.parametrize("path", ["net", "net/.env", ".hidden/net"])
async def test_save_refuses_hidden_files_as_the_file_browser_does(
    call: Call, jp_root_dir: Path, path: str, home: Path
) -> None:
    for file in ("net/sub/.env", "net/.env", ".hidden/net/w.bin"):
        (jp_root_dir / file).parent.mkdir(parents=True, exist_ok=True)
        (jp_root_dir / file).write_text("TOKEN=secret")
    code, body = await call("POST", "models", {"name": "net:v1", "path": path})
    assert (code, body["code"]) == (400, "usage")
    assert "hidden" in body["message"]
    assert api.list_models(home=home) == []


async def test_save_of_hidden_files_where_the_server_shows_them(
    call: Call, jp_root_dir: Path, jp_serverapp: Any
) -> None:
    jp_serverapp.contents_manager.allow_hidden = True
    (jp_root_dir / "net").mkdir()
    (jp_root_dir / "net" / ".config").write_text("{}")
    assert (await call("POST", "models", {"name": "net:v1", "path": "net"}))[0] == 201


def test_lone_surrogates_have_a_place_in_a_reply() -> None:
    assert json.loads(to_json({"note": "\ud800"}).encode()) == {"note": "\ud800"}


async def test_save_of_a_folder_that_holds_the_store_is_refused(call: Call, jp_root_dir: Path, home: Path) -> None:
    (jp_root_dir / "all").symlink_to(".")
    home.symlink_to(jp_root_dir / "inner")
    (jp_root_dir / "inner").mkdir()
    code, body = await call("POST", "models", {"name": "all:v1", "path": "all"})
    assert (code, body["code"]) == (400, "usage")


async def test_remote_models_are_searched_by_the_registry_and_cut_into_pages(
    call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    for version in ("v1", "v2", "v3"):
        make(f"{name}:{version}", label=version)
        api.push(f"{name}:{version}", home=home)
    code, body = await call("GET", "remote", search=name[:8], start=1, limit=1)
    assert (code, body["total"], [item["tag"] for item in body["items"]]) == (200, 3, [f"{name}:v2"])
    _, versions = await call("GET", f"remote/{name}")
    assert [item["tag"] for item in versions["items"]] == [f"{name}:v3", f"{name}:v2", f"{name}:v1"]
    _, one = await call("GET", f"remote/{name}/v1")
    assert (one["labels"], one["metadata"], one["description"]) == ({"label": "v1"}, {}, "")


async def test_a_page_longer_than_the_registrys_is_put_together(call: Call, signed_in: str, home: Path) -> None:
    _, whole = await call("GET", "remote", limit=1000)
    _, beyond = await call("GET", "remote", start=whole["total"] + 5)
    assert beyond == {"items": [], "total": whole["total"]}


async def test_states_are_told_by_content_digests(
    call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    for version in ("same", "changed", "gone", "unread", "broken"):
        make(f"{name}:{version}", 40)
        api.push(f"{name}:{version}", home=home)
    make(f"{name}:new", 40)
    api.delete(f"{name}:gone", home=home)
    api.delete(f"{name}:changed", home=home)
    weights = make(f"{name}:changed", 40).path / "weights.bin"
    weights.write_bytes(bytes(byte ^ 1 for byte in weights.read_bytes()))
    for version in ("same", "changed"):
        api.status(f"{name}:{version}", hash=True, home=home)
    weights = home / "models" / name / "unread" / "weights.bin"
    weights.write_bytes(weights.read_bytes()[::-1])
    (home / "models" / name / "broken" / "link").symlink_to("/etc/passwd")
    code, body = await call("GET", "states")
    states = {item["tag"]: item for item in body["items"]}
    assert code == 200
    assert {tag: item["state"] for tag, item in states.items()} == {
        str(status.tag): str(status.state) for status in api.status(name, home=home)
    }
    mine = {tag.partition(":")[2]: item["state"] for tag, item in states.items() if tag.startswith(name)}
    assert mine == {
        "same": "in sync",
        "changed": "different",
        "gone": "remote only",
        "unread": "unknown",
        "broken": "unknown",
        "new": "local only",
    }
    same, changed, unread = (states[f"{name}:{version}"] for version in ("same", "changed", "unread"))
    assert same["local"] == same["remote"]
    assert changed["local"] not in (None, changed["remote"])
    assert (unread["local"], unread["remote"] is None) == (None, False)
    for side in ("local", "remote"):
        assert (await call("GET", f"{side}/{name}/same"))[1]["digest"] == same[side]


async def test_what_is_not_there_is_404(call: Call, signed_in: str, name: str) -> None:
    for path in (f"local/{name}/v1", f"remote/{name}/v1"):
        code, body = await call("GET", path)
        assert (code, body["code"]) == (404, "model-not-found")
    assert await call("GET", f"remote/{name}") == (200, {"items": []})
