"""The real server in a process of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import requests

from tests.harness.clock import LONG
from tests.harness.nginx import free_port
from tests.harness.processes import serve
from tests.harness.zygote import Started

TOKEN = "first-admin-token-of-the-tests"


class Server:
    """A registry over `data`; `start` again after `kill` finds what was there.

    Args:
        data: Its folder.
        arguments: More for the command line.
        environment: More for the environment.
    """

    def __init__(self, data: Path, arguments: tuple[str, ...] = (), **environment: str) -> None:
        self.data = data
        self.url = f"http://127.0.0.1:{free_port()}"
        self.token = TOKEN
        self.process: Started | None = None
        self._clients: list[Client] = []
        self._arguments = arguments
        self._environment = {**os.environ, "MODELSYNC_ADMIN_TOKEN": TOKEN, **environment}

    def start(self) -> Server:
        """Run it and wait for the line with its URL; the port stays the same over restarts."""
        words = ["--data", str(self.data), "--port", self.url.rpartition(":")[2], *self._arguments]
        env = {key: value for key, value in self._environment.items() if value}
        with (self.data.parent / "log").open("a") as log:
            self.process, line = serve(words, env, log.fileno())
        assert line == f"modelsync registry at {self.url}\n", f"said {line!r}; log: {self.log}"
        return self

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return (self.data.parent / "log").read_text()

    def stop(self) -> int:
        """Ask it to end, as an init system does; kept-alive connections would hold it for two seconds."""
        assert self.process is not None
        for client in self._clients:
            client.session.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LONG)

    def kill(self) -> None:
        """`kill -9` of the one process that was started."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(LONG)

    def client(self, token: str | None = None) -> Client:
        """A client with this token; by default the admin's."""
        self._clients.append(Client(self.url, self.token if token is None else token))
        return self._clients[-1]


class Client:
    """Calls the API and returns whatever comes.

    Args:
        url: Of the registry.
        token: API token, or "".
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.headers = {"X-YATAI-API-TOKEN": token} if token else {}

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """One request to `/api/v1` + path."""
        headers = {**self.headers, **options.pop("headers", {})}
        return self.session.request(
            method, f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=30, **options
        )

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON of a reply that must be 200."""
        reply = self.call(method, path, body, **options)
        assert reply.status_code == 200, f"{method} {path}: {reply.status_code} {reply.text}"
        return reply.json()
