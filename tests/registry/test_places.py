"""Nobody has all threads for what takes long, and what takes long has no others."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from modelsync_jupyter.registry import Settings, multipart
from modelsync_jupyter.registry.body import PLACE
from modelsync_jupyter.registry.lane.front import Front
from modelsync_jupyter.registry.lane.places import _MOST_WAITING, Place, Places
from modelsync_jupyter.wire import PRESENT
from tests.pages.visitor import Visitor

from . import pushing
from .people import ADMIN, House
from .server import Client, Server
from .test_availability import crowd

#: Places of a process, and how many of them one user has at most.
ALL, MOST = 64, 32


def test_nobody_has_more_than_are_left_for_others_and_whoever_has_none_gets_one() -> None:
    async def run() -> None:
        places = Places(8)
        held = [place for user in "aaaaaabbbbbccccd" if (place := Place(places)).take(user)]
        assert "".join(place.user for place in held) == "aaaabbcd"
        late, mine = Place(places), Place(places)
        assert not late.take("e")
        assert not mine.take("a")
        waiting = [asyncio.create_task(place.wait(60)) for place in (mine, late)]
        await asyncio.sleep(0)
        held[-1].leave()
        assert await waiting[1], "who has none comes before who has many"
        for place in held[:3]:
            place.leave()
        assert await waiting[0]
        assert mine.take("a"), "the place that was waited for"
        for place in (*held, late, mine, mine):
            place.leave()
        assert [Place(places).take("f") for _ in range(5)] == [True] * 4 + [False]

    asyncio.run(run())


def test_who_waits_no_longer_holds_nothing() -> None:
    async def run() -> None:
        places = Places(1)
        first, second, third = Place(places), Place(places), Place(places)
        assert first.take("a")
        assert not second.take("b")
        assert not await second.wait(0)
        waiting = asyncio.create_task(third.wait(60))
        third.take("b")
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first.leave()
        second.leave()
        third.leave()
        assert Place(places).take("c")

    asyncio.run(run())


class Unread(io.RawIOBase):
    """A body that nobody may look at."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise AssertionError("the body was read")


def test_no_route_reads_a_body_before_its_user_has_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that take a body are asked, with a token, with a session's cookie, and with URLs that were presigned."""
    house = House(tmp_path / "data", monkeypatch)
    house.admin.push("m:v1")
    upload = house.admin.start("m:v2")
    link = urlsplit(house.admin.ok("PATCH", f"{pushing.path('m', 'v2')}/presign_upload_url")["presigned_upload_url"])
    visitor = Visitor(house)
    assert visitor.sign_in(ADMIN).status_code == 303
    asked: list[str] = []

    def refuse(user: str) -> bool:
        asked.append(user)
        return False

    addresses = [(f"{link.path}?{link.query}", "PUT")]
    for rule in house.app.url_map.iter_rules():
        words = {word: {"name": "m", "uid": upload}.get(word, "v1") for word in rule.arguments}
        with house.app.test_request_context():
            path = house.app.url_map.bind("localhost").build(rule.endpoint, words, force_external=False)
        addresses += [(path, method) for method in (rule.methods or set()) - {"GET", "HEAD", "DELETE", "OPTIONS"}]
    for path, method in addresses:
        asked.clear()
        reply = visitor.http.open(
            path,
            method=method,
            headers={"X-YATAI-API-TOKEN": ADMIN},
            content_type="application/json" if path.startswith("/api") else "application/x-www-form-urlencoded",
            environ_overrides={PLACE: refuse, "wsgi.input": io.BufferedReader(Unread()), "CONTENT_LENGTH": str(10**9)},
        )
        case = f"{method} {path}: {reply.status_code} {reply.text[:200]}"
        if asked:
            assert (asked, reply.status_code, reply.headers["Retry-After"]) == (["admin"], 429, "10"), case
        else:
            assert path == "/sign-in" or (path.startswith("/objects/") and "?" not in path), case
    assert len(addresses) > 35
    house.registry.database.close()


@contextlib.contextmanager
def serve(data: Path) -> Iterator[str]:
    """Serve a registry from a thread of this process, one request of the API at a time; yields its URL."""
    opened: queue.Queue[str] = queue.Queue()
    loop, ended = asyncio.new_event_loop(), asyncio.Event()

    async def run() -> None:
        runner = await Front(Settings(data, threads=1), lambda registry: None).run()
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        opened.put("http://{}:{}".format(*runner.addresses[0]))
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        yield opened.get(timeout=60)
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.mark.filterwarnings("ignore::aiohttp.web.NotAppKeyWarning")
def test_making_archives_of_parts_keeps_the_api_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, begun, may_end = House(tmp_path / "data", monkeypatch), queue.Queue[int](), threading.Event()
    upload = house.admin.start("m:v1")

    def take_long(*args: Any) -> None:
        begun.put(1)
        assert may_end.wait(60)

    monkeypatch.setattr(multipart, "complete", take_long)
    with serve(tmp_path / "data") as url, ThreadPoolExecutor(3) as pool:
        clients = [Client(url, ADMIN) for _ in range(4)]
        address, listed = pushing.path("m", "v1", "complete_multipart_upload"), {"upload_id": upload, "parts": []}
        completing = [pool.submit(client.call, "PATCH", address, listed) for client in clients[:3]]
        for _ in completing:
            begun.get(timeout=60)
        assert clients[3].ok("GET", "/models")["total"] == 0
        may_end.set()
        assert [each.result().status_code for each in completing] == [200] * 3
        for client in clients:
            client.session.close()
    house.registry.database.close()


@pytest.mark.processes
def test_user_with_many_slow_bodies_leaves_places_for_others(launch: Callable[..., Server], name: str) -> None:
    server = launch("--workers", "1", "--threads", "8")
    admin = server.client()
    token = server.user("ana").token
    part = {"size": 1, "digest": f"blake3:{1:064x}"}
    body = json.dumps({"modelsync": {"parts": [part]}}).encode() + b" " * 90_000
    head = f"POST {PRESENT} HTTP/1.1\r\nHost: a\r\nX-YATAI-API-TOKEN: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    begun, rest = (head.encode() + body[:80_000]).decode(), body[80_000:]
    with crowd(server.url, [begun] * (MOST + _MOST_WAITING + 3)) as connections:
        refused: set[socket.socket] = set()
        while len(refused) < 3:  # all others have a place, or wait for one
            ready = select.select([each for each in connections if each not in refused], [], [], 60)[0]
            assert ready
            refused |= {*ready}
        assert {each.recv(100).split()[1] for each in refused} == {b"429"}
        archive = pushing.model_tar(name, "v1", os.urandom(200_000))
        pushing.register(admin, name, "v1")
        assert admin.call("PUT", f"{pushing.path(name, 'v1')}/upload", data=archive).status_code == 200
        for each in connections:
            if each not in refused:
                each.sendall(rest)
        answered = [each.recv(100).split()[1] for each in connections if each not in refused]
        assert answered == [b"200"] * (MOST + _MOST_WAITING)
    assert "Traceback" not in server.log
