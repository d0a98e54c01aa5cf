"""Each promise is run on every registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelsync_jupyter.remotes.bentocloud.client import Remote
from tests.harness import fixtures

from .backends import BACKENDS, Backend

name = fixtures.name


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A registry that the tests of a module share; each uses names of its own."""
    with BACKENDS[request.param](tmp_path_factory.mktemp("backend")) as backend:
        yield backend


@pytest.fixture
def remote(backend: Backend) -> Iterator[Remote]:
    with backend.remote() as remote:
        yield remote


@pytest.fixture
def here(backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose environment names the registry."""
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", backend.url)
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", backend.token)
    return tmp_path / "here"
