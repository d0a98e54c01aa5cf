"""`kill -9` of the server: nothing half-made is visible, nothing durable is lost."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
import requests

from tests.harness.clock import wait_until

from . import pushing
from .pushing import complete, cut, finish, model_tar, parts_json, path, put_parts, register, start
from .server import Client, Server


@pytest.fixture
def server(launch: Callable[..., Server]) -> Server:
    return launch()


def send_half(client: Client, name: str, upload_id: str, number: int, data: bytes) -> socket.socket:
    """Begin to PUT a part and stop in the middle, when the server has begun to store it."""
    url = urlsplit(pushing.part_url(client, name, "v1", upload_id, number))
    connection = socket.create_connection((url.hostname, url.port), timeout=10)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data[: len(data) // 2])
    return connection


def test_killed_in_the_middle_of_a_part_the_upload_goes_on(server: Server, name: str) -> None:
    client = server.client()
    parts = cut(model_tar(name, "v1", os.urandom(9_000_000)), 3_000_000)
    register(client, name, "v1")
    upload_id = start(client, name, "v1", {"parts": parts_json(parts)})["upload_id"]
    put_parts(client, name, "v1", upload_id, parts[:1])
    with send_half(client, name, upload_id, 2, parts[1]):
        tmp = server.data / "blobs" / "tmp"
        wait_until(lambda: any(file.stat().st_size for file in tmp.iterdir()), "the beginning of the part")
        server.kill(workers=False)
    server.start()
    client = server.client()
    assert client.ok("GET", path(name, "v1"))["upload_status"] == "uploading"
    assert client.call("GET", path(name, "v1", "download")).status_code == 404
    reply = start(client, name, "v1", {"parts": parts_json(parts)})
    assert reply["modelsync"]["present"] == [1]
    etags = put_parts(client, name, "v1", upload_id, parts)
    assert complete(client, name, "v1", upload_id, etags).status_code == 200, "the old upload id is still valid"
    server.kill(workers=False)
    server.start()
    client = server.client()
    assert finish(client, name, "v1").status_code == 200
    assert requests.get(pushing.download_url(client, name, "v1"), timeout=30).content == b"".join(parts)


def test_killed_during_a_forced_push_the_old_version_stays(server: Server, name: str) -> None:
    client = server.client()
    old = pushing.push(client, name, "v1", model_tar(name, "v1", b"old"))
    url = pushing.download_url(client, name, "v1")
    upload_id = start(client, name, "v1")["upload_id"]
    with send_half(client, name, upload_id, 1, os.urandom(4_000_000)):
        server.kill(workers=False)
    server.start()
    client = server.client()
    assert client.ok("GET", path(name, "v1"))["upload_status"] == "success"
    assert requests.get(url, timeout=30).content == old, "URLs outlive a restart"


def test_sigterm_ends_it_cleanly(server: Server) -> None:
    assert server.stop() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/healthz", timeout=5)
