"""The real BentoML client against the registry, with each way to move bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness import zygote
from tests.harness.processes import environment

from .pushing import path
from .server import Server

PUSH = """
import os, sys
import bentoml
from bentoml._internal.configuration.containers import BentoMLContainer

def save(label, payload):
    with bentoml.models.create("stock:v1", labels={"stage": label}, metadata={"f1": 0.5}) as model:
        with open(model.path_of("weights.bin"), "wb") as file:
            file.write(payload)
        os.makedirs(model.path_of("tokenizer/deep"))
        with open(model.path_of("tokenizer/deep/vocab.txt"), "w") as file:
            file.write("a b c")

save("dev", os.urandom(3_000_000))
client = BentoMLContainer.bentocloud_client.get().model
stored = bentoml.models.BentoModel("stock:v1")
client.push(stored)
client.push(stored)
bentoml.models.delete("stock:v1")
save("prod", os.urandom(int(sys.argv[1])))
client.push(bentoml.models.BentoModel("stock:v1"), force=True)
for model in client.list().items:
    print(f"{model.repository.name}:{model.version}", {label.key: label.value for label in model.labels})
"""


def run(server: Server, home: Path, *command: str) -> str:
    """Run `bentoml`, or Python that uses it, as somebody would who has signed in."""
    done = zygote.run("bentoml", command, environment(home, server.url, server.token))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> dict[str, bytes]:
    """All files under a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("strategy", ["presigned_url", "proxy", "none"])
def test_stock_client_pushes_forces_lists_and_pulls(
    launch: Callable[..., Server], tmp_path: Path, strategy: str
) -> None:
    server = launch("--strategy", strategy)
    size = 105_000_000 if strategy == "presigned_url" else 17_000_000
    said = run(server, tmp_path / "one", "-c", PUSH, str(size))
    assert "already exists in remote model store, skipping" in said
    assert said.rstrip().endswith("stock:v1 {'stage': 'prod'}")
    assert "Successfully pulled" in run(server, tmp_path / "two", "models", "pull", "stock:latest")
    assert files(tmp_path / "two/models/stock/v1") == files(tmp_path / "one/models/stock/v1")
    model = server.client().ok("GET", path("stock", "v1"))
    assert model["transmission_strategy"] == (None if strategy == "none" else strategy)
    assert model["manifest"]["metadata"] == {"f1": 0.5}
    assert model["manifest"]["size_bytes"] == sum(map(len, files(tmp_path / "one/models/stock/v1").values()))


def test_stock_client_is_told_when_its_token_is_bad(registry: Server, tmp_path: Path) -> None:
    command = ["cloud", "login", "--endpoint", registry.url, "--api-token", "wrong"]
    done = zygote.run("bentoml", command, environment(tmp_path))
    assert done.returncode != 0
    assert "token" in (done.stdout + done.stderr).lower()
    command[-1] = registry.token
    done = zygote.run("bentoml", command, environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
