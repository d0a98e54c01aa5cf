"""The embedded registry as a process of its own, for as long as a `with` block lasts."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

from modelsync_jupyter.core.errors import ModelSyncError

_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Served:
    """A registry that answers.

    Args:
        url: Its address.
        token: The token of its admin.
    """

    url: str
    token: str = field(repr=False)


@contextmanager
def registry(data: Path) -> Iterator[Served]:
    """Run `modelsync serve` on a free port of this machine.

    Args:
        data: Where it keeps its models; its log is `data/registry.log`.

    Raises:
        ModelSyncError: It did not start.
    """
    data.mkdir(parents=True, exist_ok=True)
    token, log = secrets.token_urlsafe(24), data / "registry.log"
    with log.open("wb") as stderr, _without_proxy():
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "modelsync_jupyter",
                "serve",
                "--host",
                _LOOPBACK,
                "--port",
                "0",
                "--data",
                str(data),
            ],
            env={**os.environ, "MODELSYNC_ADMIN_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is ours alone: the registry ends in order, when we say so
        )
        try:
            yield Served(_wait(process, log), token)
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait for the line that says the registry is ready, and return the URL in it."""
    lines: Queue[bytes] = Queue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    with suppress(Empty):
        while line := lines.get(timeout=_START_SECONDS):
            if found := re.search(r"https?://[^\s`'\"]+", line.decode(errors="replace")):
                return found[0].rstrip(".,;")
    said = log.read_text(errors="replace").strip().splitlines()
    raise ModelSyncError("The registry did not start.", step=said[-1] if said else "It said nothing.")


def _read(process: subprocess.Popen[bytes], lines: Queue[bytes]) -> None:
    """Hand on what the registry prints, to its end: a pipe that nobody reads would block it."""
    assert process.stdout is not None
    with process.stdout as stdout:
        for line in stdout:
            lines.put(line)
    lines.put(b"")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own: its workers go with it
        process.wait()


@contextmanager
def _without_proxy() -> Iterator[None]:
    """Reach this machine directly, also where a proxy is set for everything."""
    before = {name: os.environ.get(name) for name in ("NO_PROXY", "no_proxy")}
    for name, value in before.items():
        os.environ[name] = f"{value},{_LOOPBACK}" if value else _LOOPBACK
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
