"""Signing in and out from the sidebar; the token goes to the registry and to the file of contexts, nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter import client as api
from tests.harness.processes import TOKEN, RegistryProcess

from .conftest import Call


async def test_status_of_an_empty_home(call: Call, home: Path) -> None:
    _, body = await call("GET", "status")
    assert (body["home"], body["contexts"], body["current"], body["threads"]) == (str(home), [], None, 10)


async def test_login_remembers_the_registry_and_tells_nobody_the_token(
    call: Call, registry: RegistryProcess, home: Path, caplog: pytest.LogCaptureFixture, jp_logging_stream: Any
) -> None:
    code, body = await call("POST", "login", {"endpoint": registry.url, "token": TOKEN, "name": "team"})
    assert (code, body["name"], body["endpoint"], body["current"]) == (200, "team", registry.url, True)
    assert api.contexts(home=home)[0].token == TOKEN
    _, status = await call("GET", "status")
    assert (status["contexts"], status["current"]) == ([body], "team")
    assert "modelsync/api/login" in caplog.text
    for said in (str(body), str(status), caplog.text, jp_logging_stream.getvalue()):
        assert TOKEN not in said


async def test_a_wrong_token_is_not_remembered_or_logged(
    call: Call, registry: RegistryProcess, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, body = await call("POST", "login", {"endpoint": registry.url, "token": "wrong-secret"})
    assert (code, body["code"]) == (401, "not-authenticated")
    assert api.contexts(home=home) == []
    assert "modelsync/api/login" in caplog.text
    assert "wrong-secret" not in caplog.text + str(body)


async def test_a_body_that_cannot_be_read_is_not_logged(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    code, body = await call("POST", "login", b'{"token": "half-secret"')
    assert code == 400
    assert "half-secret" not in caplog.text + str(body)


async def test_a_registry_that_is_not_there(call: Call) -> None:
    code, body = await call("POST", "login", {"endpoint": "http://127.0.0.1:9", "token": "t"})
    assert (code, body["code"]) == (503, "unavailable")


async def test_an_expired_token_is_said_so(call: Call, registry: RegistryProcess, home: Path) -> None:
    (home).mkdir()
    (home / ".yatai.yaml").write_text(
        f"current_context_name: old\ncontexts:\n- {{name: old, endpoint: '{registry.url}', api_token: gone}}\n"
    )
    code, body = await call("GET", "plan", direction="pull", tag="iris:v1")
    assert (code, body["code"]) == (401, "not-authenticated")
    assert body["hint"]


async def test_switch_and_forget(call: Call, registry: RegistryProcess) -> None:
    for name in ("one", "two"):
        await call("POST", "login", {"endpoint": registry.url, "token": TOKEN, "name": name})
    assert (await call("POST", "context", {"name": "one"}))[1]["current"] is True
    assert await call("POST", "logout") == (200, {"name": "one"})
    assert await call("POST", "logout", {"name": "two"}) == (200, {"name": "two"})
    assert (await call("GET", "status"))[1]["contexts"] == []
