"""Full disks, and what a transfer costs in memory and disk whatever the model's size."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks.measure import run as measure
from tests.harness.clock import within
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.models import differences, make_model
from tests.harness.processes import MODELSYNC, RegistryProcess, environment

from .scene import FILES, HEAD, MIB, Client, disk_use, one_line, watching

BIG = 200 * MIB
#: The issue's limit, in bytes a process has of its own: RssAnon and RssShmem.
MEMORY = 150 * 10**6


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no right to mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Mount a folder onto itself, read-only: what it refuses, it refuses root too."""
    for options in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
        if subprocess.run(["mount", *map(str, options)], capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_read_only_store_can_be_pushed_and_looked_at(registry: RegistryProcess, tmp_path: Path) -> None:
    home, tag = tmp_path / "home", f"fixed-{tmp_path.name[-8:].strip('_')}:v1"
    make_model(home, tag, {"f": b"1"})
    near = Client.at(home, registry.url)
    with read_only(home):
        assert "Pushed" in near.cli("push", tag).stdout
        assert "The registry has it already." in near.cli("push", tag).stdout
        assert "Skipped" in near.cli("pull", tag).stdout
        assert tag in near.cli("list").stdout


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_fetched(
    proxy: FaultyProxy, to_pull: Path, tag: str, small_disk: Path
) -> None:
    (small_disk / "other").write_bytes(bytes(24 * MIB))
    near = Client.at(small_disk / "home", proxy.url)
    assert "needs 21.0 MB" in one_line(near.cli("pull", tag))
    assert proxy.log.received("^/objects/") <= HEAD
    assert near.visible() == []


def test_a_disk_that_fills_up_stops_a_pull_and_more_space_lets_it_go_on(
    proxy: FaultyProxy, to_pull: Path, tag: str, small_disk: Path
) -> None:
    near, other = Client.at(small_disk / "home", proxy.url), small_disk / "other"

    def fill_half_way() -> None:
        if proxy.log.received("^/objects/") > 8 * MIB:
            fill(other)

    proxy.script(Fault.call(fill_half_way, "response", MIB, path="^/objects/", times=None))
    line = one_line(near.cli("pull", tag, "-t", "1"))  # content has its space, but the store's own notes find none
    assert "No space left" in line
    assert "resume where it left off" in line
    assert near.visible() == []
    proxy.heal()
    other.unlink()
    before = proxy.log.received("^/objects/")
    done = near.pull(tag, threads=1)
    assert done.reused >= 5 * MIB
    assert proxy.log.received("^/objects/") - before <= done.size - done.reused + HEAD
    assert differences(to_pull, near.folder(tag)) == []


def fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("ab", buffering=0) as file:
        for size in (MIB, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_a_quota_on_files_stops_a_pull(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    code = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20)); "
    code += "from modelsync_jupyter.cli.main import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "pull", tag],
        env=environment(near.home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No space left" in one_line(done)
    assert near.visible() == []
    assert near.pull(tag).status == "pulled"
    assert differences(to_pull, near.folder(tag)) == []


def test_a_full_disk_stops_a_push_until_there_is_room_for_its_notes(
    proxy: FaultyProxy, far: Client, tag: str, small_disk: Path
) -> None:
    near = Client.at(small_disk / "home", proxy.url)
    made = make_model(near.home, tag, FILES)
    fill(small_disk / "other")
    line = one_line(near.cli("push", tag))
    assert "No space left" in line
    assert "resume where it left off" in line
    (small_disk / "other").unlink()
    with within(20):  # no lock is left to grow stale
        near.push(tag)
    far.pull(tag)
    assert differences(made, far.folder(tag)) == []


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory, registry: RegistryProcess) -> Client:
    """A home with a model in one file that is larger than what a process may have."""
    home = tmp_path_factory.mktemp("big")
    make_model(home, "big:v1", size=BIG)
    return Client.at(home, registry.url)


def test_memory_and_disk(big: Client, registry: RegistryProcess, tmp_path: Path) -> None:
    """With ten threads, through our registry."""
    check_costs(Client.at(big.home, registry.url), registry.url, tmp_path / "other")


@pytest.mark.parametrize("strategy", ["presigned_url", "proxy"])
def test_memory_and_disk_with_a_foreign_server(big: Client, tmp_path: Path, strategy: str) -> None:
    with server_process(tmp_path / "yatai", strategy) as url:
        check_costs(Client.at(big.home, url), url, tmp_path / "other")


def check_costs(sender: Client, url: str, home: Path) -> None:
    before = disk_use(sender.home)
    argv = [*MODELSYNC, "push", "big:v1", "--threads", "10"]
    with watching(lambda: disk_use(sender.home)) as grown:
        pushed = measure(argv, environment(sender.home), every=0.002)
    assert pushed.anon < MEMORY
    assert max(grown) - before < 256 << 10  # a record, a journal, a lock and digests
    receiver = Client.at(home, url)
    with watching(lambda: disk_use(receiver.home)) as grown:
        pulled = measure([*MODELSYNC, "pull", "big:v1", "--threads", "10"], environment(home), every=0.002)
    assert pulled.anon < MEMORY
    assert BIG <= max(grown) < BIG + (512 << 10)
    assert differences(sender.folder("big:v1"), receiver.folder("big:v1")) == []


@contextmanager
def server_process(folder: Path, strategy: str) -> Iterator[str]:
    """A BentoCloud-like server in a process of its own; yields its URL."""
    argv = [sys.executable, "-m", "tests.harness.yatai", "--folder", str(folder), "--strategy", strategy]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment(folder)) as child:
        assert child.stdout
        yield child.stdout.readline().strip()
        child.terminate()
