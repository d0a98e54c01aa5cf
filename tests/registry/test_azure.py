"""Blobs in a container of Azure: our clients send the header that it wants, and others send their bytes through us."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from modelsync_jupyter.registry import Settings, create_app
from modelsync_jupyter.registry.blobs.objects import ObjectBlobs
from modelsync_jupyter.registry.routes.objects import direct_store
from modelsync_jupyter.registry.service import Registry
from modelsync_jupyter.registry.values import Fields
from modelsync_jupyter.wire import PUT_HEADERS
from tests.harness.azure import CONTAINER, MISSING, azure_server
from tests.harness.halting import kill_at
from tests.harness.models import MIB, differences, make_model
from tests.harness.processes import environment, modelsync

from .contract import ObjectsContract, RegistryContract
from .pushing import model_tar, parts_json, register, start
from .server import Client, Server, serving

needs_azurite = pytest.mark.skipif(bool(MISSING), reason=MISSING)
_SENT, _RECEIVED = "modelsync_sent_bytes_total", "modelsync_received_bytes_total"


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the environment of a user of the container has."""
    with azure_server(tmp_path_factory.mktemp("azure")) as settings:
        yield settings


@pytest.fixture(scope="module")
def registry(azure: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In the place of the one over a folder."""
    with serving(tmp_path_factory.mktemp("container"), "--blobs", f"az://{CONTAINER}/registry", **azure) as server:
        yield server


def test_only_clients_that_can_send_what_azure_wants_along_are_sent_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=a;AccountKey=a2V5")
    monkeypatch.setattr("modelsync_jupyter.registry.blobs.objects._SIGN_SECONDS", {"az": 10.0})  # on a busy machine
    registry = Registry.open(Settings(tmp_path, blobs="az://models"))
    with create_app(registry).app_context():
        store = direct_store()
        assert isinstance(store, ObjectBlobs)
        (url,) = store.sign("PUT", ["direct/a/1"], 60)
        assert url.startswith("https://a.blob.core.windows.net/models/direct/a/1?")
        assert direct_store(Fields({"headers": list(PUT_HEADERS)})) is store
        assert direct_store(Fields({"headers": ["x-other"]})) is direct_store(Fields({})) is None
    registry.database.close()


@needs_azurite
@pytest.mark.processes
class TestContainer(ObjectsContract):
    root = f"az://{CONTAINER}"

    @pytest.fixture(autouse=True)
    def _environment(self, azure: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in azure.items():
            monkeypatch.setenv(name, value)


@needs_azurite
@pytest.mark.processes
class TestOverContainer(RegistryContract):
    """A team's store of blobs, as stock clients see it."""


@needs_azurite
@pytest.mark.processes
def test_bytes_of_our_client_do_not_pass_the_registry(
    azure: dict[str, str], launch: Callable[..., Server], tmp_path: Path
) -> None:
    """Push, resume after a kill, delta and pull; of a client that does not know the header, all bytes do."""
    server = launch("--workers", "1", "--blobs", f"az://{CONTAINER}/direct", **azure)
    ann, bob = (environment(tmp_path / who, server.url, server.token) for who in ("ann", "bob"))
    made = make_model(tmp_path / "ann", "m:v1", {"w.bin": 40 * MIB, "a.txt": b"a"})
    kill_at("modelsync_jupyter.remotes.http:Http.put", 4, ["push", "m:v1", "--threads", "1"], ann)
    resumed = json.loads(modelsync("push", "m:v1", "-o", "json", env=ann).stdout)
    assert resumed["status"] == "pushed"
    assert 0 < resumed["bytes_sent"] < 38 * MIB
    pulled = json.loads(modelsync("pull", "m:v1", "-o", "json", env=bob).stdout)
    assert pulled["bytes_received"] > 40 * MIB
    assert differences(made, tmp_path / "bob" / "models" / "m" / "v1") == []
    changed = (made / "w.bin").read_bytes()
    made = make_model(tmp_path / "ann", "m:v2", {"w.bin": os.urandom(1000) + changed, "a.txt": b"a"})
    planned = json.loads(modelsync("push", "m:v2", "--dry-run", "-o", "json", env=ann).stdout)
    second = json.loads(modelsync("push", "m:v2", "-o", "json", env=ann).stdout)
    assert planned["forecast"]["bytes_moved"] == second["bytes_sent"] < 6 * MIB
    assert modelsync("pull", "m:v2", env=bob).returncode == 0
    assert differences(made, tmp_path / "bob" / "models" / "m" / "v2") == []
    counts = dict(line.rsplit(" ", 1) for line in requests.get(f"{server.url}/metrics", timeout=30).text.splitlines())
    assert float(counts[_RECEIVED]) + float(counts[_SENT]) < 2 * MIB
    client: Client = server.client()
    archive = model_tar("old", "v1", os.urandom(100_000))
    register(client, "old", "v1")
    begun = start(client, "old", "v1", {"parts": parts_json([archive]), "direct": True})["modelsync"]
    assert "urls" not in begun
    assert begun["runs"].startswith(server.url)
    assert requests.put(begun["runs"].replace("?", "/1-1?", 1), data=archive, timeout=30).status_code == 200
