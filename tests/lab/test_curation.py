"""Labels, descriptions, aliases and deletion in the registry, as the sidebar asks for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.remotes import contexts
from tests.harness.yatai import Yatai

from .conftest import Call

Make = Callable[..., api.Model]


async def state_of(call: Call, name: str, version: str) -> Any:
    page = (await call("POST", "list", {"refresh": name, "open": [name], "search": f"{name}:{version}"}))[1]
    return page["items"][1]


async def test_labels_of_the_registrys_copy_leave_it_in_sync(
    call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    make(f"{name}:v1", stage="test", team="nlp")
    api.push(f"{name}:v1", home=home)
    change = {"labels": {"stage": "prod"}, "remove": ["team", "nobody"], "description": "the good one"}
    said = {"tag": f"{name}:v1", "labels": {"stage": "prod"}, "description": "the good one"}
    assert await call("POST", f"remote/{name}/v1", change) == (200, said)
    row = await state_of(call, name, "v1")
    assert (row["state"], row["labels"]) == ("in sync", {"stage": "prod"})
    assert await call("POST", f"remote/{name}/v1", {"description": ""}) == (200, {**said, "description": ""})
    code, body = await call("POST", f"remote/{name}/v2", {"labels": {"a": "b"}})
    assert (code, body["code"]) == (404, "remote-not-found")


async def test_labels_of_the_local_copy_are_files_of_it(
    call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    file = make(f"{name}:v1", stage="test").path / "model.yaml"
    file.write_text(f"{file.read_text()}custom: {{kept: [1, 2]}}\n")
    api.push(f"{name}:v1", home=home)
    said = {"tag": f"{name}:v1", "labels": {"team": "nlp", "note": "a: 'b' #c"}, "description": "zwölf"}
    change = {"labels": {"team": "nlp", "note": "a: 'b' #c"}, "remove": ["stage"], "description": "zwölf"}
    assert await call("POST", f"local/{name}/v1", change) == (200, said)
    written = yaml.safe_load(file.read_text())
    assert (written["custom"], written["metadata"]["description"]) == ({"kept": [1, 2]}, "zwölf")
    row = await state_of(call, name, "v1")
    assert (row["state"], row["labels"]) == ("different", {"stage": "test"})
    api.push(f"{name}:v1", force=True, home=home)
    make(f"{name}:v2")
    assert (await call("POST", f"local/{name}/v2", {"description": "new"}))[1]["description"] == "new"
    api.push(f"{name}:v2", home=home)
    assert api.get_remote(f"{name}:v2", home=home).description == "new"
    code, body = await call("POST", f"local/{name}/v1", {"labels": {"k": "v" * 2000}})
    assert (code, body["code"]) == (400, "usage")
    assert (await call("POST", f"local/{name}/v9", {}))[0] == 404


async def test_a_local_deletion_is_undone_and_its_space_freed(call: Call, make: Make, home: Path, name: str) -> None:
    make(f"{name}:v1", 50_000)
    assert await call("DELETE", f"local/{name}/v1") == (200, {"deleted": [f"{name}:v1"]})
    (item,) = (await call("GET", "trash", name=name))[1]["versions"]
    assert (item["tag"], item["restorable_until"] > item["deleted"]) == (f"{name}:v1", True)
    assert item["size"] >= 50_000
    assert await call("POST", f"local/{name}/v1/restore", {}) == (200, {"restored": [f"{name}:v1"]})
    assert (await call("POST", f"local/{name}/v1/restore", {}))[0] == 404
    await call("DELETE", f"local/{name}/v1")
    make(f"{name}:v1")
    code, body = await call("POST", f"local/{name}/v1/restore", {})
    assert (code, body["code"]) == (409, "model-exists")
    await call("DELETE", f"local/{name}/v1", permanently="1")
    assert (await call("DELETE", "trash"))[1]["freed"] >= item["size"]
    assert await call("GET", "trash") == (200, {"versions": []})
    assert list((home / "tmp").iterdir()) == []


async def test_aliases_are_pointed_compared_and_removed(
    call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    for version in ("v1", "v2"):
        make(f"{name}:{version}")
        api.push(f"{name}:{version}", home=home)
    code, alias = await call("POST", f"aliases/{name}/production", {"version": "v1", "expected": ""})
    assert (code, alias["name"], alias["version"], alias["user"]) == (200, "production", "v1", "admin")
    code, body = await call("POST", f"aliases/{name}/production", {"version": "v2", "expected": ""})
    assert (code, body["code"]) == (409, "conflict")
    assert (await call("POST", f"aliases/{name}/production", {"version": "v2", "expected": "v1"}))[0] == 200
    assert [each["version"] for each in (await call("GET", f"aliases/{name}"))[1]["aliases"]] == ["v2"]
    assert (await state_of(call, name, "v2"))["aliases"] == ["production"]
    assert (await call("DELETE", f"aliases/{name}/production", expected="v1"))[0] == 409
    assert (await call("DELETE", f"aliases/{name}/production", expected="v2"))[1]["version"] == "v2"
    deeds = (await call("GET", f"history/{name}", alias="production"))[1]["deeds"]
    assert [each["operation"] for each in deeds] == ["unaliased", "aliased", "aliased"]
    assert len((await call("GET", f"history/{name}", version="v1", limit=1))[1]["deeds"]) == 1


async def test_deleting_in_the_registry_can_be_undone(
    call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    model = make(f"{name}:v1", 160)
    api.push(f"{name}:v1", home=home)
    code, body = await call("GET", f"remote/{name}/v1/files")
    assert (code, body["listed"], len(body["files"])) == (200, True, 2)
    assert body["files"][1]["size"] == 160
    await call("POST", f"aliases/{name}/production", {"version": "v1"})
    code, body = await call("DELETE", f"remote/{name}/v1")
    assert (code, body["code"]) == (409, "conflict")
    assert "production" in body["message"]
    await call("DELETE", f"aliases/{name}/production")
    assert await call("DELETE", f"remote/{name}/v1") == (200, {"deleted": f"{name}:v1", "restorable": True})
    assert (await state_of(call, name, "v1"))["remote"] is None
    assert [each["tag"] for each in (await call("GET", "deleted", name=name))[1]["versions"]] == [f"{name}:v1"]
    assert await call("POST", f"remote/{name}/v1/restore", {}) == (200, {"restored": f"{name}:v1"})
    assert (await state_of(call, name, "v1"))["state"] == "in sync"
    assert (await call("POST", f"remote/{name}/v1/restore", {}))[0] == 404
    assert model.path.exists()


async def test_another_registry_says_that_it_has_none_of_this(
    call: Call, make: Make, home: Path, tmp_path: Path, name: str
) -> None:
    with Yatai(tmp_path / "yatai") as yatai:
        contexts.save(Home(home), api.Context("yatai", yatai.url, yatai.token))
        make(f"{name}:v1")
        api.push(f"{name}:v1", home=home)
        for method, path, body in (
            ("POST", f"aliases/{name}/production", {"version": "v1"}),
            ("GET", f"aliases/{name}", None),
            ("GET", f"history/{name}", None),
            ("DELETE", f"remote/{name}/v1", None),
        ):
            code, error = await call(method, path, body)
            assert (code, error["code"]) == (422, "unsupported")
        code, body = await call("GET", f"remote/{name}/v1/files")
        assert (code, [each["path"] for each in body["files"]]) == (200, ["model.yaml", "weights.bin"])
