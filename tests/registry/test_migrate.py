"""A registry moves to other engines and back, and into backups, while it serves and past kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import create_engine

from modelsync_jupyter.cli.main import main
from modelsync_jupyter.registry import Settings
from modelsync_jupyter.registry.migrate import _THREADS
from modelsync_jupyter.registry.service import Registry, ensure_admin
from tests.harness.models import MIB, differences, make_model
from tests.harness.postgresql import Postgresql
from tests.harness.processes import environment, modelsync
from tests.harness.s3 import BUCKET, s3_server

from .pushing import download_url, finish, model_tar, path, push, register, send, start
from .server import Client, Server
from .test_postgresql import cluster  # noqa: F401  # a fixture

pytestmark = pytest.mark.processes
#: `modelsync`, killed as `kill -9` does when the fourth blob has arrived.
_KILLED = """
import os, signal, sys
from modelsync_jupyter.cli.main import main
from modelsync_jupyter.registry.blobs import objects
commit, count = objects._Writing.commit, []
def last(self):
    blob = commit(self)
    count.append(blob)
    if len(count) >= 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return blob
objects._Writing.commit = last
main(sys.argv[1:])
"""


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[dict[str, str]]:
    """What the environment of a user of the bucket has."""
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as settings:
        yield settings


@pytest.fixture
def copy(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `modelsync registry ...` in this process; returns its JSON, or what it said where it fails with `code`."""

    def run(*words: object, code: int = 0, **env: str) -> Any:
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            found = main(["registry", *map(str, words), "-o", "json"])
        said = capsys.readouterr()
        assert found == code, said.err
        return json.loads(said.out) if code == 0 else said.err

    return run


def _archive(client: Client, name: str, version: str) -> bytes:
    return requests.get(download_url(client, name, version), timeout=30).content


def test_a_registry_moves_to_postgresql_and_s3_and_back_without_a_push(
    cluster: Postgresql,  # noqa: F811
    s3: dict[str, str],
    launch: Callable[..., Server],
    copy: Callable[..., Any],
    tmp_path: Path,
) -> None:
    url = cluster.make_database("moved")
    first = launch("--workers", "1")
    client = first.client()
    archives = {("m", "v1"): push(client, "m", "v1", model_tar("m", "v1", os.urandom(8 * MIB)))}
    register(client, "m", "half")
    upload = start(client, "m", "half")["upload_id"]
    token = first.user("ann").token

    words = ["migrate", "--from-data", first.data, "--to-data", tmp_path / "moved"]
    words += ["--to-blobs", f"s3://{BUCKET}/moved"]
    env = {**s3, "MODELSYNC_TO_DB": url}
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, "registry", *map(str, words)],
        env={**os.environ, **env},
        timeout=60,
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    done = copy(*words, **env)
    assert done["versions"] == 1
    kept = done["blobs"] - done["copied"]
    assert 4 <= kept <= 3 + _THREADS, "what was copied before the kill was copied again"
    archives["m", "v2"] = push(client, "m", "v2", model_tar("m", "v2", b"new"))
    assert (copy(*words, **env)["copied"], copy(*words, **env)["copied"]) == (1, 0)
    assert first.stop() == 0

    second = Server(tmp_path / "moved", ("--db", url, "--blobs", f"s3://{BUCKET}/moved", "--workers", "1"), **s3)
    second.start()
    try:
        client = second.client()
        assert {key: _archive(client, *key) for key in archives} == archives
        assert second.client(token).ok("GET", "/auth/current")["name"] == "ann"
        assert client.ok("GET", path("m", "half"))["upload_status"] == "failed"
        body = {"upload_id": upload, "part_number": 1}
        assert client.call("PATCH", path("m", "half", "presign_multipart_upload_url"), body).status_code == 404
        archives["m", "half"] = model_tar("m", "half", b"again")
        send(client, "m", "half", archives["m", "half"])
        assert finish(client, "m", "half").status_code == 200
        made = make_model(tmp_path / "ann", "ours:v1", {"w.bin": 5 * MIB})
        assert modelsync("push", "ours:v1", env=environment(tmp_path / "ann", second.url, second.token)).returncode == 0
        assert "was used since" in copy(*words, code=2, **env)
        back = ["backup", tmp_path / "back" / "data", "--data", second.data, "--blobs", f"s3://{BUCKET}/moved"]
        (tmp_path / "back").mkdir()
        assert copy(*back, **s3, MODELSYNC_DB=url)["versions"] == 4
    finally:
        assert second.stop() == 0
    assert "Traceback" not in second.log, second.log
    third = Server(tmp_path / "back" / "data", ("--workers", "1")).start()
    try:
        client = third.client()
        assert {key: _archive(client, *key) for key in archives} == archives
        assert modelsync("pull", "ours:v1", env=environment(tmp_path / "bob", third.url, third.token)).returncode == 0
        assert differences(made, tmp_path / "bob" / "models" / "ours" / "v1") == []
    finally:
        assert third.stop() == 0


def test_a_backup_is_brought_up_to_date_and_names_what_is_broken(
    launch: Callable[..., Server], copy: Callable[..., Any], tmp_path: Path
) -> None:
    server, other = launch("--workers", "1"), Settings(tmp_path / "other")
    registry = Registry.open(other)
    ensure_admin(registry)
    registry.database.close()
    client, backup = server.client(), tmp_path / "backup"
    whole = push(client, "m", "good", model_tar("m", "good", b"good"))
    broken = push(client, "m", "bad", model_tar("m", "bad", os.urandom(2 * MIB)))
    catalog = create_engine(f"sqlite:///{server.data / 'catalog.db'}")
    with catalog.connect() as connection:  # the blob of the part as it was sent is garbage: the registry has cut again
        largest = "SELECT digest FROM archive_parts ORDER BY stop - start DESC LIMIT 1"
        digest = connection.exec_driver_sql(largest).scalar_one().removeprefix("blake3:")
    catalog.dispose()
    blob = server.data / "blobs" / digest[:2] / digest
    blob.write_bytes(bytes(blob.stat().st_size))
    said = copy("backup", backup, "--data", server.data, code=1)
    assert f"rotten: blake3:{blob.name} (m:bad)" in said
    blob.unlink()
    assert f"missing: blake3:{blob.name} (m:bad)" in copy("backup", backup, "--data", server.data, code=1)
    send(client, "m", "bad", broken)
    assert finish(client, "m", "bad").status_code == 200
    assert copy("backup", backup, "--data", server.data)["copied"] == 1
    assert backup.stat().st_mode & 0o777 == 0o700
    assert "another registry" in copy("backup", backup, "--data", other.data, code=2)
    assert "another registry" in copy("backup", other.data, "--data", server.data, code=2)
    assert "same catalog" in copy("backup", server.data, "--data", server.data, code=2)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    away = "postgresql+psycopg://modelsync:secret@127.0.0.1:1/none"
    broke = copy("backup", backup, "--data", server.data, code=1, MODELSYNC_DB=away)
    assert "broke off" in broke
    assert "secret" not in broke
    assert "other things" in copy("backup", tmp_path / "full", "--data", server.data, code=2)
    restored = Server(backup, ("--workers", "1")).start()
    try:
        client = restored.client()
        assert (_archive(client, "m", "good"), _archive(client, "m", "bad")) == (whole, broken)
    finally:
        assert restored.stop() == 0
