"""Servers whose every answer a test writes, over plain HTTP and over TLS with a certificate of a CA of their own."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http, Limits
from modelsync_jupyter.remotes.retry import ATTEMPTS, Renew, Retry
from tests.harness.httpd import Handler, Service

TOKEN = "t0ken-for-the-endpoint-only"
Answer = Callable[[Handler], None]


class Scripted(Service):
    """Answers as the test says.

    Args:
        answer: Answers one request.
        tls: Certificate and key, to speak TLS.
    """

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self._answer = answer

    def handle(self, handler: Handler) -> None:
        self._answer(handler)


@dataclass
class Authority:
    """A CA that only this test knows.

    Args:
        folder: Where its files are.
    """

    folder: Path
    _ca: trustme.CA = field(default_factory=trustme.CA)

    @property
    def bundle(self) -> Path:
        """The file that makes a client trust it."""
        self._ca.cert_pem.write_to_path(path := self.folder / "ca.pem")
        return path

    def server(self, name: str = "127.0.0.1") -> ssl.SSLContext:
        """What a server of that name needs to speak TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """A CA that this process trusts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    return authority


@dataclass
class Net:
    """Servers and clients of one test; all end with it."""

    stack: ExitStack
    waits: list[float] = field(default_factory=list)

    def serve(self, answer: Answer, tls: ssl.SSLContext | None = None) -> Scripted:
        """Start a server."""
        return self.stack.enter_context(Scripted(answer, tls))

    def client(self, url: str, *, attempts: int = 3, **limits: float) -> Http:
        """A client of the registry at `url`, which notes its waits between attempts and does not wait."""
        retry = Retry(self.waits.append, {**ATTEMPTS, Renew.REQUEST: attempts})
        http = Http(Context("c", url, TOKEN), retry, limits=Limits(**limits))  # type: ignore[arg-type]
        self.stack.callback(http.close)
        return http


@pytest.fixture
def net() -> Iterator[Net]:
    with ExitStack() as stack:
        yield Net(stack)


class Bytes:
    """A body.

    Args:
        data: Its bytes.
    """

    def __init__(self, data: bytes = b"x" * 1000) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[memoryview]:
        yield memoryview(self.data)
