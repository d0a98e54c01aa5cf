"""What the tests of the faces share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from modelsync_jupyter.demo.process import Served, registry
from tests.harness.faults import Fault, FaultyProxy

from .fake_api import FakeApi

Shell = Callable[..., "subprocess.CompletedProcess[str]"]
SLOW = 100_000  # bytes a second


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    """The commands talk to an API in memory."""
    fake = FakeApi()
    for name in ("transfer", "models", "access"):
        monkeypatch.setattr(import_module(f"modelsync_jupyter.commands.{name}"), "api", fake)
    return fake


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real registry in a process of its own."""
    with registry(tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture
def slow(served: Served) -> Iterator[Served]:
    """The same registry behind a line on which bodies crawl."""
    proxy = FaultyProxy(served.url)
    proxy.script(Fault.throttle(SLOW, method="PUT"))
    with proxy:
        yield Served(proxy.url, served.token)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty BentoML home."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def modelsync(home: Path) -> Shell:
    """Run `modelsync` in a process of its own."""

    def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words),
            **{"capture_output": True, "text": True, "timeout": 60, "env": dict(os.environ), "input": "", **options},
        )

    return run


@pytest.fixture
def signed_in(modelsync: Shell, served: Served) -> Shell:
    """The same, signed in to the registry."""
    assert modelsync("login", served.url, "--token-stdin", input=served.token).returncode == 0
    return modelsync


def command(*words: object) -> list[str]:
    """The command line of `modelsync`."""
    return [sys.executable, "-m", "modelsync_jupyter", *map(str, words)]
