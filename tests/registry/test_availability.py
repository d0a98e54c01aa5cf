"""Slow and silent clients keep nobody out, and a catalog that is away is waited for."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.harness.clock import wait_until, within

from . import pushing
from .server import Client, Server

pytestmark = pytest.mark.processes
#: Of each kind: together more than all threads there are, three times over.
CROWD = 60
PROMISED = "POST /api/v1/model_repositories HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n"


@contextlib.contextmanager
def crowd(url: str, texts: list[str]) -> Iterator[list[socket.socket]]:
    """Connections on which only these texts are said, and nothing that comes back is read."""
    where = urlsplit(url)
    with contextlib.ExitStack() as stack:
        found = []
        for text in texts:
            found.append(stack.enter_context(socket.create_connection((where.hostname, where.port), timeout=30)))
            found[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            found[-1].sendall(text.encode())
        yield found


def test_slow_and_silent_clients_keep_nobody_out(launch: Callable[..., Server], name: str) -> None:
    server = launch("--threads", "8")
    client = server.client()
    archive = pushing.push(client, name, "v1", pushing.model_tar(name, "v1", os.urandom(8_000_000)))
    link = urlsplit(pushing.download_url(client, name, "v1"))
    upload = pushing.start(client, name, "v1")["upload_id"]
    part = urlsplit(pushing.part_url(client, name, "v1", upload))
    get = f"GET {link.path}?{link.query} HTTP/1.1\r\nHost: a\r\n\r\n"
    put = f"PUT {part.path}?{part.query} HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\nbegin"
    texts = ["", "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Unfinished", PROMISED, f"{PROMISED}{{", get, put]
    with crowd(server.url, texts * CROWD):
        with within(10):
            for _ in range(20):
                assert requests.get(f"{server.url}/healthz", timeout=30).status_code == 200
                assert client.ok("GET", "/models")["total"] == 1
        assert requests.get(link.geturl(), timeout=30).content == archive
        pushing.push(client, f"{name}-2", "v1")
    assert "Traceback" not in server.log


def test_unfinished_forms_of_strangers_do_not_keep_pushes_out(launch: Callable[..., Server], name: str) -> None:
    """A body that Flask reads while it arrives holds a thread: nobody gets one without a token.

    There are more of them than files may be open by default here: the server asks for more.
    """
    few, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
    try:
        server = launch("--workers", "1")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, most))
    client = server.client()
    cookies = requests.get(f"{server.url}/sign-in", timeout=30).cookies.items()
    form = "POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    form += f"Cookie: {'; '.join(f'{key}={value}' for key, value in cookies)}\r\nContent-Length: 200000\r\n\r\n"
    with crowd(server.url, [f"{form}token={'x' * 70_000}"] * 300) as connections:
        for each in connections:
            assert each.recv(100).split()[1] == b"413"
        pushing.register(client, name, "v1")
        archive = pushing.model_tar(name, "v1", os.urandom(100_000))
        url, headers = f"{server.url}/api/v1{pushing.path(name, 'v1', 'upload')}", {"X-YATAI-API-TOKEN": server.token}
        assert requests.put(url, data=archive, headers=headers, timeout=60).status_code == 200


def test_broken_chunk_is_a_400(registry: Server) -> None:
    head = (
        "POST /api/v1/model_repositories HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        f"X-YATAI-API-TOKEN: {registry.token}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    for chunks in ("zz\r\n{}\r\n", "2\r\n{}no end of the chunk\r\n0\r\n\r\n"):
        with crowd(registry.url, [head + chunks]) as (connection,):
            assert connection.recv(1000).split()[1] == b"400", chunks


def test_chunked_body_is_read(registry: Server, name: str) -> None:
    client = registry.client()
    reply = client.call("POST", "/model_repositories", data=iter([b'{"na', b'me": "', name.encode(), b'"}']))
    assert reply.status_code == 200
    assert reply.json()["name"] == name


def test_large_bodies_are_refused_with_the_limit(admin: Client) -> None:
    for data in (b" " * (1 << 17), iter([b" " * (1 << 17)])):
        reply = admin.call("POST", "/model_repositories", data=data)
        assert reply.status_code == 413, reply.text
        assert "65,536" in reply.json()["error"]


def test_catalog_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """A folder that is not there stands for a database server that is not: the same error to the registry."""
    away, there = tmp_path / "away", tmp_path / "there"
    away.mkdir()
    server = Server(tmp_path / "data", ("--db", f"sqlite:///{there}/catalog.db", "--workers", "1"))
    script = f"until grep -q 'waiting for the catalog' {tmp_path / 'log'}; do sleep 0.05; done; mv {away} {there}"
    try:
        with subprocess.Popen(["sh", "-c", script]) as mover:
            server.start()
            assert mover.wait(60) == 0
        client = server.client()
        assert client.call("GET", "/models").status_code == 200
        there.rename(away)
        worker = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text())
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: _status(server) == 503, "a server without its catalog")
        away.rename(there)
        wait_until(lambda: _status(server) == 200, "a server with its catalog")
    finally:
        assert server.stop() == 0


def _status(server: Server) -> int:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{server.url}/healthz", timeout=30).status_code
    return 0
