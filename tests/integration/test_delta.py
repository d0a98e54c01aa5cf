"""Only what changed travels, both ways, and what is here already is copied and checked."""

from __future__ import annotations

import fcntl
import json
import os
import struct
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from modelsync_jupyter import files
from modelsync_jupyter.client import Client, Direction
from tests.harness.models import MIB, Entry, differences, make_model
from tests.harness.processes import TOKEN, RegistryProcess, environment, modelsync
from tests.harness.yatai import Yatai

from .test_care import rot

pytestmark = pytest.mark.processes
COUNT, SIZE = 12, MIB


def weights(changed: int = -1, seed: int = 0) -> bytes:
    """A safetensors file of a dozen tensors, one of which may have other values; none that another seed gives."""
    header: dict[str, Any] = {}
    values = []
    for number in range(COUNT):
        value = np.random.default_rng(100_000 * seed + number + (1000 if number == changed else 0)).bytes(SIZE)
        place = [number * SIZE, (number + 1) * SIZE]
        header[f"layer.{number}"] = {"dtype": "U8", "shape": [SIZE], "data_offsets": place}
        values.append(value)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(values)


def pulled(home: Path, tag: str) -> dict[str, Any]:
    """Pull, and return the outcome."""
    done = modelsync("pull", tag, "--output", "json", env=environment(home))
    assert done.returncode == 0, done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    return outcome


def told(client: Client, direction: Direction) -> tuple[int, int, bool, list[tuple[str, str]]]:
    """What a plan foretells of the second version: bytes that travel and that do not, and tensors that changed."""
    found = client.plan(direction, "delta:v2", progress=False).forecast
    assert found
    assert found.changes
    return found.moved, found.reused, found.exact, [(each.name, each.how) for each in found.changes.tensors]


@pytest.mark.parametrize("extended", [True, False], ids=["our registry", "another"])
def test_a_changed_tensor_is_all_that_travels(registry: RegistryProcess, tmp_path: Path, extended: bool) -> None:
    with Yatai(tmp_path / "yatai") as other:
        url = registry.url if extended else other.url
        near, far = Client(tmp_path / "near"), Client(tmp_path / "far")
        small = {"config.json": b"{}", "vocab.txt": b"word " * 40_000}
        for each in (near, far):
            each.login(url, TOKEN)
        make_model(near.home.path, "delta:v1", {"model.safetensors": weights(seed=1), **small})
        assert near.push("delta:v1").moved > COUNT * SIZE
        far.pull("delta:v1")
        made = make_model(near.home.path, "delta:v2", {"model.safetensors": weights(changed=5, seed=1), **small})
        foretold = told(near, "push")
        second = near.push("delta:v2")
        assert not extended or SIZE <= second.moved <= SIZE + 64 * 1024
        assert foretold == (second.moved, second.reused, extended, [("layer.5", "changed")])
        foretold = told(far, "pull")
        got = pulled(far.home.path, "delta:v2")
        assert SIZE <= got["bytes_received"] <= SIZE + 64 * 1024
        assert foretold == (got["bytes_received"], got["bytes_reused"], True, [("layer.5", "changed")])
        assert got["state"] == "in sync"
        for changes in (got["changes"], second.to_dict()["changes"]):
            assert (changes["against"], changes["where"], changes["file_count"]) == ("delta:v1", "local", 1)
            assert changes["tensors"] == [
                {"name": "layer.5", "how": "changed", "size": SIZE, "file": "model.safetensors"}
            ]
        assert differences(made, far.get("delta:v2").path) == []
        assert near.push("delta:v2").moved == 0


def test_what_rotted_here_is_fetched(registry: RegistryProcess, tmp_path: Path) -> None:
    here = Client(tmp_path / "here")
    here.login(registry.url, TOKEN)
    made = make_model(here.home.path, "rotten:v1", {"model.safetensors": weights(changed=1)})
    make_model(here.home.path, "rotten:v2", {"model.safetensors": weights(changed=1), "new.txt": b"new"})
    for version in ("v1", "v2"):
        here.push(f"rotten:{version}")
    here.delete("rotten:v2")
    rot(here, "rotten:v1", "model.safetensors", 3 * SIZE + 1000)
    got = pulled(here.home.path, "rotten:v2")
    assert SIZE <= got["bytes_received"] <= 2 * SIZE + 64 * 1024
    found = here.get("rotten:v2").path / "model.safetensors"
    assert found.read_bytes() == weights(changed=1)
    assert made.exists()


def test_one_file_more_among_many_fetches_its_neighbours_alone(registry: RegistryProcess, tmp_path: Path) -> None:
    """Small files share parts; those here are copied too, but for one that has rotted."""
    near, far = Client(tmp_path / "near"), Client(tmp_path / "far")
    many: dict[str, Entry] = {f"shards/{number:04}.json": b"%d " % number * 1000 for number in range(1200)}
    for each in (near, far):
        each.login(registry.url, TOKEN)
    make_model(near.home.path, "many:v1", many)
    size = near.push("many:v1").moved
    far.pull("many:v1")
    made = make_model(near.home.path, "many:v2", {**many, "shards/0500b.json": b"new " * 250})
    near.push("many:v2")
    got = pulled(far.home.path, "many:v2")
    assert got["bytes_received"] < size / 4
    assert [each["name"] for each in got["changes"]["files"]] == ["shards/0500b.json"]
    assert differences(made, far.get("many:v2").path) == []
    far.delete("many:v2")
    rot(far, "many:v1", "shards/0010.json", 100)
    again = pulled(far.home.path, "many:v2")
    assert got["bytes_received"] < again["bytes_received"] < size / 2
    assert differences(made, far.get("many:v2").path) == []


def test_pages_are_shared_where_the_file_system_can(
    registry: RegistryProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Btrfs and XFS do it themselves; elsewhere a copy stands in for the kernel, which takes whole pages alone."""
    here, shared = Client(tmp_path / "here"), []

    def clone(target: int, request: int, argument: bytes) -> int:
        source, position, size, offset = struct.unpack("=qQQQ", argument)
        assert not (position | size | offset) % 4096
        with suppress(OSError):
            fcntl.ioctl(target, request, argument)
            shared.append(size)
            return 0
        shared.append(os.pwrite(target, os.pread(source, size, position), offset))
        return 0

    monkeypatch.setattr(files, "fcntl", SimpleNamespace(ioctl=clone))
    here.login(registry.url, TOKEN)
    make_model(here.home.path, "cow:v1", {"model.safetensors": weights()})
    here.push("cow:v1")
    made = make_model(here.home.path, "cow:v2", {"model.safetensors": weights(changed=7)})
    here.push("cow:v2")
    kept = tmp_path / "kept"
    made.rename(kept)
    outcome = here.run("pull", "cow:v2", progress=False)
    assert SIZE <= outcome.moved <= SIZE + 64 * 1024
    assert differences(kept, here.get("cow:v2").path) == []
    assert sum(shared) > (COUNT - 2) * SIZE
    here.delete("cow:v2")
    rot(here, "cow:v1", "model.safetensors", 3 * SIZE + 1000)
    outcome = here.run("pull", "cow:v2", progress=False)
    assert 2 * SIZE <= outcome.moved <= 2 * SIZE + 64 * 1024, "what was shared is proven as well"
    assert differences(kept, here.get("cow:v2").path) == []
