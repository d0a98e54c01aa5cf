"""What those who run a registry read: its log, its metrics, and the description of its API."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import requests
from prometheus_client.mmap_dict import MmapedDict

from modelsync_jupyter.core.errors import ModelSyncError, UsageError
from modelsync_jupyter.registry import Settings, server
from modelsync_jupyter.registry.metrics import FOLDER, keep_metrics, reserve_metrics, trim_metrics
from modelsync_jupyter.registry.observing import Metrics
from modelsync_jupyter.registry.server import serve
from modelsync_jupyter.registry.service import Registry
from tests.harness.clock import wait_until
from tests.harness.ports import free_port
from tests.harness.processes import MODELSYNC, TOKEN

from . import pushing
from .people import House
from .server import Server

pytestmark = pytest.mark.processes


def test_log_and_metrics_tell_of_requests_and_no_secrets(launch: Callable[..., Server], name: str) -> None:
    scraper = "prometheus-0123456789"
    server = launch("--log", "json", "--workers", "2", MODELSYNC_METRICS_TOKEN=scraper)
    client = server.client()
    archive = pushing.push(client, name, "v1")
    link = pushing.download_url(client, name, "v1")
    for _ in range(3):  # of which each may be answered by another process
        assert requests.get(link, timeout=30).content == archive
    assert client.call("GET", f"/model_repositories/{name}-none").status_code == 404
    assert client.call("GET", "/models").headers["Cache-Control"] == "no-store"

    for header in ("", f"Basic {scraper}", f"Bearer {scraper}x", f"Bearer {server.token}"):
        assert requests.get(f"{server.url}/metrics", headers={"Authorization": header}, timeout=30).status_code == 401

    def read() -> dict[str, str]:
        text = requests.get(f"{server.url}/metrics", headers={"Authorization": f"bearer {scraper}"}, timeout=30).text
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    route = 'modelsync_requests_total{method="GET",route="/objects/archives/<uid>",status="200"}'
    wait_until(lambda: float(read().get(route, 0)) >= 3, "the last download, which is counted after its last byte")
    samples = read()
    assert float(samples[route]) == 3
    assert float(samples["modelsync_sent_bytes_total"]) > 3 * len(archive)
    assert float(samples["modelsync_versions"]) == 1
    assert float(samples["modelsync_archive_bytes"]) == len(archive)
    files = list(server.data.glob("metrics/*/*.db"))
    assert len(files) == 2 * 3
    for file in files:  # a hole that is written to through memory on a full disk ends the process
        assert file.stat().st_blocks * 512 >= file.stat().st_size
    server.kill()
    server.start()
    assert len(list(server.data.glob("metrics/*/lock"))) == 1  # not those of the server that was killed
    assert server.stop() == 0
    assert not list(server.data.glob("metrics/*/lock"))
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    seen = [line for line in lines if line.get("path", "").startswith("/objects/archives/")]
    assert [(line["status"], line["sent"], line["method"]) for line in seen] == [(200, len(archive), "GET")] * 3
    refused = next(line for line in lines if line.get("status") == 404)
    assert refused["user"] == "admin"
    assert refused["route"] == "/api/v1/model_repositories/<name>"
    assert TOKEN not in server.log
    assert scraper not in server.log
    assert "signature" not in server.log


def test_a_server_goes_on_where_its_metrics_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fcntl.flock

    def flock_of_nfs(file: IO[bytes], how: int) -> None:  # byte ranges stand for it: see flock(2)
        if how & fcntl.LOCK_EX and fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(file, how)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setenv(FOLDER, "")
    monkeypatch.setattr(fcntl, "flock", flock_of_nfs)
    (tmp_path / "metrics" / "killed").mkdir(parents=True)
    with keep_metrics(tmp_path):
        first = Path(os.environ[FOLDER])
        with keep_metrics(tmp_path):  # another server over the same data: it leaves alone what lives
            assert {each.parent for each in tmp_path.glob("metrics/*/*.db")} == {first, Path(os.environ[FOLDER])}
        monkeypatch.setattr(fcntl, "flock", refuse)
        with keep_metrics(tmp_path):
            assert FOLDER not in os.environ
            assert first.exists()
    assert [each.name for each in tmp_path.glob("metrics/*")] == ["lock"]


def test_of_a_process_that_died_its_metrics_are_kept_and_not_the_room_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert reserve_metrics(4711)
    file = tmp_path / "counter_4711.db"
    assert file.stat().st_size > 1 << 20
    kept = MmapedDict(str(file))
    kept.write_value("some", 3.0, 0.0)
    kept.close()
    trim_metrics(4711)
    trim_metrics(4712)  # which has none
    assert all(each.stat().st_size < 100 for each in tmp_path.iterdir())
    assert [each[:2] for each in MmapedDict.read_all_values_from_file(str(file))] == [("some", 3.0)]
    assert list(MmapedDict.read_all_values_from_file(str(tmp_path / "histogram_4711.db"))) == []


def test_sockets_that_are_handed_over_are_not_taken_for_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = listening.getsockname()
        with pytest.raises(ModelSyncError, match="Cannot listen"):
            server._check_address(*where)
        monkeypatch.setenv("GUNICORN_FD", str(listening.fileno()))
        server._check_address(*where)


def test_metrics_are_made_once_a_second_however_many_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, moment = House(tmp_path, monkeypatch), 0.0
    metrics = Metrics(house.registry, lambda: moment)
    assert b"modelsync_repositories 0.0" in metrics.read()
    house.admin.ok("POST", "/model_repositories", {"name": "iris"})
    assert b"modelsync_repositories 0.0" in metrics.read()
    moment = 1.0
    assert b"modelsync_repositories 1.0" in metrics.read()
    house.registry.database.close()


@pytest.mark.parametrize(
    ("environ", "db", "said"),
    [
        ({}, "postgresql+psycopg://ann:pa55word@host:port/db", "URL of the catalog"),
        ({}, "sqlite:///{data}/text", "text` cannot be read"),
        ({"MODELSYNC_TRUST_FORWARDED": "maybe"}, None, "MODELSYNC_TRUST_FORWARDED: `maybe`"),
        ({"MODELSYNC_DIRECT": "none"}, None, "MODELSYNC_DIRECT: `none`"),
        ({"MODELSYNC_METRICS_TOKEN": "short"}, None, "MODELSYNC_METRICS_TOKEN has fewer"),
        ({"MODELSYNC_METRICS_TOKEN": "schlüssel" * 3}, None, "others than ASCII"),
        ({"MODELSYNC_URL_SECRET": "short"}, None, "URLs could be forged"),
    ],
)
def test_what_is_set_wrong_is_said(
    environ: dict[str, str], db: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text").write_text("no database" * 100)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said) as refused:
        Registry.open(Settings.from_environment(tmp_path, db and db.format(data=tmp_path)))
    assert "pa55word" not in str(refused.value)


def test_port_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="65536 is not a port"):
        serve(data=tmp_path, port=65536)
    assert not list(tmp_path.iterdir())


def test_an_empty_secret_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "url-secret").write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        Registry.open(Settings(tmp_path))


def test_password_of_the_catalog_is_in_no_list_of_processes(tmp_path: Path) -> None:
    """It may come from the environment; and a URL that is wrong is not repeated."""
    env = {**os.environ, "MODELSYNC_DB": "nosuchdb://ann:pa55word@host/db"}
    command = [*MODELSYNC, "serve", "--data", str(tmp_path / "data"), "--port", str(free_port())]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)
    assert ended.returncode != 0
    assert "URL of the catalog" in ended.stderr
    assert "pa55word" not in ended.stderr + ended.stdout


def test_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also one that was there before, as a mounted volume is."""
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    Registry.open(Settings(data)).database.close()
    assert data.stat().st_mode & 0o777 == 0o700


def test_the_api_is_described_and_nothing_that_fits_the_description_breaks_it(registry: Server) -> None:
    """Schemathesis tries every operation with a few requests made up from its description."""
    described = requests.get(f"{registry.url}/api/v1/openapi.json", timeout=30).json()
    start = described["paths"]["/api/v1/model_repositories/{name}/models/{version}/start_multipart_upload"]["patch"]
    fields = start["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert {"parts", "manifest", "labels"} <= set(fields)
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{registry.url}/api/v1/openapi.json"]
    command += ["--checks", "not_a_server_error", "--phases", "fuzzing", "--mode", "positive"]
    command += ["--max-examples", "1", "--seed", "1"]
    command += ["--header", f"X-YATAI-API-TOKEN: {TOKEN}", "--no-color", "--max-time", "15"]
    command += ["--exclude-path-regex", "api_tokens/"]  # revoking the token of the others' tests
    env = {**os.environ, "NO_PROXY": "127.0.0.1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, env=env)
    assert ended.returncode == 0, ended.stdout[-3000:]
    assert "passed" in ended.stdout
