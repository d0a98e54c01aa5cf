"""Exports and imports over HTTP: files below the server's folder, in processes of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from modelsync_jupyter import client as api

from .conftest import Call

Make = Callable[..., api.Model]
Ended = Callable[[str], Awaitable[Any]]


async def test_an_export_and_its_import(
    call: Call, call_url: Call, make: Make, ended: Ended, home: Path, jp_root_dir: Path, name: str
) -> None:
    model = make(f"{name}:v1")
    weights = (model.path / "weights.bin").read_bytes()
    asked = {"direction": "export", "tag": f"{name}:v1", "path": "out/", "format": "zst"}
    code, plan = await call_url("GET", f"exchange?{urlencode(asked)}")
    assert (code, plan["action"], plan["tag"]) == (200, "export", f"{name}:v1")
    code, record = await call("POST", "exchange", asked)
    assert (code, record["state"], record["direction"]) == (201, "planned", "export")
    assert (await ended(record["id"]))["outcome"]["status"] == "exported"
    file = f"out/{name}-v1.tar.zst"
    assert (jp_root_dir / file).is_file()

    await call("DELETE", f"local/{name}/v1")
    _, record = await call("POST", "exchange", {"direction": "import", "path": file, "name": f"{name}:v2"})
    done = await ended(record["id"])
    assert (done["state"], done["tag"], done["outcome"]["status"]) == ("succeeded", f"{name}:v2", "imported")
    assert (api.get(f"{name}:v2", home=home).path / "weights.bin").read_bytes() == weights


async def test_what_is_outside_or_missing_is_refused(call: Call, call_url: Call, make: Make, name: str) -> None:
    make(f"{name}:v1")
    for body in (
        {"direction": "export", "tag": f"{name}:v1", "path": "../elsewhere.tar"},
        {"direction": "import", "path": "/../../etc/passwd"},
        {"direction": "import"},
        {"direction": "sync", "path": "a"},
    ):
        code, reply = await call("POST", "exchange", body)
        assert (code, reply["error"]["code"] if "error" in reply else reply["code"]) == (400, "usage")
    code, _ = await call_url("GET", "exchange?direction=import&path=nothing.tar")
    assert code == 400
