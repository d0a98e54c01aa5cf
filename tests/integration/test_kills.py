"""`kill -9` of client and registry at many points: nothing half-made is seen, and only the rest moves again."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.remotes import retry
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.models import differences, make_model
from tests.harness.processes import RegistryProcess

from .scene import FILES, HEAD, LARGEST, MIB, Client, in_turn, struck, wait_for, watching

THREADS = 2
#: Bytes that one thread may have to move again after a kill: a part; a foreign server takes parts with their headers.
AGAIN = THREADS * (LARGEST + MIB)
#: Bytes that have moved when the client is killed, of 20 MiB.
POINTS = {"0": 0, "3": 3 * MIB, "10": 10 * MIB, "17": 17 * MIB}


def kill(child: subprocess.Popen[str]) -> None:
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def reached(goal: int, count: Callable[..., int], *of: Any) -> bool:
    """Whether a count of something has come to a goal."""
    return count(*of) >= goal


def seen(client: Client, tag: str) -> list[str]:
    """What the registry shows of a tag, other than that bytes are on their way."""
    found = api.list_remote(name=tag, home=client.home)
    return [model.upload_status for model in found if model.upload_status not in ("pending", "uploading")]


@pytest.mark.parametrize(("moved", "server"), in_turn(POINTS, both=["10"]), indirect=["server"])
def test_a_killed_push_goes_on(
    proxy: FaultyProxy, near: Client, far: Client, to_push: Path, tag: str, moved: int
) -> None:
    proxy.script(Fault.hold(moved, method="PUT"))
    with near.start("push", tag, "--threads", str(THREADS)) as child:
        if moved:
            wait_for(lambda: proxy.log.sent("^/objects/") >= moved, f"{moved} bytes", child=child)
        else:
            wait_for(lambda: proxy.log.count(path="/start_"), "the start of the upload", child=child)
        kill(child)
    assert seen(far, tag) == []
    (transfer,) = api.transfers(home=near.home)
    assert transfer.state == "interrupted"
    proxy.heal()
    before = proxy.log.sent("^/objects/")
    again = near.push(tag, threads=THREADS)
    assert (again.status, again.moved + again.reused) == ("pushed", near.size(tag))
    assert again.reused >= moved - AGAIN
    assert proxy.log.sent("^/objects/") - before <= near.size(tag) - before + AGAIN
    assert seen(far, tag) == ["success"]
    far.pull(tag)
    assert differences(to_push, far.folder(tag)) == []


@pytest.mark.parametrize(("moved", "server"), in_turn(POINTS, both=["10"]), indirect=["server"])
def test_a_killed_pull_goes_on(
    proxy: FaultyProxy, near: Client, far: Client, to_pull: Path, tag: str, moved: int
) -> None:
    proxy.script(Fault.hold(max(moved, 1), path="^/objects/"))
    with near.start("pull", tag, "--threads", str(THREADS)) as child:
        wait_for(lambda: proxy.log.received("^/objects/") >= max(moved, 1), f"{moved} bytes", child=child)
        parts = far.parts(tag)
        wait_for(lambda: near.bytes_noted(tag, parts) >= moved - AGAIN, "parts on disk", child=child)
        kill(child)
    noted = near.parts_noted("pull", tag)
    assert near.visible() == []
    proxy.heal()
    before = proxy.log.received("^/objects/")
    again = near.pull(tag, threads=THREADS)
    assert (again.status, again.moved + again.reused) == ("pulled", again.size)
    assert bool(again.reused) == bool(noted)
    assert proxy.log.received("^/objects/") <= again.size + AGAIN + 2 * HEAD
    assert proxy.log.received("^/objects/") - before <= again.size - before + AGAIN + 2 * HEAD
    assert differences(to_pull, near.folder(tag)) == []


def test_killed_again_and_again(proxy: FaultyProxy, near: Client, far: Client, to_push: Path, tag: str) -> None:
    """Every attempt gets a little further, and together they send little more than one attempt would."""
    for verb, client, direction in (("push", near, proxy.log.sent), ("pull", Client.at(far.home, proxy.url), None)):
        count = direction or proxy.log.received
        for _ in range(2):
            goal = count("^/objects/") + 6 * MIB
            proxy.script(Fault.hold(6 * MIB, path="^/objects/"))
            parts = near.parts(tag)
            noted = far.bytes_noted(tag, parts) + 2 * MIB
            with client.start(verb, tag, "-t", "1") as child:
                wait_for(partial(reached, goal, count, "^/objects/"), f"{goal} bytes", child=child)
                if verb == "pull":
                    wait_for(partial(reached, noted, far.bytes_noted, tag, parts), "parts on disk", child=child)
                kill(child)
            proxy.heal()
            assert far.visible() == []
        outcome = client.run(verb, tag)  # type: ignore[arg-type]
        assert outcome.reused >= 5 * MIB
        assert count("^/objects/") <= outcome.size + 2 * AGAIN // THREADS + 8 * HEAD
    assert differences(to_push, far.folder(tag)) == []


def test_a_push_killed_between_its_last_part_and_its_end_sends_nothing_again(
    proxy: FaultyProxy, near: Client, far: Client, to_push: Path, tag: str
) -> None:
    proxy.script(Fault.stall(path="/finish_upload$"))
    with near.start("push", tag) as child:
        wait_for(lambda: struck(proxy), "the end", child=child)
        kill(child)
    before = proxy.log.sent("^/objects/")
    assert near.push(tag).status in ("pushed", "skipped")
    assert proxy.log.sent("^/objects/") == before
    far.pull(tag)
    assert differences(to_push, far.folder(tag)) == []


def test_a_pull_never_shows_half_a_model(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    """Whoever looks at any moment sees nothing, or all of it."""
    with watching(partial(files_in, near.folder(tag))) as looks:
        proxy.script(Fault.hold(6 * MIB + 1, path="^/objects/"))
        with near.start("pull", tag) as child:
            wait_for(lambda: proxy.log.received("^/objects/") > 6 * MIB, "some bytes", child=child)
            kill(child)
        proxy.heal()
        near.pull(tag)
    assert set(looks) == {0, 1 + len(FILES)}


def files_in(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*")) if folder.exists() else 0


def test_a_push_outlives_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_LONGEST", 0.5)
    monkeypatch.setattr(retry, "ATTEMPTS", {**retry.ATTEMPTS, retry.Renew.REQUEST: 200})  # it may start slowly
    with RegistryProcess(tmp_path / "data") as registry, FaultyProxy(registry.url) as proxy:
        near, far = Client.at(tmp_path / "near", proxy.url), Client.at(tmp_path / "far", registry.url)
        made = make_model(near.home, "m:v1", FILES)
        outcomes: list[object] = []
        pushing = threading.Thread(target=lambda: outcomes.append(near.push("m:v1", threads=THREADS)))
        goal = 4 * MIB
        proxy.script(Fault.hold(goal, method="PUT"))
        pushing.start()
        for more in (9 * MIB, 0):
            wait_for(partial(reached, goal + 1, proxy.log.sent, "^/objects/"), "bytes")
            registry.kill()
            proxy.heal()  # whoever is held finds it gone, and tries again
            proxy.script(Fault.hold(more, method="PUT"))
            goal = proxy.log.sent("^/objects/") + more
            registry.start()
            assert seen(far, "m:v1") == []
        proxy.heal()
        pushing.join(60)
        assert [outcome.status for outcome in outcomes] == ["pushed"]  # type: ignore[attr-defined]
        assert proxy.log.sent("^/objects/") <= near.size("m:v1") + 2 * 6 * AGAIN
        far.pull("m:v1")
    assert differences(made, far.folder("m:v1")) == []
