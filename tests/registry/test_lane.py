"""What strangers on a connection can make the event loop do, and hold in memory."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from modelsync_jupyter.registry.lane import bridge, front
from modelsync_jupyter.registry.openapi import describe

from .people import ADMIN, House
from .server import Server
from .test_places import serve


def test_compressed_bodies_are_refused_and_not_unpacked(registry: Server) -> None:
    """A megabyte from somebody without a token would be a gigabyte, for the event loop to unpack and to drop."""
    body = gzip.compress(b'{"name": "packed"}')
    for method, token in (("POST", registry.token), ("POST", ""), ("GET", registry.token)):
        headers = {"Content-Encoding": "gzip", "X-YATAI-API-TOKEN": token}
        url = f"{registry.url}/api/v1/model_repositories"
        reply = requests.request(method, url, data=body, headers=headers, timeout=30)
        assert reply.status_code == 400
        assert "`gzip`" in reply.json()["error"]


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")
def test_client_that_takes_no_reply_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many that wait to be taken would fill the memory: here, of one connection, more than a socket holds."""
    gone = threading.Event()

    class Watch(bridge.Watch):
        def __init__(self, stop: Callable[[], object], seconds: float) -> None:
            super().__init__(lambda: (stop(), gone.set()), seconds)

    monkeypatch.setattr(front, "Watch", Watch)
    monkeypatch.setattr(front, "_REPLY_SECONDS", 0.3)
    asked = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 300
    with serve(tmp_path / "data") as url:
        where = urlsplit(url)
        with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(asked)
            assert gone.wait(60)
        assert requests.get(f"{url}/healthz", timeout=30).status_code == 200


def test_the_api_is_described_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path / "data", monkeypatch)
    first, second = (house.app.test_client().get("/api/v1/openapi.json").json for _ in range(2))
    assert first == second == describe(house.app)
    assert describe.cache_info().hits >= 2
    assert ADMIN not in str(first)
    house.registry.database.close()
