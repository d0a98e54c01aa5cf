"""Servers and clients: one registry for all tests, a fresh BentoCloud-like server and proxy for each."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelsync_jupyter.remotes import http, retry
from tests.harness import fixtures
from tests.harness.faults import FaultyProxy
from tests.harness.models import make_model
from tests.harness.processes import RegistryProcess
from tests.harness.yatai import Yatai

from .scene import FILES, Client

registry = fixtures.registry


@pytest.fixture
def yatai(tmp_path: Path) -> Iterator[Yatai]:
    """A server without our extension; its own bugs, and any token it sees where none belongs, fail the test."""
    with Yatai(tmp_path / "yatai") as yatai:
        yield yatai
    assert (yatai.errors, yatai.objects.errors, yatai.objects.violations) == ([], [], [])


@pytest.fixture(params=["registry", "yatai"])
def server(request: pytest.FixtureRequest) -> RegistryProcess | Yatai:
    """Either kind of server."""
    found: RegistryProcess | Yatai = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def proxy(server: RegistryProcess | Yatai) -> Iterator[FaultyProxy]:
    """A network between the clients and the server."""
    with FaultyProxy(server.url) as proxy:
        yield proxy
    assert proxy.errors == []


@pytest.fixture
def near(tmp_path: Path, proxy: FaultyProxy) -> Client:
    """Who pushes and pulls through the proxy."""
    return Client.at(tmp_path / "near", proxy.url)


@pytest.fixture
def far(tmp_path: Path, server: RegistryProcess | Yatai) -> Client:
    """Who pushes and pulls without a proxy in between."""
    return Client.at(tmp_path / "far", server.url)


@pytest.fixture
def tag() -> str:
    """A tag of the test's own, so that nobody has sent the same bytes to the shared registry."""
    return f"m-{uuid.uuid4().hex[:12]}:v1"


@pytest.fixture
def to_push(near: Client, tag: str) -> Path:
    """A model of several parts in the home of `near`; returns its folder."""
    return make_model(near.home, tag, FILES)


@pytest.fixture
def to_pull(far: Client, tag: str) -> Path:
    """A model of several parts on the server; returns the folder it came from."""
    folder = make_model(far.home, tag, FILES)
    assert far.push(tag, threads=4).status == "pushed"
    return folder


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process tries follow each other at once."""
    monkeypatch.setattr(retry, "_LONGEST", 0.001)


@pytest.fixture
def impatient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process tries follow each other soon; and where a fault of the test's stalls connections, one that moves
    no byte for three seconds is stalled. Others keep their patience: on a busy machine they would be given up too."""
    monkeypatch.setattr(retry, "_LONGEST", 0.05)
    params = request.node.callspec.params
    if any("stall" in fault.kind for fault in params.get("faults") or [params["fault"]]):
        monkeypatch.setattr(http, "LIMITS", http.Limits(connect=3.0, stall=3.0, answer=3.0, api=30.0))
