"""Fixtures of the harness's own tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from .yatai import Yatai

Call = Callable[..., requests.Response]


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """A session that reads no proxies or .netrc."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def yatai(tmp_path: Path) -> Iterator[Yatai]:
    """A server; its own bugs fail the test."""
    with Yatai(tmp_path / "yatai") as yatai:
        yield yatai
    assert yatai.errors == yatai.objects.errors == []


@pytest.fixture
def call(yatai: Yatai, session: requests.Session) -> Call:
    """Call the API: `call("PATCH", "/m/models/v1/start_upload", {...}, url=...)`."""

    def call(method: str, path: str, body: Any = None, url: str = "", prefix: str = "/model_repositories") -> Any:
        headers = {"X-YATAI-API-TOKEN": yatai.token}
        return session.request(method, f"{url or yatai.url}/api/v1{prefix}{path}", json=body, headers=headers)

    return call


@pytest.fixture
def model(call: Call) -> str:
    """A model record `m:v1` without bytes; returns the path of its actions."""
    manifest = {"module": "", "api_version": "v1", "bentoml_version": "1.4.39", "size_bytes": 1}
    assert call("POST", "", {"name": "m", "description": ""}).status_code == 200
    body = {"version": "v1", "description": "", "manifest": manifest, "build_at": "2024-01-01 00:00:00.000000"}
    assert call("POST", "/m/models", body | {"labels": []}).status_code == 200
    return "/m/models/v1"
