"""A running registry, and one with any settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import fixtures

from .server import Client, Server, serving

name = fixtures.name


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The registry that most tests share; each uses names of its own."""
    with serving(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture
def admin(registry: Server) -> Client:
    """A client with the admin's token."""
    return registry.client()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start registries with settings of their own; whatever runs at the end is stopped."""
    servers: list[Server] = []

    def start(*arguments: str, **environment: str) -> Server:
        folder = tmp_path / str(len(servers))
        folder.mkdir()
        servers.append(Server(folder / "data", arguments, **environment))
        return servers[-1].start()

    yield start
    for server in servers:
        if server.alive:
            server.stop()
