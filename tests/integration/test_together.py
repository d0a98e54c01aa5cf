"""Two at once: of the same tag from one home, from two, and readers while a version is replaced."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import ModelSyncError, RemoteError
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.models import CREATED, differences, make_model
from tests.harness.processes import RegistryProcess
from tests.harness.yatai import Yatai

from .scene import FILES, HEAD, MIB, Client, wait_for


def results(*children: subprocess.Popen[str]) -> list[dict[str, object]]:
    """What processes printed as JSON; each must have exited with 0."""
    found = []
    for child in children:
        with child:
            out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        found.append(json.loads(out))
    return sorted(found, key=lambda result: str(result["status"]))


def test_two_processes_push_one_model(proxy: FaultyProxy, near: Client, far: Client, to_push: Path, tag: str) -> None:
    proxy.script(Fault.throttle(30 * MIB, method="PUT"))
    pushed, skipped = results(*(near.start("push", tag, "-o", "json") for _ in range(2)))
    assert (pushed["status"], skipped["status"], skipped["bytes_sent"]) == ("pushed", "skipped", 0)
    assert near.size(tag) - MIB < proxy.log.sent("^/objects/") <= near.sent_size(tag)
    far.pull(tag)
    assert differences(to_push, far.folder(tag)) == []


def test_two_processes_pull_one_model(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    proxy.script(Fault.throttle(30 * MIB, path="^/objects/"))
    pulled, skipped = results(*(near.start("pull", tag, "-o", "json") for _ in range(2)))
    assert (pulled["status"], skipped["status"], skipped["bytes_received"]) == ("pulled", "skipped", 0)
    assert proxy.log.received("^/objects/") <= near.size(tag) + HEAD
    assert differences(to_pull, near.folder(tag)) == []
    assert list((near.home / "tmp").iterdir()) == []


def test_two_homes_push_one_tag(server: RegistryProcess | Yatai, far: Client, tmp_path: Path, tag: str) -> None:
    clients = [Client.at(tmp_path / name, server.url) for name in ("one", "two")]
    made = [make_model(client.home, tag, FILES) for client in clients]
    done = results(*(client.start("push", tag, "-o", "json") for client in clients))
    assert {result["status"] for result in done} <= {"pushed", "skipped"}
    far.pull(tag)
    assert differences(made[0], far.folder(tag)) == []
    assert [model.upload_status for model in api.list_remote(name=tag, home=far.home)] == ["success"]


def test_one_waits_for_the_other_and_says_so(proxy: FaultyProxy, near: Client, to_push: Path, tag: str) -> None:
    proxy.script(Fault.hold(method="PUT"))
    with near.start("push", tag) as first:
        wait_for(lambda: proxy.log.count("PUT"), "the first", child=first)
        with near.start("push", tag) as second:
            assert second.stderr
            assert "Another process is transferring" in second.stderr.readline()
            proxy.heal()
            assert (second.communicate(timeout=60)[1], second.returncode) == ("", 0)
        assert (first.communicate(timeout=60)[1], first.returncode) == ("", 0)


def failing(direction: str, proxy: FaultyProxy) -> None:
    """Let a transfer come to the middle and no further."""
    method = "PUT" if direction == "push" else "GET"
    proxy.script(Fault.reply(404, b"{}", method=method, path="^/objects/", skip=1, times=None))


def test_a_forced_push_that_fails_leaves_the_old_copy(
    proxy: FaultyProxy, near: Client, far: Client, to_push: Path, tag: str, tmp_path: Path
) -> None:
    near.push(tag)
    other = Client.at(tmp_path / "other", proxy.url)
    make_model(other.home, tag, {**FILES, "layer-3.bin": 6 * MIB}, created=CREATED.replace(year=2025))
    failing("push", proxy)
    with pytest.raises(RemoteError):
        other.push(tag, force=True, threads=1)
    proxy.heal()
    far.pull(tag)
    assert differences(to_push, far.folder(tag)) == []
    other.push(tag, force=True)
    far.pull(tag, force=True)
    assert differences(other.folder(tag), far.folder(tag)) == []


def test_a_forced_pull_that_fails_leaves_the_old_copy(
    proxy: FaultyProxy, near: Client, to_pull: Path, tag: str
) -> None:
    old = make_model(near.home, tag, {"old.bin": 1000})
    before = sorted(old.iterdir())
    failing("pull", proxy)
    with pytest.raises(ModelSyncError):
        near.pull(tag, force=True, threads=1)
    assert sorted(old.iterdir()) == before
    proxy.heal()
    near.pull(tag, force=True)
    assert differences(to_pull, near.folder(tag)) == []


def test_a_forced_pull_of_what_is_not_there_leaves_the_old_copy(near: Client, tag: str) -> None:
    make_model(near.home, tag, {"old.bin": 1000})
    for word in (tag, tag.split(":")[0]):
        with pytest.raises(ModelSyncError):
            near.pull(word, force=True)
        assert (near.folder(tag) / "old.bin").stat().st_size == 1000


def test_readers_of_the_registry_get_the_old_or_the_new(registry: RegistryProcess, tmp_path: Path, tag: str) -> None:
    writers = [Client.at(tmp_path / name, registry.url) for name in ("old", "new")]
    models = [
        make_model(writer.home, tag, {f"{number}.bin": 6 * MIB, "name": b"%d" % number}, labels={"n": str(number)})
        for number, writer in enumerate(writers)
    ]
    writers[0].push(tag)
    reader = Client.at(tmp_path / "reader", registry.url)
    seen: list[int] = []

    def read() -> None:
        reader.pull(tag, force=True)
        seen.append(next(n for n in (0, 1) if differences(models[n], reader.folder(tag)) == []))

    def replace() -> None:
        for number in (1, 0, 1):
            writers[number].push(tag, force=True)

    _while_it_runs(replace, read)
    read()
    assert len(seen) > 1
    assert seen[-1] == 1
    labels = [model.labels for model in api.list_remote(name=tag, home=reader.home)]
    assert labels == [{"n": "1"}]


def test_readers_of_the_store_get_the_old_or_the_new(registry: RegistryProcess, tmp_path: Path, tag: str) -> None:
    """A forced pull changes places with the old copy in one step: there is no moment without the version."""
    sender, home = Client.at(tmp_path / "sender", registry.url), Client.at(tmp_path / "home", registry.url)
    new = make_model(sender.home, tag, {f"{number}": b"new" for number in range(20)})
    sender.push(tag)
    seen: list[bool] = []

    def pull() -> None:
        for _ in range(8):
            home.pull(tag, force=True)

    home.pull(tag)

    def look() -> None:
        seen.append(home.folder(tag).is_dir())

    _while_it_runs(pull, look)
    assert set(seen) == {True}
    assert differences(new, home.folder(tag)) == []


def _while_it_runs(work: Callable[[], None], look: Callable[[], None]) -> None:
    """Look again and again while another thread works; the failure of either is the test's."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    while thread.is_alive():
        look()
    thread.join()
    assert failures == []
