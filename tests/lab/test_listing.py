"""The one list over HTTP: both sides joined, folded, searched, sorted, a page at a time; and one version of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.lab.catalog import Catalog
from modelsync_jupyter.lab.rows import View
from tests.harness.clock import LONG
from tests.harness.faults import Fault, FaultyProxy

from .conftest import Call

Make = Callable[..., api.Model]
Read = Callable[..., Awaitable[Any]]


@pytest.fixture
def read(call: Call) -> Read:
    """Read the list to its end, as the sidebar does after Refresh; returns the page."""

    async def read(refresh: str = "all", **view: Any) -> Any:
        end = time.monotonic() + LONG
        _, page = await call("POST", "list", {"refresh": refresh, **view})
        while (page["remote"]["reading"] or page["loading"]) and time.monotonic() < end:
            await asyncio.sleep(0.02)
            _, page = await call("POST", "list", view)
        return page

    return read


def tags(page: Any) -> list[str]:
    return [row["tag"] if row["kind"] == "version" else row["name"] for row in page["items"]]


async def test_without_a_registry_there_is_the_local_store(read: Read, make: Make) -> None:
    empty = await read()
    assert (empty["total"], empty["remote"]["problem"]["code"]) == (0, "no-context")
    make("iris:v1")
    page = await read(open=["iris"])
    assert tags(page) == ["iris", "iris:v1"]
    assert page["items"][1]["state"] is None  # compared with nothing


async def test_states_are_told_by_content_digests(
    read: Read, call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    for version in ("same", "changed", "gone", "unread", "broken"):
        make(f"{name}:{version}", 40)
        api.push(f"{name}:{version}", home=home)
    make(f"{name}:new", 40)
    api.delete(f"{name}:gone", home=home)
    api.delete(f"{name}:changed", home=home)
    weights = make(f"{name}:changed", 40).path / "weights.bin"
    weights.write_bytes(bytes(byte ^ 1 for byte in weights.read_bytes()))  # the same size
    for version in ("same", "changed"):
        api.status(f"{name}:{version}", hash=True, home=home)
    weights = home / "models" / name / "unread" / "weights.bin"
    weights.write_bytes(weights.read_bytes()[::-1])
    (home / "models" / name / "broken" / "link").symlink_to("/etc/passwd")
    page = await read(open=[name], search=name)
    rows = {row["tag"].partition(":")[2]: row for row in page["items"][1:]}
    assert {version: row["state"] for version, row in rows.items()} == {
        "same": "in sync",
        "changed": "different",
        "gone": "remote only",
        "unread": "unknown",
        "broken": "unknown",
        "new": "local only",
    }
    assert {f"{name}:{version}": row["state"] for version, row in rows.items()} == {
        str(status.tag): str(status.state) for status in api.status(name, home=home)
    }
    assert page["items"][0]["states"] == {
        "in sync": 1,
        "different": 1,
        "remote only": 1,
        "unknown": 2,
        "local only": 1,
    }
    assert page["counts"]["changed"]["versions"] == 4
    assert rows["same"]["local"]["digest"] == rows["same"]["remote"]["digest"]
    code, checked = await call("POST", f"versions/{name}/unread/digest", {})
    assert (code, checked["digest"].partition(":")[0]) == (200, "blake3")
    page = await read(refresh=name, open=[name], search="unread")
    assert page["items"] == [] or page["items"][1]["state"] == "different"
    code, broken = await call("GET", f"versions/{name}/broken")
    assert (code, broken["local_details"]["problem"]["code"]) == (200, "invalid-model")


async def test_it_is_searched_sorted_folded_and_cut(
    read: Read, call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    for tag, size, labels in (
        (f"{name}-a:v1", 160, {"stage": "prod"}),
        (f"{name}-a:v2", 320, {}),
        (f"{name}-b:v1", 9600, {}),
    ):
        make(tag, size, **labels)
    api.push(f"{name}-b:v1", home=home)
    page = await read(search=name)
    assert tags(page) == [f"{name}-a", f"{name}-b"]
    assert (page["total"], page["items"][0]["newest"]["tag"]) == (2, f"{name}-a:v2")
    view = {"search": name, "open": [f"{name}-a"]}
    whole = tags(await read("", **view))
    assert whole == [f"{name}-a", f"{name}-a:v2", f"{name}-a:v1", f"{name}-b"]
    for start in range(4):
        assert tags(await read("", **view, start=start, limit=2)) == whole[start : start + 2]
    assert tags(await read("", search=name, sort="size")) == [f"{name}-b", f"{name}-a"]
    assert tags(await read("", search=name, sort="time"))[0] == f"{name}-b"
    assert tags(await read("", search=f"{name} STAGE=pr", open=[f"{name}-a"])) == [f"{name}-a", f"{name}-a:v1"]
    assert tags(await read("", search=name, show="registry")) == [f"{name}-b"]
    assert tags(await read("", search=name, show="changed")) == [f"{name}-a"]
    assert (await call("POST", "list", {**view, "find": f"{name}-B"}))[1] == {"row": 3}
    assert (await call("POST", "list", {**view, "find": "nothing"}))[1] == {"row": None}
    again = (await call("POST", "list", {**view, "since": (await read("", **view))["revision"]}))[1]
    assert (again["same"], "items" in again) == (True, False)
    for version in ("v1", "v2"):
        make(f"{name}-c:{version}", 6000)
    assert tags(await read(search=name, sort="size")) == [f"{name}-c", f"{name}-b", f"{name}-a"], "all of a name"


async def test_what_came_or_went_is_seen_at_a_glance(
    read: Read, make: Make, signed_in: str, home: Path, name: str
) -> None:
    before = await read(search=name)
    make(f"{name}:v1")
    page = await read("local", search=name, since=before["revision"])
    assert tags(page) == [name]
    api.push(f"{name}:v1", home=home)
    assert (await read(name, search=name))["items"][0]["states"] == {"in sync": 1}


async def test_a_registry_that_fails_leaves_what_it_had_and_says_why(
    read: Read, make: Make, signed_in: str, line: FaultyProxy, home: Path, name: str
) -> None:
    make(f"{name}:v1")
    api.push(f"{name}:v1", home=home)
    assert (await read(search=name))["remote"]["problem"] is None
    line.script(Fault.reply(403, b"{}", method="GET", path="/models", times=None))
    page = await read(search=name)
    assert page["remote"]["problem"]["code"] == "permission-denied"
    assert (page["remote"]["as_of"] is not None, page["items"][0]["states"]) == (True, {"in sync": 1})
    line.heal()
    assert (await read("quick", search=name))["remote"]["problem"] is None


async def test_one_version_has_both_sides_and_all_versions(
    call: Call, make: Make, signed_in: str, home: Path, name: str
) -> None:
    model = make(f"{name}:v1", 160, stage="test")
    api.push(f"{name}:v1", home=home)
    file = make(f"{name}:v2").path / "model.yaml"
    file.write_text(file.read_text().replace("metadata: {}", "metadata: {loss: .nan, made: 2024-05-17, 1: .inf}"))
    code, body = await call("GET", f"versions/{name}/v1")
    local, remote = body["local_details"], body["remote_details"]
    assert (code, body["state"], [each["tag"] for each in body["versions"]]) == (
        200,
        "in sync",
        [f"{name}:v2", f"{name}:v1"],
    )
    assert local["files"][-1] == {"path": "weights.bin", "kind": "file", "size": 160}
    assert (local["path"], local["info"]["labels"], remote["digest"]) == (
        str(model.path),
        {"stage": "test"},
        local["digest"],
    )
    other = (await call("GET", f"versions/{name}/v2"))[1]
    assert other["local_details"]["metadata"] == {"loss": None, "made": "2024-05-17", "1": None}
    code, body = await call("GET", f"versions/{name}/v3")
    assert (code, body["code"]) == (404, "model-not-found")


def test_a_quick_look_that_finds_all_as_it_was_tells_so(home: Path, make: Make, signed_in: str, name: str) -> None:
    make(f"{name}:v1")
    api.push(f"{name}:v1", home=home)
    now = 1000.0
    catalog = Catalog(api.Client(home), lambda: now)
    catalog.read_remote(whole=True)
    now = 1200.0
    catalog.read_remote()
    assert catalog.standing()["as_of"] == now


def test_a_name_read_meanwhile_is_newer_than_a_long_reading(home: Path, make: Make, signed_in: str, name: str) -> None:
    make(f"{name}:v1")
    client = api.Client(home)
    listing = client.list_models

    class Slow(api.Client):
        def list_models(self, *args: Any, **options: Any) -> Any:
            found = listing(*args, **options)
            if not args and "limit" not in options:  # the whole store: one is deleted meanwhile
                api.delete(f"{name}:v1", home=home)
                catalog.read_name(name)
            return found

    catalog = Catalog(Slow(home))
    catalog.read_local()
    assert catalog.page(View(search=name), 0, 10)["items"] == []


def test_a_name_that_was_read_meanwhile_is_kept(make: Make, home: Path, name: str) -> None:
    """A large store is first read in part; what that part lacks, and was read by its name meanwhile, stays."""
    make(f"{name}:v1")

    class Partly(api.Client):
        def list_models(self, *words: Any, limit: int | None = None, **more: Any) -> Any:
            if limit is None:
                return super().list_models(*words, **more)
            catalog.read_name(name)
            return []

    catalog = Catalog(Partly(home))
    catalog.read_local()
    assert [each.local is not None for each in catalog.versions(name)] == [True]
