"""Clients and the registry as processes of their own: what a test starts, kills and starts again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from . import zygote
from .clock import LONG
from .ports import free_port

if TYPE_CHECKING:
    from typing_extensions import Self

TOKEN = "harness-token"
MODELSYNC = (sys.executable, "-m", "modelsync_jupyter")
_FOREIGN = ("BENTO", "MODELSYNC", "YATAI", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC")


def is_foreign(name: str) -> bool:
    """Whether a variable of the caller's environment would lead a client to the caller's endpoints or proxies."""
    return name.upper().startswith(_FOREIGN)


def environment(home: Path, url: str = "", token: str = TOKEN, **more: str) -> dict[str, str]:
    """The environment of a client: nothing of the caller's endpoints, tokens or proxies.

    Args:
        home: `$BENTOML_HOME`.
        url: The endpoint; without one the client has no context from its environment.
        token: The API token.
        more: Other variables.
    """
    mine = {name: value for name, value in os.environ.items() if not is_foreign(name)}
    context = {"BENTO_CLOUD_API_ENDPOINT": url, "BENTO_CLOUD_API_KEY": token} if url else {}
    return {**mine, **context, "BENTOML_HOME": str(home), "BENTOML_DO_NOT_TRACK": "True", **more}


def bentoml(*words: str, env: dict[str, str], timeout: float = 100) -> subprocess.CompletedProcess[str]:
    """Run `bentoml models ...` to its end."""
    return zygote.run("bentoml", ["models", *words], env, timeout=timeout)


def modelsync(*words: str, env: dict[str, str], timeout: float = 100) -> subprocess.CompletedProcess[str]:
    """Run `modelsync ...` to its end."""
    return zygote.run("modelsync_jupyter", words, env, timeout=timeout)


def start_modelsync(*words: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start `modelsync ...`; the caller waits, interrupts or kills. Use it as a context manager."""
    return subprocess.Popen(
        [*MODELSYNC, *words], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


class RegistryProcess:
    """Our registry over a folder; a context manager. After `kill` or `stop` it can be started again on the same port.

    Args:
        data: Its folder.
        options: More options of `modelsync serve`.
        env: More variables of its environment; an empty one is left out.
        log: The file to which its stderr is added; that of this process by default.

    Attributes:
        env: Those variables, for its next start.
    """

    def __init__(
        self, data: Path, *options: str, env: Mapping[str, str] | None = None, log: Path | None = None
    ) -> None:
        self.data, self.token, self.port = data, TOKEN, free_port()
        self.env = dict(env or {})
        self._options, self._log = options, log
        self._child: zygote.Started | None = None

    @property
    def url(self) -> str:
        """Origin of the registry, without a final slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process and process group, while it runs; else 0."""
        return self._child.pid if self._child and self.alive else 0

    @property
    def alive(self) -> bool:
        """Whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> Self:
        """Start it and wait until it serves."""
        words = ["--port", str(self.port), "--data", str(self.data), *self._options]
        env = {**environment(self.data), "MODELSYNC_ADMIN_TOKEN": self.token, **self.env}
        with self._log.open("a") if self._log else contextlib.nullcontext(sys.__stderr__) as stderr:
            assert stderr
            self._child, line = _serve(words, {key: value for key, value in env.items() if value}, stderr.fileno())
        if line != f"modelsync registry at {self.url}\n":
            raise RuntimeError(f"the registry did not start: {line}{self._log.read_text() if self._log else ''}")
        return self

    def stop(self) -> int:
        """Ask it to end; returns its exit code, which it had already if it was killed."""
        return self._end(signal.SIGTERM)

    def kill(self, *, workers: bool = True) -> None:
        """Kill -9 of it and its workers, or of the one process that was started, behind which they have to end."""
        self._end(signal.SIGKILL, os.killpg if workers else os.kill)

    def _end(self, number: signal.Signals, send: Callable[[int, int], None] = os.kill) -> int:
        child = self._child  # by the time it has ended, another thread may have started the next one
        if child is None:
            return 0
        if child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                send(child.pid, number)
        return child.wait(LONG)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def _serve(words: Sequence[str], env: Mapping[str, str], stderr: int) -> tuple[zygote.Started, str]:
    """Start `modelsync serve ...`, and wait for the line that it prints when it is ready; "" if it ends before that."""
    out, into = os.pipe()
    with open(os.devnull) as nothing:
        started = zygote.of("modelsync_jupyter serve").start(["serve", *words], env, nothing.fileno(), into, stderr)
    os.close(into)
    started.stdout = os.fdopen(out)
    return started, started.stdout.readline()
