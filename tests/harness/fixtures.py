"""Fixtures that a `conftest.py` imports; for some of them it brings its own `home`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelsync_jupyter import client as api

from .faults import FaultyProxy
from .processes import TOKEN, RegistryProcess

__all__ = ["line", "make", "metadata", "name", "registry", "signed_in"]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryProcess]:
    """A registry that the tests share; each uses names of its own."""
    running = RegistryProcess(tmp_path_factory.mktemp("registry")).start()
    yield running
    running.kill()  # it would wait for uploads that tests have left


@pytest.fixture
def line(registry: RegistryProcess) -> Iterator[FaultyProxy]:
    """The line to that registry, on which things can go wrong."""
    with FaultyProxy(registry.url) as proxy:
        yield proxy


@pytest.fixture
def signed_in(home: Path, line: FaultyProxy) -> str:
    """The home knows the registry; returns its URL."""
    api.login(line.url, TOKEN, name="team", home=home)
    return line.url


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return f"m{uuid.uuid4().hex[:8]}"


@pytest.fixture
def metadata() -> dict[str, float]:
    """What `make` notes with every model."""
    return {}


@pytest.fixture
def make(home: Path, metadata: dict[str, float]) -> Callable[..., api.Model]:
    """Make a model in the home: `make("name:v1", size, label="x")`."""

    def make(tag: str, size: int = 1000, **labels: str) -> api.Model:
        with api.create(tag, labels=labels, metadata=metadata, home=home) as making:
            (making.path / "weights.bin").write_bytes(uuid.uuid4().bytes * (size // 16))
        assert making.model
        return making.model

    return make
