"""Aliases, labels, history, deleting and restoring from the shell and Python, against a running registry."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.cli.main import main
from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import Conflict, ModelNotFound
from tests.harness.clock import wait_until

from ..registry.server import Server

pytestmark = pytest.mark.processes


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data").start()
    yield server
    server.stop()


def test_from_alias_to_restore(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, other = tmp_path / "home", Client(tmp_path / "other")
    client = Client(home)
    for each in (client, other):
        each.login(server.url, server.token)

    def run(*words: str, code: int = 0) -> str:
        assert main([*words, "--home", str(home)]) == code, capsys.readouterr()
        said = capsys.readouterr()
        return said.out + said.err

    for version in ("v1", "v2"):
        (tmp_path / "file").write_text(version)
        client.push(client.save(f"sentiment:{version}", tmp_path / "file").tag)
    run("alias", "sentiment:v1", "production", "--expect", "")
    assert "is now version `v2`" in run("alias", "sentiment:v2", "production", "--expect", "v1")
    run("alias", "sentiment:v1", "production", "--expect", "v1", code=1)
    assert "v2" in run("alias", "sentiment")

    pulled = other.pull("sentiment:production")
    assert str(pulled.tag) == "sentiment:v2"
    assert (pulled.path / "file").read_text() == "v2"
    assert not (tmp_path / "other" / "models" / "sentiment" / "production").exists()
    assert str(other.get_remote("sentiment:production").tag) == "sentiment:v2"
    (tmp_path / "file").write_text("another")
    taken = other.save("sentiment:production", tmp_path / "file")
    with pytest.raises(Conflict, match="is an alias of `sentiment:v2`"):
        other.push(taken.tag)

    run("label", "sentiment:v1", "stage=old", "team=nlp", "--description", "the first")
    run("label", "sentiment:v1", "stage=older", "--remove", "team")
    shown = run("get", "--remote", "sentiment:v1")
    assert "the first" in shown
    shown = json.loads(run("get", "--remote", "sentiment:production", "-o", "json"))
    assert (shown["tag"], shown["aliases"]) == ("sentiment:v2", ["production"])
    run("get", "--remote", "sentiment:v1", "-o", "path", code=2)
    assert run("push", "sentiment:v1").splitlines()[-1] == f"{server.url}/models/sentiment/v1"
    assert "on this computer. Labels: stage=here" in run("label", "sentiment:v1", "stage=here", "--local")
    assert "has a different model" in run("push", "sentiment:v1")
    run("label", "sentiment:v1", "--remove", "stage", "--local")
    assert "has it already" in run("push", "sentiment:v1")
    listed = json.loads(run("list", "--remote", "--query", "label:stage=older", "-o", "json"))
    assert [(model["tag"], model["labels"]) for model in listed] == [("sentiment:v1", {"stage": "older"})]

    def downloaded() -> list[dict[str, Any]]:
        found = json.loads(run("list", "--remote", "--query", "alias:production", "-o", "json"))
        return found if found[0]["downloads"] else []

    listed = wait_until(downloaded, "downloads, which are written down once a second")
    assert [(model["tag"], model["aliases"], model["downloads"] > 0) for model in listed] == [
        ("sentiment:v2", ["production"], True)
    ]
    run("delete", "--remote", "sentiment:v2", "--yes", code=1)
    run("delete", "--remote", "sentiment:v1", code=2)
    assert "undoes" in run("delete", "--remote", "sentiment:v1", "--yes")
    assert "sentiment:v1" in run("restore")
    gone = json.loads(run("restore", "-o", "json"))
    assert [(each["tag"], each["deleted_by"], each["restorable_until"] > each["deleted"]) for each in gone] == [
        ("sentiment:v1", "admin", True)
    ]
    run("restore", "sentiment:v1")
    assert "Deleted" in run("delete", "--remote", "sentiment", "--yes")
    with pytest.raises(ModelNotFound):
        client.get_remote("sentiment:v1")
    run("restore", "sentiment")
    deeds = json.loads(run("history", "sentiment:v1", "-o", "json"))
    assert [deed["operation"] for deed in deeds] == [
        *("restored", "deleted", "restored", "deleted", "changed", "changed", "aliased", "aliased", "pushed"),
    ]
    assert {(deed["address"], deed["client"].partition("/")[0]) for deed in deeds} == {
        ("127.0.0.1", "modelsync-jupyter")
    }
    assert "production: v1 -> v2" in run("history", "sentiment", "--alias", "production")

    assert "Would free 0 B" in run("registry", "gc", "--data", str(server.data), "--dry-run")
    assert "all are as they were received" in run("registry", "verify", "--data", str(server.data))
    blob = max(server.data.glob("blobs/??/*"), key=os.path.getsize)
    blob.write_bytes(b"rot")
    assert "rotten: blake3:" in run("registry", "verify", "--data", str(server.data), code=1)
