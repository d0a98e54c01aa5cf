"""Whatever is asked: JSON with a code, a message, a hint and a step, under the right status."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.remotes import contexts
from tests.harness.clock import within

from .conftest import Call

TRANSFER = {"direction": "push", "tag": "iris:v1"}
BAD: list[tuple[str, str, Any, int, str]] = [
    ("POST", "transfers", b"", 400, "usage"),
    ("POST", "transfers", b"{", 400, "usage"),
    ("POST", "transfers", b"\xff", 400, "usage"),
    ("POST", "transfers", b"[" * 100_000, 400, "usage"),
    ("POST", "transfers", b"[]", 400, "usage"),
    ("POST", "transfers", {"direction": "push"}, 400, "usage"),
    ("POST", "transfers", {"direction": "sideways", "tag": "iris:v1"}, 400, "usage"),
    ("POST", "transfers", {"direction": "push", "tag": 1}, 400, "usage"),
    ("POST", "transfers", {"direction": "push", "tag": "../etc"}, 400, "invalid-tag"),
    ("POST", "transfers", TRANSFER | {"threads": 0}, 400, "usage"),
    ("POST", "transfers", TRANSFER | {"threads": True}, 400, "usage"),
    ("POST", "transfers", TRANSFER | {"rate_limit": 5}, 400, "usage"),
    ("POST", "transfers", TRANSFER | {"rate_limit": -1}, 400, "usage"),
    ("POST", "transfers", TRANSFER | {"threads": "4"}, 400, "usage"),
    ("POST", "transfers", TRANSFER | {"force": 1}, 400, "usage"),
    ("POST", "transfers", TRANSFER | {"context": ["team"]}, 400, "usage"),
    ("POST", "transfers/nosuch/cancel", {}, 404, "transfer-not-found"),
    ("POST", "transfers/nosuch/resume", {}, 404, "transfer-not-found"),
    ("POST", "transfers/..%2F..%2Fx/cancel", {}, 404, "transfer-not-found"),
    ("POST", "models", {"name": "m:v1"}, 400, "usage"),
    ("POST", "models", {"name": "", "path": "x"}, 400, "usage"),
    ("POST", "models", {"name": "m:v1", "path": "nothing-there"}, 400, "usage"),
    ("POST", "models", {"name": "m:v1", "path": "\ud800"}, 400, "usage"),
    ("POST", "models", {"name": "no tag", "path": "x"}, 400, "invalid-tag"),
    ("POST", "models", {"name": "m:v1", "path": "x", "labels": {"a": 1}}, 400, "usage"),
    ("POST", "models", {"name": "m:v1", "path": "x", "labels": [1]}, 400, "usage"),
    ("POST", "login", {"endpoint": "registry", "token": "t"}, 400, "usage"),
    ("POST", "login", {"endpoint": "http://127.0.0.1:9"}, 400, "usage"),
    ("POST", "login", {"endpoint": "http://127.0.0.1:9", "token": " "}, 400, "usage"),
    ("POST", "login", {"endpoint": "http://127.0.0.1:9", "token": "two\nlines"}, 400, "usage"),
    ("POST", "context", {"name": "nobody"}, 401, "no-context"),
    ("POST", "context", {}, 400, "usage"),
    ("POST", "logout", {"name": "nobody"}, 401, "no-context"),
    ("POST", "logout", {}, 401, "no-context"),
    ("POST", "list", {"limit": 0}, 400, "usage"),
    ("POST", "list", {"limit": "many"}, 400, "usage"),
    ("POST", "list", {"limit": 501}, 400, "usage"),
    ("POST", "list", {"start": -1}, 400, "usage"),
    ("POST", "list", {"show": "some"}, 400, "usage"),
    ("POST", "list", {"open": [1]}, 400, "usage"),
    ("POST", "list", {"refresh": "../x"}, 400, "invalid-tag"),
    ("GET", "plan?direction=%FF", None, 400, "bad-request"),
    ("GET", "versions/iris/v%201", None, 400, "invalid-tag"),
    ("GET", "versions/..%2F../v1", None, 400, "invalid-tag"),
    ("DELETE", "local/iris/..", None, 400, "invalid-tag"),
    ("GET", "plan?direction=push&tag=iris&context=nobody", None, 404, "model-not-found"),
    ("DELETE", "transfers/nothing", None, 404, "transfer-not-found"),
    ("GET", "plan?direction=push", None, 400, "invalid-tag"),
    ("GET", "plan?tag=iris:v1", None, 400, "usage"),
    ("GET", "plan?direction=push&tag=iris:v1&force=yes", None, 400, "usage"),
    ("GET", "plan?direction=push&tag=iris:v1", None, 404, "model-not-found"),
    ("GET", "nothing", None, 404, "not-found"),
    ("POST", "status", {}, 405, "method-not-allowed"),
    ("DELETE", "plan", None, 405, "method-not-allowed"),
]


async def test_bad_requests(call_url: Call) -> None:
    for method, path, body, status, code in BAD:
        answered, error = await call_url(method, path, body)
        assert (answered, error["code"]) == (status, code), (method, path, body)
        assert set(error) == {"code", "message", "hint", "step"}, (method, path, body)
        assert error["message"], (method, path, body)


@pytest.mark.parametrize("since", ["x", "-1", "0", "a-b", "-" + "9" * 5000, "²", "a-²"])
async def test_any_word_may_stand_for_a_revision(call: Call, since: str) -> None:
    code, body = await call("GET", "transfers", since=since)
    assert (code, body["transfers"]) == (200, [])


async def test_a_home_that_cannot_be_used_is_named(call: Call, home: Path, jp_root_dir: Path) -> None:
    home.write_text("a file")
    (jp_root_dir / "iris.tar").touch()
    code, body = await call("POST", "transfers", {"direction": "import", "path": "iris.tar"})
    assert (code, body["code"]) == (500, "modelsync-error")
    assert str(home) in body["message"]


async def test_a_registry_that_does_not_answer_in_time(call: Call, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelsync_jupyter.lab.handler.ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("BENTO_CLOUD_API_KEY", "t")
        code, body = await call("POST", "login", {"endpoint": "http://127.0.0.1:9", "token": "t", "name": "x"})
        assert (code, body["code"]) == (503, "unavailable")
        with within(1):
            code, page = await call("POST", "list", {"refresh": "all"})
        assert (code, page["remote"]["reading"], page["loading"]) == (200, True, False)


@contextlib.contextmanager
def bad_registry(drips: bool) -> Iterator[str]:
    """An endpoint that takes every request, and never answers it, or answers a byte at a time for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()
        thread = threading.Thread(target=drip, args=(server, done))
        if drips:
            thread.start()
        host, port = server.getsockname()
        yield f"http://{host}:{port}"
        done.set()
        if drips:
            thread.join()


def drip(server: socket.socket, done: threading.Event) -> None:
    """Send each client a byte now and then."""
    server.settimeout(0.05)
    with contextlib.ExitStack() as open_ones:
        clients = []
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                clients.append(open_ones.enter_context(server.accept()[0]))
                clients[-1].sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n["
                )
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(b" ")


@pytest.mark.parametrize("drips", [False, True])
async def test_a_registry_that_hangs_or_drips_keeps_nobody_else_waiting(
    drips: bool,
    call: Call,
    jp_fetch: Callable[..., Any],
    signed_in: str,
    home: Path,
    jp_root_dir: Path,
) -> None:
    (jp_root_dir / "notes.txt").write_text("n")
    with bad_registry(drips) as endpoint:
        contexts.save(Home(home), api.Context("bad", endpoint, "t"))
        contexts.use(Home(home), "team")
        plan = {"direction": "pull", "tag": "iris:v1"}
        waiting = [asyncio.create_task(call("GET", "plan", context="bad", **plan)) for _ in range(5)]
        wrong = {"endpoint": endpoint, "token": "t", "name": "typo"}
        waiting += [asyncio.create_task(call("POST", "login", wrong)) for _ in range(4)]  # as many as threads
        await asyncio.sleep(0)
        assert (await call("POST", "models", {"name": "notes:v1", "path": "notes.txt"}))[0] == 201
        assert (await call("GET", "plan", context="team", **plan))[0] == 404
        took = []
        for _ in range(5):  # on a busy machine one of them is stopped now and then
            began = time.monotonic()
            code, page = await call("POST", "list", {"refresh": "all"}, context="bad")
            assert (code, page["counts"]["all"]["versions"], page["remote"]["reading"]) == (200, 1, True)
            assert (await jp_fetch("api", "contents", "notes.txt")).code == 200
            took.append(time.monotonic() - began)
        assert min(took) < 1
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_bug_is_json_too(call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: api.Client) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(api.Client, "contexts", broken)
    code, body = await call("GET", "status")
    assert (code, body["code"]) == (500, "modelsync-error")
    assert "secret" not in body["message"]
    assert "ZeroDivisionError" in caplog.text
