"""Transfers in real kernels: live in the cell that started them, attached after a restart, resumed after a kill."""

from __future__ import annotations

import os
import re
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.client import Client
from modelsync_jupyter.demo.process import Served
from tests.harness.clock import wait_until, within
from tests.harness.faults import FaultyProxy

from .conftest import Make
from .kernels import Kernel, run, running, shell_reply

pytestmark = pytest.mark.processes
#: Enough to be held half-way; `MODELSYNC_LIVE_BYTES=1000000000` for a look at a gigabyte.
SIZE = int(os.environ.get("MODELSYNC_LIVE_BYTES", "3000000"))


def texts(messages: list[Any]) -> str:
    return "\n".join(str(each["content"].get("data", each["content"]).get("text/plain", "")) for each in messages)


def test_a_background_push_survives_the_kernel_and_is_attached_from_another(
    kernel: Kernel, held: Served, line: FaultyProxy, home: Path, make: Make, name: str
) -> None:
    client = Client(home)
    client.login(held.url, held.token)
    make(f"{name}:v1", os.urandom(SIZE))
    shown = run(kernel, f"%modelsync push {name}:v1 -b")
    views = [each["content"]["data"] for each in shown if each["msg_type"] == "display_data"]
    assert any("application/vnd.jupyter.widget-view+json" in each for each in views)
    assert f"push {name}:v1" in texts(shown)
    id = running(client).id
    manager, kernel_client = kernel
    manager.restart_kernel(now=True)
    kernel_client.wait_for_ready(timeout=60)
    run(kernel, "%load_ext modelsync_jupyter")
    asked = kernel_client.execute(f"%modelsync attach {id}")
    messages = [kernel_client.get_iopub_msg(timeout=60)]
    while messages[-1]["msg_type"] != "display_data":  # the line of what goes on
        assert messages[-1]["msg_type"] not in ("error", "stream"), messages
        messages.append(kernel_client.get_iopub_msg(timeout=60))
    line.heal()
    assert shell_reply(kernel_client, asked)["status"] == "ok"
    while messages[-1]["content"].get("execution_state") != "idle":
        messages.append(kernel_client.get_iopub_msg(timeout=60))
    last = texts(messages)
    assert f"push {name}:v1: 100%, " in last
    assert "done in" in last
    assert client.transfer(id).state == "succeeded"


def test_a_killed_child_is_resumed_from_a_cell(
    kernel: Kernel, held: Served, line: FaultyProxy, home: Path, make: Make, name: str
) -> None:
    client = Client(home)
    client.login(held.url, held.token)
    make(f"{name}:v1", os.urandom(SIZE))
    transfer = client.start("push", f"{name}:v1")
    os.kill(running(client).pid, signal.SIGKILL)
    wait_until(lambda: transfer.state == "interrupted", "the interruption")
    line.heal()
    shown = run(kernel, f"x = %modelsync resume {transfer.id}")
    assert "done in" in texts(shown)
    assert transfer.state == "succeeded"


def test_stopping_says_how_much_is_kept_and_python_draws_a_line(
    kernel: Kernel, held: Served, home: Path, make: Make, name: str
) -> None:
    client = Client(home)
    client.login(held.url, held.token)
    make(f"{name}:v1", os.urandom(2_000_000))
    manager, kernel_client = kernel
    asked = kernel_client.execute(f"from modelsync_jupyter import push\npush('{name}:v1')")
    running(client)
    with within(2):
        manager.interrupt_kernel()
        reply = shell_reply(kernel_client, asked)
    assert reply["ename"] == "Cancelled"
    assert reply["traceback"][0].startswith("Cancelled (line 2 of the cell): Push of ")
    kept = r"(; at least \S+ k?M?B of 2\.0 MB are kept)?"  # as far as the registry has answered
    assert re.search(rf"Push of `{name}:v1` was cancelled{kept}\. Start it again", reply["evalue"])
    lines = []
    while True:
        message = kernel_client.get_iopub_msg(timeout=60)
        if message["msg_type"] in ("display_data", "update_display_data"):
            lines.append((message["header"]["date"], message["content"]["data"]["text/plain"]))
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle" and lines:
            break
    assert lines[-1][1].startswith(f"push {name}:v1: ")
    assert "stopped while" in lines[-1][1]
    gaps = [(after[0] - before[0]).total_seconds() for before, after in pairwise(lines[:-1])]  # the end waits for none
    assert sum(gaps) / max(len(gaps), 1) > 0.08 or len(lines) < 4  # at most about ten a second
