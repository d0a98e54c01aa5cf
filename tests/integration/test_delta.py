"""Only what changed travels, both ways, and what is here already is copied and checked."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelsync_jupyter.client import Client
from tests.harness.models import MIB, differences, make_model
from tests.harness.processes import TOKEN, RegistryProcess, environment, modelsync
from tests.harness.yatai import Yatai

from .test_care import rot

pytestmark = pytest.mark.processes
COUNT, SIZE = 12, MIB


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    with RegistryProcess(tmp_path_factory.mktemp("registry")) as process:
        yield process


def weights(changed: int = -1) -> bytes:
    """A safetensors file of a dozen tensors, one of which may have other values."""
    header: dict[str, Any] = {}
    values = []
    for number in range(COUNT):
        value = np.random.default_rng(number + (1000 if number == changed else 0)).bytes(SIZE)
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


@pytest.mark.parametrize("extended", [True, False], ids=["our registry", "another"])
def test_a_changed_tensor_is_all_that_travels(registry: RegistryProcess, tmp_path: Path, extended: bool) -> None:
    with Yatai(tmp_path / "yatai") as other:
        url = registry.url if extended else other.url
        near, far = Client(tmp_path / "near"), Client(tmp_path / "far")
        small = {"config.json": b"{}", "vocab.txt": b"word " * 40_000}
        for each in (near, far):
            each.login(url, TOKEN)
        make_model(near.home.path, "delta:v1", {"model.safetensors": weights(), **small})
        assert near.push("delta:v1").moved > COUNT * SIZE
        far.pull("delta:v1")
        made = make_model(near.home.path, "delta:v2", {"model.safetensors": weights(changed=5), **small})
        second = near.push("delta:v2")
        assert not extended or SIZE <= second.moved <= SIZE + 64 * 1024
        got = pulled(far.home.path, "delta:v2")
        assert SIZE <= got["bytes_received"] <= SIZE + 512 * 1024  # and the small files
        assert got["state"] == "in sync"
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
