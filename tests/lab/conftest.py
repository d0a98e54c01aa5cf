"""A Jupyter server with the extension, and a real registry."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from pytest_jupyter.jupyter_server import *  # noqa: F403  (as a plugin its automatic fixtures would reach all tests)
from traitlets.config import Config

from tests.harness.fixtures import *  # noqa: F403  (as above)

Reply = tuple[int, Any]
Call = Callable[..., Coroutine[Any, Any, Reply]]
_DONE = ("succeeded", "failed", "cancelled", "interrupted")


@pytest.fixture  # type: ignore[no-redef]  # in place of the one that was imported
def jp_server_config(home: Path) -> Config:
    """The server loads our extension, lets nobody in without a token, and works over an empty home."""
    extensions = {"modelsync_jupyter": True, "jupyter_server_terminals": False}
    server = {"jpserver_extensions": extensions, "allow_unauthenticated_access": False}
    return Config({"ServerApp": server, "ModelSyncApp": {"home": str(home)}})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty BentoML home."""
    return tmp_path / "bentoml"


@pytest.fixture
def call(jp_fetch: Any) -> Call:
    """Call the extension: `await call("POST", "transfers/ID/cancel", {...}, since=...)`; every reply must be JSON."""

    async def call(method: str, path: str, body: Any = None, **query: Any) -> Reply:
        text = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body)
        options = {"body": text} if method == "POST" else {}
        where = ("modelsync/api", *path.split("/"))
        reply = await jp_fetch(*where, method=method, params=query, raise_error=False, **options)
        assert reply.headers["Content-Type"] == "application/json"
        return reply.code, json.loads(reply.body)

    return call


@pytest.fixture
def call_url(jp_serverapp: Any, http_server_client: Any, jp_auth_header: Any, jp_base_url: str) -> Call:
    """As `call`, but the path is sent as it stands, query and all."""

    async def call_url(method: str, path: str, body: Any = None) -> Reply:
        text = body if isinstance(body, bytes) else json.dumps(body)
        options = {"body": text} if method == "POST" else {}
        url = f"{jp_base_url}modelsync/api/{path}"
        reply = await http_server_client.fetch(url, method=method, headers=jp_auth_header, raise_error=False, **options)
        assert reply.headers["Content-Type"] == "application/json"
        return reply.code, json.loads(reply.body)

    return call_url


@pytest.fixture
def ended(call: Call) -> Callable[[str], Awaitable[Any]]:
    """Follow a transfer by polling until it ends; returns its record."""

    async def ended(id: str) -> Any:
        return await follow(call, id, lambda record: record["state"] in _DONE)

    return ended


async def follow(call: Call, id: str, wanted: Callable[[Any], bool], seconds: float = 60) -> Any:
    """Poll, as the sidebar does, until the record of a transfer is as wanted; returns it."""
    end, since, record = time.monotonic() + seconds, "", None
    while time.monotonic() < end:
        _, body = await call("GET", "transfers", since=since, no_track_activity=1)
        since = body["revision"]
        record = next((each for each in body["transfers"] if each["id"] == id), record)
        if record and wanted(record):
            return record
        await asyncio.sleep(0.05)
    raise AssertionError(f"it did not come to that: {record}")
