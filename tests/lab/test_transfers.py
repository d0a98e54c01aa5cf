"""Transfers over HTTP: those started here and those of other processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.processes import environment, start_modelsync

from .conftest import Call, follow

Make = Callable[..., api.Model]
Ended = Callable[[str], Awaitable[Any]]
BIG = 4_000_000


async def _cancel(call: Call, id: str) -> None:
    """Cancel a transfer; one that does not stop within a few seconds, on a busy machine, is answered about before."""
    code, record = await call("POST", f"transfers/{id}/cancel")
    assert (code, record["id"]) == (200, id)
    await follow(call, id, lambda now: now["state"] == "cancelled")


def _moving(record: Any) -> bool:
    return bool(record["state"] == "running" and record["done"])


@pytest.fixture
def held(line: FaultyProxy, signed_in: str) -> FaultyProxy:
    """Bodies stand still on their way to the registry, until the line is healed."""
    line.script(Fault.hold(BIG // 4, method="PUT"))
    return line


async def test_push_runs_in_a_process_of_its_own(
    call: Call, make: Make, signed_in: str, ended: Ended, name: str
) -> None:
    make(f"{name}:v1")
    code, record = await call(
        "POST", "transfers", {"direction": "push", "tag": name, "threads": 3, "rate_limit": 10**9}
    )
    assert (code, record["state"], record["background"]) == (201, "planned", True)
    assert (record["options"]["threads"], record["options"]["rate_limit"]) == (3, 10**9)
    done = await ended(record["id"])
    assert (done["state"], done["tag"], done["outcome"]["status"]) == ("succeeded", f"{name}:v1", "pushed")
    assert done["pid"] != os.getpid()
    assert (await call("GET", f"versions/{name}/v1"))[1]["remote"]["status"] == "success"


async def test_pull_brings_it_back(call: Call, make: Make, signed_in: str, ended: Ended, home: Path, name: str) -> None:
    model = make(f"{name}:v1")
    weights = (model.path / "weights.bin").read_bytes()
    api.push(model.tag, home=home)
    await call("DELETE", f"local/{name}/v1")
    _, record = await call("POST", "transfers", {"direction": "pull", "tag": f"{name}:latest"})
    assert (await ended(record["id"]))["state"] == "succeeded"
    assert (api.get(f"{name}:v1", home=home).path / "weights.bin").read_bytes() == weights


async def test_plan_tells_what_would_be_done(call: Call, make: Make, signed_in: str, home: Path, name: str) -> None:
    make(f"{name}:v1")
    _, push = await call("GET", "plan", direction="push", tag=f"{name}:v1")
    assert (push["action"], api.list_remote(name=name, home=home)) == ("push", [])
    api.push(f"{name}:v1", home=home)
    assert (await call("GET", "plan", direction="push", tag=f"{name}:v1"))[1]["action"] == "skip"
    assert (await call("GET", "plan", direction="push", tag=f"{name}:v1", force=1))[1]["action"] == "replace"


async def test_a_failure_carries_code_and_hint_and_a_typo_leaves_nothing(
    call: Call, make: Make, signed_in: str, line: FaultyProxy, ended: Ended, name: str
) -> None:
    make(f"{name}:v1")
    line.script(Fault.reply(403, b"{}", method="PATCH", path="start", times=None))
    _, record = await call("POST", "transfers", {"direction": "push", "tag": f"{name}:v1"})
    failed = await ended(record["id"])
    assert (failed["state"], failed["error"]["code"]) == ("failed", "permission-denied")
    assert failed["error"]["hint"]
    for direction, tag in (("push", f"{name}:v9"), ("pull", f"{name}:v9"), ("pull", f"{name}-typo")):
        code, body = await call("POST", "transfers", {"direction": direction, "tag": tag})
        assert (code, body["code"]) == (404, "model-not-found")
    assert [each["id"] for each in (await call("GET", "transfers"))[1]["transfers"]] == [record["id"]]


async def test_a_pull_from_a_registry_that_is_away_is_left_to_the_transfer(
    call: Call, signed_in: str, line: FaultyProxy, ended: Ended, name: str
) -> None:
    line.script(Fault.reply(403, b"{}", method="GET", path="/models", times=None))
    code, record = await call("POST", "transfers", {"direction": "pull", "tag": f"{name}:v1"})
    assert code == 201
    assert (await ended(record["id"]))["error"]["code"] == "permission-denied"


async def test_cancel_then_resume(call: Call, make: Make, held: FaultyProxy, ended: Ended, name: str) -> None:
    make(f"{name}:v1", BIG)
    _, record = await call("POST", "transfers", {"direction": "push", "tag": f"{name}:v1"})
    await follow(call, record["id"], _moving)
    code, body = await call("POST", f"transfers/{record['id']}/resume")
    assert (code, body["code"]) == (400, "usage")
    await _cancel(call, record["id"])
    assert (await call("GET", f"versions/{name}/v1"))[1]["remote"] is None
    held.heal()
    code, resumed = await call("POST", f"transfers/{record['id']}/resume")
    assert (code, resumed["id"]) == (200, record["id"])
    assert (await ended(record["id"]))["state"] == "succeeded"


async def test_a_transfer_of_a_shell_shows_up_and_is_cancelled_here(
    call: Call, make: Make, held: FaultyProxy, home: Path, name: str
) -> None:
    make(f"{name}:v1", BIG)
    _, before = await call("GET", "transfers")
    with start_modelsync("push", f"{name}:v1", env=environment(home)) as shell:
        while not (found := (await call("GET", "transfers", since=before["revision"]))[1]["transfers"]):
            assert shell.poll() is None, shell.communicate()
        record = await follow(call, found[0]["id"], _moving)
        assert (record["pid"], record["background"]) == (shell.pid, False)
        await _cancel(call, record["id"])
        assert shell.wait(60) == 130
        shell.communicate()


async def test_a_transfer_whose_process_was_killed_is_interrupted(
    call: Call, make: Make, held: FaultyProxy, ended: Ended, name: str
) -> None:
    make(f"{name}:v1", BIG)
    _, record = await call("POST", "transfers", {"direction": "push", "tag": f"{name}:v1"})
    moving = await follow(call, record["id"], _moving)
    os.kill(moving["pid"], signal.SIGKILL)
    assert (await ended(record["id"]))["state"] == "interrupted"
    held.heal()
    await call("POST", f"transfers/{record['id']}/resume")
    assert (await follow(call, record["id"], lambda now: now["state"] == "succeeded"))["outcome"]


async def test_since_tells_only_what_changed(
    call: Call, make: Make, signed_in: str, ended: Ended, name: str, home: Path
) -> None:
    make(f"{name}:v1")
    api.push(f"{name}:v1", home=home)
    _, first = await call("GET", "transfers")
    assert [record["tag"] for record in first["transfers"]] == [f"{name}:v1"]
    assert (await call("GET", "transfers", since=first["revision"]))[1] == {**first, "transfers": []}
    api.push(f"{name}:v1", home=home)
    _, second = await call("GET", "transfers", since=first["revision"])
    assert [record["outcome"]["status"] for record in second["transfers"]] == ["skipped"]
    assert second["revision"] != first["revision"]
    _, other = await call("GET", "transfers", since="ffffffff-1")  # that of a server before this one
    assert len(other["transfers"]) == 2


async def test_what_has_ended_is_forgotten_and_all_hear_of_it(
    call: Call, make: Make, held: FaultyProxy, ended: Ended, name: str
) -> None:
    make(f"{name}:v1", BIG)
    make(f"{name}:v2", 100)
    _, short = await call("POST", "transfers", {"direction": "push", "tag": f"{name}:v2"})
    await ended(short["id"])
    _, long = await call("POST", "transfers", {"direction": "push", "tag": f"{name}:v1"})
    await follow(call, long["id"], _moving)
    since = (await call("GET", "transfers"))[1]["revision"]
    code, body = await call("DELETE", f"transfers/{long['id']}")
    assert (code, body["code"]) == (400, "usage")  # it runs
    assert await call("DELETE", "transfers") == (200, {"forgotten": [short["id"]]})
    assert (await call("GET", "transfers", since=since))[1]["gone"] == [short["id"]]
    await _cancel(call, long["id"])
    assert await call("DELETE", f"transfers/{long['id']}") == (200, {"forgotten": [long["id"]]})


async def test_export_and_import_below_the_servers_folder(
    call: Call, make: Make, ended: Ended, jp_root_dir: Path, home: Path, name: str
) -> None:
    weights = (make(f"{name}:v1").path / "weights.bin").read_bytes()
    (jp_root_dir / "out").mkdir()
    order = {"direction": "export", "tag": f"{name}:v1", "path": "out", "format": "tar"}
    _, record = await call("POST", "transfers", order)
    assert (await ended(record["id"]))["outcome"]["status"] == "exported"
    written = next((jp_root_dir / "out").iterdir())
    _, record = await call(
        "POST", "transfers", {"direction": "import", "path": f"out/{written.name}", "tag": f"{name}:v2"}
    )
    assert (await ended(record["id"]))["outcome"]["tag"] == f"{name}:v2"
    assert (api.get(f"{name}:v2", home=home).path / "weights.bin").read_bytes() == weights
    for path in ("../out", ""):
        code, body = await call("POST", "transfers", {**order, "path": path})
        assert (code, body["code"]) == (400, "usage")
