"""Exports to and imports from other file systems, each a real server: S3, FTP, SFTP and plain HTTP."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import asyncssh
import pytest

from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import MissingDependency, ModelExists, PermissionDenied, UsageError
from modelsync_jupyter.remotes.files.urls import find_place
from tests.harness.halting import kill_at
from tests.harness.models import MIB, Entry, differences, make_model
from tests.harness.ports import free_port, wait_for_port
from tests.harness.processes import environment
from tests.harness.s3 import BUCKET, s3_server

pytestmark = pytest.mark.processes
FILES: dict[str, Entry] = {"a.json": b"{}", "w.bin": 14 * MIB, "sub/v.bin": 5 * MIB, "empty": b""}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the environment of a user of the bucket has."""
    with s3_server(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture
def bucket(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of the bucket, with everything in the environment that is needed to use it."""
    from modelsync_jupyter.remotes.files import urls

    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    urls._object_store.cache_clear()
    yield f"s3://{BUCKET}"
    urls._object_store.cache_clear()


#: An SFTP server over a folder: its port and the folder are the arguments.
SFTP_SERVER = """
import asyncio, asyncssh, os, sys

class Server(asyncssh.SSHServer):
    def password_auth_supported(self): return True
    def validate_password(self, user, password): return (user, password) == ("ann", "secret")

async def serve(port, folder):
    key = asyncssh.generate_private_key("ssh-ed25519")
    print(f"[127.0.0.1]:{port}", key.export_public_key().decode(), flush=True)
    files = lambda channel: asyncssh.SFTPServer(channel, chroot=os.fsencode(folder))
    await asyncssh.listen("127.0.0.1", port, server_host_keys=[key], server_factory=Server, sftp_factory=files)
    await asyncio.Event().wait()

asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
"""


@pytest.fixture(params=["ftp", "sftp"])
def files(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, Path]]:
    """The URL of a server of files whose password is in the environment, and its folder."""
    import fsspec.config

    folder, port, protocol = tmp_path / "served", free_port(), request.param
    folder.mkdir()
    words = ["-c", SFTP_SERVER, str(port), str(folder)]
    if protocol == "ftp":
        words = ["-m", "pyftpdlib", "-p", str(port), "-w", "-i", "127.0.0.1", "-d", str(folder), "-u", "ann"]
        words += ["-P", "secret"]
    argv = [sys.executable, "-W", "ignore", *words]
    known = tmp_path / "user" / ".ssh" / "known_hosts"
    known.parent.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    with open(known, "w") as said, subprocess.Popen(argv, stdout=said, stderr=subprocess.DEVNULL) as child:
        try:
            wait_for_port(port)
            monkeypatch.setitem(fsspec.config.conf, protocol, {"username": "ann", "password": "secret"})
            yield f"{protocol}://127.0.0.1:{port}", folder
        finally:
            child.terminate()


@pytest.fixture
def near(tmp_path: Path) -> tuple[Client, Path]:
    made = make_model(tmp_path / "near", "m:v1", FILES)
    return Client(tmp_path / "near"), made


@pytest.mark.parametrize("format", ["tar", "zst", "folder"])
def test_a_round_trip_over_s3(bucket: str, near: tuple[Client, Path], tmp_path: Path, format: str) -> None:
    client, made = near
    outcome = client.export_model("m:v1", f"{bucket}/models/", format=format)
    assert (outcome.status, outcome.path) == ("exported", find_place(outcome.path).shown)
    assert differences(made, Client(tmp_path / "far").import_model(outcome.path).path) == []
    if format != "folder":  # a folder behind a URL says no digest of itself
        assert client.export_model("m:v1", outcome.path).status == "skipped"
    make_model(client.home.path, "m:v2", {"w": b"2"})
    with pytest.raises(ModelExists):
        client.export_model("m:v2", outcome.path, format=format)
    client.export_model("m:v2", outcome.path, format=format, force=True)
    assert Client(tmp_path / "other").import_model(outcome.path).tag.version == "v2"


def test_a_killed_export_to_s3_shows_nothing(bucket: str, near: tuple[Client, Path]) -> None:
    client, _ = near
    env = environment(client.home.path, **{key: os.environ[key] for key in os.environ if key.startswith("AWS_")})
    path = f"{bucket}/killed/m.tar"
    kill_at("modelsync_jupyter.remotes.files.urls:_RemoteWriter.write", 2, ["export", "m:v1", path], env)
    assert find_place(path).kind() == ""
    assert client.export_model("m:v1", path).status == "exported"


def test_a_failed_export_to_s3_shows_nothing(bucket: str, near: tuple[Client, Path]) -> None:
    """What a driver completes as soon as it is closed or forgotten must not be half an archive."""
    client, made = near
    path = f"{bucket}/failed/m.tar"

    def change(progress: object) -> None:
        if getattr(progress, "done", 0) > 8 * MIB:
            (made / "w.bin").write_bytes(b"changed")

    with pytest.raises(Exception, match="was changed while it was being read"):
        client.export_model("m:v1", path, threads=1, rate_limit="20MB", progress=change)
    assert find_place(path).kind() == ""


def test_a_round_trip_over_ftp_and_sftp(files: tuple[str, Path], tmp_path: Path) -> None:
    client, (url, folder) = Client(tmp_path / "near"), files
    made = make_model(client.home.path, "m:v1", {"a.json": b"{}", "w.bin": 9 * MIB, "sub/empty": b""})
    outcome = client.export_model("m:v1", f"{url}/deep/", format="tar")
    assert os.listdir(folder / "deep") == ["m-v1.tar"]
    assert differences(made, Client(tmp_path / "far").import_model(outcome.path).path) == []
    make_model(client.home.path, "m:v2", {"w": b"2"})
    client.export_model("m:v2", outcome.path, force=True)
    assert Client(tmp_path / "far").import_model(outcome.path).tag.version == "v2"
    assert os.listdir(folder / "deep") == ["m-v1.tar"]


@pytest.mark.parametrize("files", ["sftp"], indirect=True)
def test_a_host_whose_key_is_not_known_gets_no_password(files: tuple[str, Path], near: tuple[Client, Path]) -> None:
    client, (url, folder) = near[0], files
    known = Path(os.environ["HOME"]) / ".ssh" / "known_hosts"
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    known.write_text(f"{known.read_text().split()[0]} {other}")
    with pytest.raises(PermissionDenied, match="has another key"):
        client.export_model("m:v1", f"{url}/m.tar")
    known.unlink()
    with pytest.raises(PermissionDenied, match="is not known") as caught:
        client.export_model("m:v1", f"{url}/m.tar")
    assert f"ssh-keyscan -p {url.rpartition(':')[2]} 127.0.0.1" in caught.value.step.text
    assert os.listdir(folder) == []


@pytest.mark.parametrize("name", ["m.tar", "m.zst"])
def test_an_import_over_http_without_ranges(near: tuple[Client, Path], tmp_path: Path, name: str) -> None:
    client, made = near
    client.export_model("m:v1", tmp_path / "www" / name)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{name}"
        far = Client(tmp_path / "far")
        assert differences(made, far.import_model(url).path) == []
        far.delete("m:v1")
        far.import_model(f"{url}?X-Signature=verysecret")
        server.shutdown()
    records = "".join(path.read_text() for path in (tmp_path / "far" / ".modelsync").rglob("*.json*"))
    assert "verysecret" not in records
    with pytest.raises(UsageError, match="signature"):
        far.import_in_background(f"{url}?X-Signature=verysecret")


def test_what_is_missing_or_wrong_is_named(near: tuple[Client, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = near
    with monkeypatch.context() as patch:
        patch.setattr("modelsync_jupyter.remotes.files.urls.find_spec", lambda name: None)  # gcsfs really is missing
        with pytest.raises(MissingDependency, match=r"modelsync_jupyter\[gs\]"):
            client.export_model("m:v1", "gs://bucket/m.tar")
    with pytest.raises(MissingDependency, match="smbprotocol"):
        client.export_model("m:v1", "smb://host/m.tar")
    with pytest.raises(UsageError, match="FSSPEC_FTP_PASSWORD") as caught:
        client.export_model("m:v1", "ftp://ann:secret@host/m.tar")
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError, match="nothing://host"):
        client.import_model("nothing://host/m.tar")
    with pytest.raises(UsageError, match="There is nothing at"):
        client.import_model("/no/such/file")
