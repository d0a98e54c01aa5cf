"""Whatever is asked: JSON with a code, a message, a hint and a step, under the right status."""

from __future__ import annotations

import asyncio
import socket
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


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), BAD)
async def test_bad_requests(call_url: Call, method: str, path: str, body: Any, status: int, code: str) -> None:
    answered, error = await call_url(method, path, body)
    assert (answered, error["code"]) == (status, code)
    assert set(error) == {"code", "message", "hint", "step"}
    assert error["message"]


@pytest.mark.parametrize("since", ["x", "-1", "0", "a-b", "-" + "9" * 5000, "²", "a-²"])
async def test_any_word_may_stand_for_a_revision(call: Call, since: str) -> None:
    code, body = await call("GET", "transfers", since=since)
    assert (code, body["transfers"]) == (200, [])


async def test_a_home_that_cannot_be_used_is_named(call: Call, home: Path) -> None:
    home.write_text("a file")
    code, body = await call("POST", "transfers", TRANSFER)
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


async def test_a_silent_registry_keeps_nobody_else_waiting(
    call: Call, signed_in: str, home: Path, jp_root_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelsync_jupyter.lab.handler.ANSWER_SECONDS", 8.0)
    (jp_root_dir / "notes.txt").write_text("n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        contexts.save(Home(home), api.Context("silent", endpoint, "t"))
        plan = {"direction": "pull", "tag": "iris:v1"}
        waiting = [asyncio.create_task(call("GET", "plan", context="silent", **plan)) for _ in range(9)]
        await asyncio.sleep(0)
        assert (await call("POST", "models", {"name": "notes:v1", "path": "notes.txt"}))[0] == 201
        assert (await call("GET", "plan", context="team", **plan))[0] == 404
        assert not any(task.done() for task in waiting)
        assert {code for code, _ in await asyncio.gather(*waiting)} == {503}


async def test_a_bug_is_json_too(call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(**_: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(api, "contexts", broken)
    code, body = await call("GET", "status")
    assert (code, body["code"]) == (500, "modelsync-error")
    assert "secret" not in body["message"]
    assert "ZeroDivisionError" in caplog.text
