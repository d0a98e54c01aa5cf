"""Transfers with a process of their own, and those that somebody interrupts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import Cancelled, TransferFailed
from modelsync_jupyter.core.outcome import Direction, Outcome
from tests.harness.clock import within
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.models import differences, make_model
from tests.harness.processes import RegistryProcess, environment
from tests.harness.yatai import Yatai

from .scene import FILES, HEAD, LARGEST, MIB, Client, one_line, struck, wait_for

DIRECTIONS: list[Direction] = ["push", "pull"]


@pytest.fixture
def server(request: pytest.FixtureRequest) -> RegistryProcess | Yatai:
    """One kind of server for each direction: who carries a transfer out does not depend on it."""
    direction = request.node.callspec.params.get("direction", "push") if hasattr(request.node, "callspec") else "push"
    found: RegistryProcess | Yatai = request.getfixturevalue("registry" if direction == "push" else "yatai")
    return found


@pytest.fixture
def source(request: pytest.FixtureRequest, direction: str) -> Path:
    """The model, where it is before the transfer."""
    folder: Path = request.getfixturevalue(f"to_{direction}")
    return folder


def moved(proxy: FaultyProxy, direction: str) -> int:
    """Bytes of the archive that have travelled."""
    return proxy.log.sent("^/objects/") if direction == "push" else proxy.log.received("^/objects/")


def wait_until_kept(direction: str, near: Client, far: Client, tag: str, size: int) -> None:
    """Wait until no more than a part of what has arrived is not on disk yet. The registry keeps what it answered to."""
    if direction == "pull":
        parts = far.parts(tag)
        wait_for(lambda: near.bytes_noted(tag, parts) >= size - LARGEST - MIB // 2, "parts on disk")


def check_arrived(direction: str, near: Client, far: Client, source: Path, tag: str) -> None:
    if direction == "push":
        far.pull(tag)
    assert differences(source, (far if direction == "push" else near).folder(tag)) == []


def check_nothing_is_seen(direction: str, near: Client, far: Client, tag: str) -> None:
    if direction == "pull":
        assert near.visible() == []
    found = [model.upload_status for model in api.list_remote(name=tag, home=far.home)]
    assert "success" not in found or direction == "pull"


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_it_outlives_the_process_that_started_it(
    proxy: FaultyProxy, near: Client, far: Client, source: Path, tag: str, direction: Direction
) -> None:
    """As a kernel that is restarted: killed with all of its process group."""
    proxy.script(Fault.hold(MIB + 1, path="^/objects/"))
    code = f"import time, modelsync_jupyter as m; print(m.{direction}_in_background({tag!r}).id, flush=True); "
    argv = [sys.executable, "-c", code + "time.sleep(60)"]
    with subprocess.Popen(
        argv, env=environment(near.home), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as kernel:
        assert kernel.stdout
        id = kernel.stdout.readline().strip()
        wait_for(lambda: moved(proxy, direction) > MIB, "bytes")
        os.killpg(kernel.pid, signal.SIGKILL)
    assert api.transfers(home=near.home)[0].state in ("planned", "running")
    proxy.heal()
    outcome = api.attach(id, home=near.home)
    assert isinstance(outcome, Outcome)
    assert outcome.direction == direction
    assert outcome.moved + outcome.reused == outcome.size  # the registry may hold the padding at the end already
    check_arrived(direction, near, far, source, tag)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_cancelled_from_another_process_and_resumed(
    proxy: FaultyProxy, near: Client, far: Client, source: Path, tag: str, direction: Direction
) -> None:
    proxy.script(Fault.hold(6 * MIB + 1, path="^/objects/"))  # nothing is lost while `cancel` starts
    handle = json.loads(near.cli(direction, tag, "--background", "-t", "1", "-o", "json").stdout)
    wait_for(lambda: moved(proxy, direction) > 6 * MIB, "bytes")
    wait_until_kept(direction, near, far, tag, 6 * MIB)
    transfer, asked = api.transfers(home=near.home)[0], near.home / ".modelsync/transfers"
    with near.start("cancel", handle["id"]) as child:
        wait_for(lambda: any(asked.glob("*.cancel")) or transfer.state == "cancelled", "the wish")
        with within(2):
            wait_for(lambda: transfer.state == "cancelled", "the end")
        assert "was cancelled" in child.communicate(timeout=60)[0]
    check_nothing_is_seen(direction, near, far, tag)
    with pytest.raises(Cancelled):
        transfer.wait()
    before = moved(proxy, direction)
    proxy.heal()
    resumed = near.cli("resume", handle["id"], "-o", "json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["bytes_reused"] > 0
    assert moved(proxy, direction) - before <= json.loads(resumed.stdout)["size"] - before + LARGEST + MIB + 2 * HEAD
    check_arrived(direction, near, far, source, tag)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_killed_it_is_interrupted_and_can_be_resumed(
    proxy: FaultyProxy, near: Client, far: Client, source: Path, tag: str, direction: Direction
) -> None:
    proxy.script(Fault.hold(8 * MIB + 1, path="^/objects/"))
    transfer = api.start(direction, tag, threads=1, home=near.home)
    wait_for(lambda: moved(proxy, direction) > 8 * MIB, "bytes")
    wait_until_kept(direction, near, far, tag, 8 * MIB)
    os.kill(transfer.record.pid, signal.SIGKILL)
    wait_for(lambda: transfer.state == "interrupted", "the interruption")
    with pytest.raises(TransferFailed, match="interrupted"):
        transfer.wait()
    check_nothing_is_seen(direction, near, far, tag)
    proxy.heal()
    outcome = api.resume_in_background(transfer.id, home=near.home).wait(timeout=60)
    assert isinstance(outcome, Outcome)
    assert outcome.reused > 0
    assert moved(proxy, direction) <= outcome.size + LARGEST + MIB + 2 * HEAD
    check_arrived(direction, near, far, source, tag)


def test_the_state_is_never_interrupted_while_it_starts(near: Client, to_push: Path, tag: str) -> None:
    """The command that started it is gone before the child is there."""
    states: list[str] = []

    def look() -> bool:
        states.extend(transfer.state for transfer in api.transfers(home=near.home))
        assert "interrupted" not in states, states
        return "succeeded" in states

    with near.start("push", tag, "--background") as child:
        wait_for(look, "the end")
        child.communicate(timeout=60)
    assert states[0] == "planned"


def test_a_wish_to_cancel_that_comes_before_the_child_is_heard(
    proxy: FaultyProxy, near: Client, to_push: Path, tag: str
) -> None:
    proxy.script(Fault.hold(path="^/objects/"))
    transfer = api.start("push", tag, home=near.home)
    transfer.cancel()
    wait_for(lambda: transfer.state == "cancelled", "the end")
    proxy.heal()
    outcome = api.resume(transfer.id, home=near.home)
    assert isinstance(outcome, Outcome)
    assert outcome.status == "pushed"


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("path", ["^/objects/", "/(?:presign_download|start_multipart_upload)"])
def test_ctrl_c_while_the_network_hangs(
    proxy: FaultyProxy, near: Client, far: Client, source: Path, tag: str, direction: Direction, path: str
) -> None:
    proxy.script(Fault.stall(path=path, skip=1 if path == "^/objects/" else 0, times=None))
    with near.start(direction, tag) as child:
        wait_for(lambda: struck(proxy), "the stall", child=child)
        with within(2):
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=60)
    assert one_line(subprocess.CompletedProcess([], child.returncode, out, err), 130)
    check_nothing_is_seen(direction, near, far, tag)
    assert api.transfers(home=near.home)[0].state == "cancelled"
    proxy.heal()
    near.run(direction, tag)
    check_arrived(direction, near, far, source, tag)


def test_a_push_cancelled_at_its_very_end_is_not_published_later(
    proxy: FaultyProxy, near: Client, far: Client, to_push: Path, tag: str
) -> None:
    """The process lives on, as a notebook does, and so does the thread that waits for the server."""
    proxy.script(Fault.stall(2, path="/complete_multipart_upload$"))
    transfer = None

    def look(_: object) -> None:
        nonlocal transfer
        if transfer is None and proxy.log.count(path="/complete_multipart_upload$"):
            transfer = api.transfers(home=near.home)[0]
            transfer.cancel()

    with pytest.raises(Cancelled):
        api.run("push", tag, progress=look, home=near.home)
    wait_for(lambda: [e.status for e in proxy.log.find(path="/complete_multipart_upload$")] == [200], "the answer")
    wait_for(lambda: not any(each.name == "modelsync-transfer" for each in threading.enumerate()), "its end")
    assert proxy.log.count(path="/finish_upload$") == 0
    check_nothing_is_seen("push", near, far, tag)
    assert near.push(tag).reused == near.size(tag)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system pins no processes")
def test_it_steps_back_behind_notebooks(proxy: FaultyProxy, near: Client, far: Client, tag: str) -> None:
    make_model(near.home, tag, FILES)
    proxy.script(Fault.hold(path="^/objects/"))
    transfer = api.start("push", tag, home=near.home)
    wait_for(lambda: moved(proxy, "push") > 0, "bytes")
    pid, own = transfer.record.pid, os.sched_getaffinity(0)
    assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, 0)
    assert len(os.sched_getaffinity(pid)) == max(1, len(own) - 1)
    proxy.heal()
    outcome = transfer.wait(timeout=60)
    assert isinstance(outcome, Outcome)
    assert outcome.status == "pushed"
