"""The real BentoML client against the registry, with each way to move bytes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.harness import zygote
from tests.harness.ports import free_port, wait_for_port
from tests.harness.processes import environment

from .pushing import model_tar, path, push
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


CONTEXT = {"framework_name": "", "framework_versions": {}, "bentoml_version": "1.4.39", "python_version": "3.11.7"}
SERVICE = """
import bentoml

@bentoml.service(workers=2)
class Sentiment:
    model = bentoml.models.BentoModel("sentiment:production")

    @bentoml.api
    def version(self) -> str:
        with open(self.model.path_of("weights.bin")) as file:
            return file.read()
"""
PULL = r"""
import bentoml

print("\n", bentoml.models.BentoModel("sentiment:production").to_info().tag)
for _ in range(2):
    model = bentoml.models.BentoModel("sentiment:production").resolve()
    print("\n", model.tag, model.info.metadata["alias_of"])
print("\n", bentoml.models.pull("sentiment:production").tag)
"""


def test_stock_client_and_its_services_find_a_model_by_an_alias(registry: Server, tmp_path: Path) -> None:
    admin, home = registry.client(), tmp_path / "one"
    for version in ("v1", "v2"):
        facts = {"options": {}, "metadata": {}, "context": CONTEXT, "signatures": {}, "api_version": "v1"}
        push(admin, "sentiment", version, model_tar("sentiment", version, version.encode(), **facts))
    alias = "/model_repositories/sentiment/aliases/production"
    admin.ok("PUT", alias, {"version": "v1"})
    said = run(registry, home, "-c", PULL).splitlines()
    assert [line.strip() for line in said if line.startswith(" sentiment:")] == [
        "sentiment:v1",
        *["sentiment:production sentiment:v1"] * 2,
        "sentiment:production",
    ]
    (tmp_path / "service.py").write_text(SERVICE)
    port = str(free_port())
    command = [sys.executable, "-m", "bentoml", "serve", "service:Sentiment", "--working-dir", str(tmp_path)]
    env = environment(tmp_path / "two", registry.url, registry.token)
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen([*command, "--port", port], env=env, stdout=log, stderr=log)
    try:
        wait_for_port(int(port))
        answers = {requests.post(f"http://127.0.0.1:{port}/version", json={}, timeout=60).text for _ in range(6)}
    finally:
        service.terminate()
        service.wait(timeout=60)
    assert answers == {"v1"}, (tmp_path / "log").read_text()
    admin.ok("PUT", alias, {"version": "v2"})
    assert "Successfully pulled" in run(registry, home, "models", "pull", "-f", "sentiment:production")
    assert (home / "models/sentiment/production/weights.bin").read_text() == "v2"


def test_stock_client_is_told_when_its_token_is_bad(registry: Server, tmp_path: Path) -> None:
    command = ["cloud", "login", "--endpoint", registry.url, "--api-token", "wrong"]
    done = zygote.run("bentoml", command, environment(tmp_path))
    assert done.returncode != 0
    assert "token" in (done.stdout + done.stderr).lower()
    command[-1] = registry.token
    done = zygote.run("bentoml", command, environment(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
