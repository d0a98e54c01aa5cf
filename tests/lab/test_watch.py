"""Idle cullers: a running transfer keeps the server, a sidebar that only polls does not."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.jobs.records import Records

from .conftest import Call

LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def extension(jp_serverapp: Any) -> Any:
    """The extension of a server that has been idle for long."""
    jp_serverapp.web_app.settings.update(started=LONG_AGO, api_last_activity=LONG_AGO)
    jp_serverapp.kernel_manager.last_kernel_activity = LONG_AGO
    return jp_serverapp.extension_manager.extension_apps["modelsync_jupyter"].pop()


@pytest.fixture
def note(home: Path) -> Callable[..., None]:
    """Put a transfer on record."""

    def note(**fields: Any) -> None:
        Records(Home(home)).save(api.Record.new("abcdefgh", "push", "iris:v1", **{"state": "running", **fields}))

    return note


async def test_a_running_transfer_is_activity(extension: Any, note: Callable[..., None]) -> None:
    note()
    await extension.watch.look()
    idle = datetime.now(timezone.utc) - extension.serverapp.web_app.last_activity()
    assert idle.total_seconds() < 10
    assert extension.serverapp.extension_manager.any_activity()


@pytest.mark.parametrize(
    "fields",
    [
        {"state": "succeeded", "ended": 1.0},
        {"pid": 2**22 + 1},
        {"host": "another-machine"},
        {"updated": time.time() - 3600},
    ],
    ids=["ended", "owner gone", "elsewhere", "silent"],
)
async def test_others_are_none(extension: Any, note: Callable[..., None], fields: Any) -> None:
    note(**fields)
    await extension.watch.look()
    assert extension.serverapp.web_app.last_activity() == LONG_AGO
    assert not extension.serverapp.extension_manager.any_activity()


async def test_polls_are_none(call: Call, extension: Any) -> None:
    await call("GET", "transfers")
    await call("GET", "status", no_track_activity=1)
    assert extension.serverapp.web_app.last_activity() == LONG_AGO
    await call("GET", "status")
    assert extension.serverapp.web_app.last_activity() > LONG_AGO


async def test_the_watch_looks_by_itself(extension: Any) -> None:
    assert extension.watch._timer.is_running()
    assert 0 < extension.watch._timer.callback_time <= 60_000
    await extension.stop_extension()
    assert not extension.watch._timer.is_running()
    assert os.getpid() not in extension.watch.running


async def test_what_still_reads_ends_with_the_extension(extension: Any) -> None:
    """As from a registry that never answers: asyncio complains of a task that outlives its loop."""
    answer = threading.Event()
    task = asyncio.ensure_future(extension.slow_pool.run(answer.wait))
    extension.tasks.add(task)
    await asyncio.sleep(0)
    await extension.stop_extension()
    assert task.cancelled()
    answer.set()


@pytest.mark.parametrize(
    "change",
    [{"id": "../../x"}, {"started": "x"}, {"pid": 2**70}, {"updated": None}, {"tag": ["a"]}, {"options": 1}],
    ids=str,
)
async def test_a_bad_record_does_not_hide_the_others(
    call: Call, note: Callable[..., None], home: Path, change: Any
) -> None:
    note(state="succeeded", ended=1.0)
    folder = Home(home).state / "transfers"
    good = json.loads((folder / "abcdefgh.json").read_text())
    (folder / "bad.json").write_text(json.dumps({**good, "id": "bad", "state": "running", **change}))
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "list.json").write_text("[]")
    code, body = await call("GET", "transfers")
    assert (code, [record["id"] for record in body["transfers"]]) == (200, ["abcdefgh"])
