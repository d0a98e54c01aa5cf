"""What the tests of the faces share: a real home, and a real registry in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.client import Client, Model
from modelsync_jupyter.demo.process import Served
from tests.harness import fixtures, zygote
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.processes import RegistryProcess

from .kernels import Kernel, kernel_after

Shell = Callable[..., "subprocess.CompletedProcess[str]"]
Make = Callable[..., Model]
SLOW = 100_000  # bytes a second
HELD = 300_000  # bytes
line, name, registry = fixtures.line, fixtures.name, fixtures.registry


@pytest.fixture(scope="session")
def served(registry: RegistryProcess) -> Served:
    """A real registry in a process of its own; each test uses names of its own in it."""
    return Served(registry.url, registry.token)


@pytest.fixture
def slow(line: FaultyProxy, served: Served) -> Served:
    """The same registry behind a line on which bodies crawl."""
    line.script(Fault.throttle(SLOW, method="PUT"))
    return Served(line.url, served.token)


@pytest.fixture
def held(line: FaultyProxy, served: Served) -> Served:
    """The same registry behind a line on which bodies stand still once some bytes have passed, until healed."""
    line.script(Fault.hold(HELD, method="PUT"))
    return Served(line.url, served.token)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty BentoML home."""
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def client(home: Path, served: Served) -> Client:
    """A client that is signed in to the registry."""
    found = Client(home)
    found.login(served.url, served.token)
    return found


@pytest.fixture
def make(home: Path) -> Make:
    """Make a model in the home: `make("name:v1", b"content", label="x")`."""

    def make(tag: str, content: bytes = b"", metadata: dict[str, object] | None = None, **labels: str) -> Model:
        with Client(home).create(tag, labels=labels, metadata=metadata) as draft:
            (draft.path / "weights.bin").write_bytes(content or os.urandom(10_000))
        assert draft.model
        return draft.model

    return make


@pytest.fixture
def modelsync(home: Path) -> Shell:
    """Run `modelsync` in a process of its own: `modelsync("push", "m:v1", input=..., timeout=...)`."""

    def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
        return zygote.run("modelsync_jupyter", [*map(str, words)], os.environ, **options)

    return run


@pytest.fixture
def signed_in(modelsync: Shell, served: Served) -> Shell:
    """The same, signed in to the registry."""
    assert modelsync("login", served.url, "--token-stdin", input=served.token).returncode == 0
    return modelsync


@pytest.fixture
def ip(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """An IPython shell with the extension loaded; it shows code in backticks, not in bold type."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("NO_COLOR", "1")
    shell: Any = InteractiveShell()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "modelsync_jupyter")
    yield shell
    shell.run_line_magic("unload_ext", "modelsync_jupyter")
    shell.history_manager.end_session()


@pytest.fixture
def kernel(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A kernel with the extension loaded."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    with kernel_after("%load_ext modelsync_jupyter") as started:
        yield started


def command(*words: object) -> list[str]:
    """The command line of `modelsync`."""
    return [sys.executable, "-m", "modelsync_jupyter", *map(str, words)]
