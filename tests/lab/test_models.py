"""Models over HTTP: saving and deleting."""

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


async def test_delete_takes_one_version(call: Call, make: Make) -> None:
    make("iris:v1")
    make("iris:v2")
    assert await call("DELETE", "local/iris/v1") == (200, {"deleted": ["iris:v1"]})
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
