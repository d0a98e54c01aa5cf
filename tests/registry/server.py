"""The real server in a process of its own, and a client that sends it whatever a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.harness.processes import RegistryProcess


class Server(RegistryProcess):
    """A registry over `data`, whose log can be read, and whose clients are closed before it is stopped.

    Args:
        data: Its folder.
        arguments: More for the command line.
        environment: More for the environment; what is empty is left out of it.
    """

    def __init__(self, data: Path, arguments: tuple[str, ...] = (), **environment: str) -> None:
        self._written = data.parent / "log"
        super().__init__(data, *arguments, env=environment, log=self._written)
        self._clients: list[Client] = []

    @property
    def log(self) -> str:
        """What it wrote to stderr."""
        return self._written.read_text()

    def stop(self) -> int:
        """Ask it to end, as an init system does; kept-alive connections would hold it for two seconds."""
        for client in self._clients:
            client.session.close()
        return super().stop()

    def user(self, name: str, role: str = "developer", **fields: Any) -> Client:
        """A client with a token for a user, who is made if need be with this role.

        Args:
            name: Of the user, and of the token.
            role: Its role.
            fields: More of the token: its scopes, or when it expires.
        """
        body = {"name": name, "modelsync": {"user": name, "role": role}, **fields}
        return self.client(self.client().ok("POST", "/api_tokens", body)["token"])

    def client(self, token: str | None = None) -> Client:
        """A client with this token; by default the admin's."""
        self._clients.append(Client(self.url, self.token if token is None else token))
        return self._clients[-1]


@contextmanager
def serving(folder: Path, *arguments: str, **environment: str) -> Iterator[Server]:
    """A registry over `folder/data`. It must never have failed inside, nor leave a file for a bucket behind."""
    server = Server(folder / "data", arguments, **environment).start()
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.log, server.log
    assert not list((folder / "data").glob("scratch/*"))


class Client:
    """Calls the API and returns whatever comes.

    Args:
        url: Of the registry.
        token: API token, or "".
    """

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.session, self.token = requests.Session(), token
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
