"""What is compared: each scenario gives, once in a round, a cost for each tool and direction.

To add one, write a function of a `Bench` that yields `(direction, tool, usage)`, and put it into `SCENARIOS`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from uuid import uuid4

from tests.harness.models import Entry, differences
from tests.harness.s3 import BUCKET, s3_server

from .measure import Usage, run
from .peers import find_peers, peer_command
from .scene import OURS, SMALL, STOCK, Client, Link, Scene, open_scene

#: A wide-area link, for a client that uses it well.
FAR = Link(threads=16)

Costs = Iterator[tuple[str, str, Usage]]


@dataclass
class Bench:
    """What scenarios run on: made when first asked for, and kept for all rounds.

    Args:
        folder: Where to work.
        size: Bytes of the big file.
        files: How many small files there are where there are many.
        stack: Ends what was started.
    """

    folder: Path
    size: int
    files: int
    stack: ExitStack
    _scenes: dict[str, Scene] = field(default_factory=dict)

    def scene(self, name: str, size: int, small: Mapping[str, Entry]) -> Scene:
        """Return the servers and the model of a name."""
        if name not in self._scenes:
            place = self.folder / name
            place.mkdir()
            self._scenes[name] = self.stack.enter_context(open_scene(place, size, "sink", OURS, small))
        return self._scenes[name]

    @property
    def big(self) -> Scene:
        """One big file."""
        return self.scene("big", self.size, SMALL)

    @cached_property
    def s3(self) -> dict[str, str]:
        """An S3 server: what clients need in their environment."""
        place = self.folder / "s3"
        place.mkdir()
        return self.stack.enter_context(s3_server(place))


def move_one_big_file(bench: Bench) -> Costs:
    """One file and three small ones, to a host that costs next to nothing."""
    yield from _clients(bench.big, OURS, STOCK)
    yield from _tools(bench.big)


def move_big_and_300(bench: Bench) -> Costs:
    """One big file and 300 of 20 KB."""
    scene = bench.scene("and300", bench.size, {f"part{i:03}/{i}.bin": 20_000 for i in range(300)})
    yield from _clients(scene, OURS, STOCK)


def move_small_files(bench: Bench) -> Costs:
    """Thousands of files of 1 KB; and what it costs to read and hash each of them, in Python, without a push."""
    scene = bench.scene("small", 0, {f"d{i // 500:03}/f{i:05}.bin": 1000 + i % 48 for i in range(bench.files)})
    yield from _clients(scene, OURS, STOCK)
    yield from _tools(scene)
    yield "push", "bare reads", scene.read()


def repeat(bench: Bench) -> Costs:
    """Push and pull what is there already."""
    for client in (OURS, STOCK):
        pushed, pulled = bench.big.again(client)
        yield "push", client.name, pushed
        yield "pull", client.name, pulled


def use_s3(bench: Bench) -> Costs:
    """One S3 server: ours through a registry that keeps its bytes there, the others with the model's folder.

    Ours waits for the disk in a pull and the others do not: each is shown a second time with that added. In a registry
    neighbouring parts are an object, which versions share, and the others have one for each file: what that costs is
    shown by one of them that gets our objects.
    """
    scene, env, prefix = bench.big, {**os.environ, **bench.s3}, f"registry-{uuid4().hex[:8]}"
    pushed, pulled = scene.through_registry(OURS, "--blobs", f"s3://{BUCKET}/{prefix}", **bench.s3)
    yield "push", OURS.name, pushed
    yield "pull", OURS.name, pulled
    for peer in find_peers():
        target = bench.folder / "got"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        os.sync()
        yield "push", peer, run(peer_command(peer, "put", scene.model, peer, env), env)
        pulled = run(peer_command(peer, "get", target, peer, env), env)
        flushed = replace(pulled, wall=pulled.wall + flush(target))
        yield "pull", peer, pulled
        yield "pull", f"{peer}, fsync", flushed
        if found := differences(scene.model, target):
            raise RuntimeError(f"{peer} brought something else: {found}")
        if peer == "s5cmd":
            shutil.rmtree(target)
            target.mkdir()
            os.sync()
            yield "pull", f"{peer}, our objects", run(peer_command(peer, "get", target, f"{prefix}/direct", env), env)


def flush(folder: Path) -> float:
    """Put the files of a folder on disk, and return the seconds that took."""
    begun = perf_counter()
    for path in filter(Path.is_file, folder.rglob("*")):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return perf_counter() - begun


def go_far(bench: Bench) -> Costs:
    """A link of 30 ms to the first byte and 90 MB/s a connection, on 16 connections; and what it carries at most."""
    yield "push", OURS.name, bench.big.push_far(OURS, FAR)
    yield "pull", OURS.name, bench.big.pull_far(OURS, FAR)
    yield "push", "bare sockets", bench.big.bare_push_far(FAR)
    yield "pull", "bare sockets", bench.big.bare_pull_far(FAR)


def _clients(scene: Scene, *clients: Client) -> Costs:
    for client in clients:
        yield "push", client.name, scene.push(client)
        yield "pull", client.name, scene.pull(client)


def _tools(scene: Scene) -> Costs:
    yield "push", "curl -T", scene.curl_push()
    yield "pull", "curl -o", scene.curl_pull()
    yield "push", "tar c", scene.tar()
    yield "pull", "cp -r", scene.copy()


#: By name: what is run. Others add theirs.
SCENARIOS: dict[str, Callable[[Bench], Costs]] = {
    "one big file": move_one_big_file,
    "big and 300 small files": move_big_and_300,
    "small files": move_small_files,
    "unchanged": repeat,
    "S3": use_s3,
    "wide area": go_far,
}
