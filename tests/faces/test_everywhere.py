"""Kernels, a shell and a panel look at the same transfers, and any of them may stop or resume one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.client import Client
from modelsync_jupyter.demo.process import Served
from tests.integration.scene import wait_for

from .conftest import Make, Shell
from .kernels import Kernel, kernel_after, run, running

pytestmark = pytest.mark.processes
#: In the other kernel: wait until its panel shows a transfer in one of some states; prints after how many seconds.
_SEEN = """
import time
asked = time.time()
while (record := p.rows.records.get({id!r})) is None or record.state not in {states!r}:
    assert time.time() < asked + 60, record
    time.sleep(0.02)
print(time.time() - asked)
"""


@pytest.fixture
def panel_kernel(kernel: Kernel) -> Iterator[Kernel]:
    """A second kernel, with a panel `p` in it."""
    with kernel_after("from modelsync_jupyter import panel\np = panel()") as started:
        yield started


def test_all_see_one_transfer_and_each_can_steer_it(
    held: Served, home: Path, make: Make, name: str, modelsync: Shell, kernel: Kernel, panel_kernel: Kernel
) -> None:
    client = Client(home)
    client.login(held.url, held.token)
    make(f"{name}:v1", os.urandom(3_000_000))
    run(kernel, f"t = %modelsync push {name}:v1 -b")
    id = running(client).id

    def panel_shows(*states: str) -> None:
        messages = run(panel_kernel, _SEEN.format(id=id, states=states))
        (said,) = [each["content"] for each in messages if each["msg_type"] in ("stream", "error")]
        print(f"the panel shows {states[0]} after {float(said['text']):.2f} s")

    def click(button: str) -> None:
        run(panel_kernel, f"p.rows._rows[{id!r}]._{button}.click()")

    def all_see(state: str) -> None:
        wait_for(lambda: client.transfer(id).state == state, state)
        panel_shows(state)
        assert value(kernel, "t.state") == repr(state)

    panel_shows("running", "planned")
    click("pause")
    all_see("paused")
    click("resume")
    panel_shows("running", "planned")
    run(kernel, "t.cancel()")
    all_see("cancelled")
    run(kernel, f"%modelsync resume {id} -b")
    panel_shows("running", "planned")
    assert json.loads(modelsync("cancel", id[:4], "-o", "json").stdout)["id"] == id
    all_see("cancelled")


def value(kernel: Kernel, code: str) -> Any:
    """The value of an expression, as a cell shows it."""
    shown = [each["content"]["data"] for each in run(kernel, code) if each["msg_type"] == "execute_result"]
    return shown[0]["text/plain"]
