"""Broken connections, certificates, proxies and addresses: told apart by what happened, retried where that helps."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from modelsync_jupyter.archive.unread import SOCKET_OPTIONS, sliced
from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import (
    InvalidReply,
    MissingDependency,
    ModelSyncError,
    NotAuthenticated,
    RemoteError,
    Unavailable,
    UsageError,
)
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http, blocks
from modelsync_jupyter.remotes.retry import Retry
from tests.harness.httpd import Handler

from .conftest import Authority, Bytes, Net


def fine(handler: Handler) -> None:
    handler.reply_json(200, {"fine": True})


def half(handler: Handler) -> None:
    """Half of what is announced, and then the end of the connection."""
    handler.begin(200, {"Content-Length": "2000000"})
    handler.write(b"x" * 1_000_000)
    handler.wfile.flush()
    handler.abandon()


@contextmanager
def raw(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that says what it likes to each connection; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    talk(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def hang_up(connection: socket.socket) -> None:
    connection.recv(10)


def error_of(call: Callable[[], object]) -> ModelSyncError:
    """The error of a call that has a step and names no path."""
    with pytest.raises(ModelSyncError) as caught:
        call()
    assert caught.value.hint.endswith(".")
    assert "/api/" not in str(caught.value)
    assert "/o/" not in caught.value.message
    return caught.value


def test_a_trusted_certificate_is_fine(net: Net, trusted: Authority) -> None:
    assert net.client(net.serve(fine, trusted.server()).url).call("GET", "/api/x") == {"fine": True}


@pytest.mark.parametrize("name", ["127.0.0.1", "other.test"])
def test_a_failed_check_of_a_certificate_is_said_and_not_tried_again(
    name: str, net: Net, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "other.test":  # a CA we trust, for another host
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    server = net.serve(fine, authority.server(name))
    error = error_of(lambda: net.client(server.url).call("GET", "/api/x"))
    assert type(error) is RemoteError
    assert "no certificate this machine trusts" in error.message
    assert "REQUESTS_CA_BUNDLE" in error.hint
    assert net.waits == []


def test_a_handshake_that_breaks_is_a_break(net: Net, trusted: Authority) -> None:
    with raw(hang_up) as port:
        error = error_of(lambda: net.client(f"https://127.0.0.1:{port}").call("GET", "/api/x"))
    assert type(error) is Unavailable
    assert "certificate" not in str(error)
    assert len(net.waits) == 1


def test_a_body_that_breaks_under_tls_is_a_break(net: Net, trusted: Authority) -> None:
    server = net.serve(half, trusted.server())

    def read() -> None:
        with net.client(server.url).get(f"{server.url}/o/x?s=1", {}) as reply:
            for _ in blocks(reply):
                pass

    error = error_of(read)
    assert type(error) is Unavailable
    assert "certificate" not in str(error)


def test_a_json_reply_that_breaks_under_tls_is_tried_again(net: Net, trusted: Authority) -> None:
    answers = iter([half, fine])
    server = net.serve(lambda handler: next(answers)(handler), trusted.server())
    assert net.client(server.url).call("GET", "/api/x") == {"fine": True}
    assert len(net.waits) == 1


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n"])
def test_a_ca_file_that_cannot_be_used_is_named(
    content: bytes | None, net: Net, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    server = net.serve(fine, authority.server())
    error = error_of(lambda: net.client(server.url).call("GET", "/api/x"))
    assert str(path) in error.message
    assert "REQUESTS_CA_BUNDLE" in error.hint
    assert (error.retryable, net.waits, server.log.find()) == (False, [], [])


def test_https_to_a_plain_port_is_said_and_not_tried_again(net: Net) -> None:
    server = net.serve(fine)
    error = error_of(lambda: net.client(server.url.replace("http:", "https:")).call("GET", "/api/x"))
    assert "does not speak TLS" in error.message
    assert "`http://`" in error.hint
    assert (error.retryable, net.waits) == (False, [])


def test_http_to_a_port_for_tls_is_said_and_not_tried_again(net: Net, authority: Authority) -> None:
    server = net.serve(fine, authority.server())
    error = error_of(lambda: net.client(server.url.replace("https:", "http:")).call("GET", "/api/x"))
    assert "speaks TLS only" in error.message
    assert "`https://`" in error.hint
    assert (error.retryable, net.waits) == (False, [])


def test_a_plain_server_that_hangs_up_is_a_break(net: Net) -> None:
    with raw(hang_up) as port:
        assert type(error_of(lambda: net.client(f"http://127.0.0.1:{port}").call("GET", "/api/x"))) is Unavailable


def test_nobody_at_the_port_is_said_with_host_and_port(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = error_of(lambda: net.client(f"http://127.0.0.1:{port}").call("GET", "/api/x"))
    assert error.message == f"Cannot reach the registry at 127.0.0.1:{port}: connection refused."
    error = error_of(lambda: net.client("http://nobody.invalid").call("GET", "/api/x"))
    assert error.message == "Cannot reach the registry at nobody.invalid: host not found."


def test_a_socks_proxy_needs_a_package(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5h://127.0.0.1:1080")
    error = error_of(lambda: net.client("http://r.test").call("GET", "/api/x"))
    assert isinstance(error, MissingDependency)
    assert "PySocks" in error.message
    assert net.waits == []


def test_each_host_has_its_own_way_past_the_proxy(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says is kept for each host: the second one must not go the way of the first."""
    direct, other = net.serve(fine), net.serve(lambda handler: handler.reply_json(500, {}))
    proxy = net.serve(lambda handler: handler.reply_json(200, {"proxied": True}))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", f"localhost:{direct.port}")
    http = net.client(f"http://localhost:{direct.port}")
    for _ in range(2):
        assert http.call("GET", "/") == {"fine": True}
        with http.get(f"http://localhost:{other.port}/x", {}) as reply:
            assert b"".join(blocks(reply)) == b'{"proxied": true}'


@pytest.mark.parametrize("proxy", ["http://:x", "nonsense://127.0.0.1:1", "http://"])
def test_a_proxy_that_is_not_an_address_is_said(proxy: str, net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy)
    error = error_of(lambda: net.client("http://r.test").call("GET", "/api/x"))
    assert "proxy" in error.message.lower()
    assert net.waits == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_wants_a_password_is_not_asked_again(
    scheme: str, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = net.serve(lambda handler: handler.reply(407, b"who are you?", {"Proxy-Authenticate": "Basic"}))
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://ann:hunter2@127.0.0.1:{proxy.port}")
    error = error_of(lambda: net.client(f"{scheme}://r.test").call("GET", "/api/x"))
    assert "proxy" in error.message
    assert "hunter2" not in str(error)
    assert (error.retryable, net.waits) == (False, [])


@pytest.mark.parametrize("token", ["a\nb", "a b", "töken", "", "a\r\nX-Other: 1", "a\u200b"])
def test_a_token_that_cannot_be_sent_is_refused_at_once(token: str) -> None:
    error = error_of(lambda: Http(Context("c", "http://127.0.0.1:1", token), Retry()))
    assert isinstance(error, NotAuthenticated)
    assert error.step.verb == "login"
    assert token == "" or token not in str(error)


def test_signing_in_refuses_such_a_token_before_anything_is_sent(net: Net, tmp_path: Path) -> None:
    server = net.serve(fine)
    error = error_of(lambda: Client(home=tmp_path).login(server.url, "t0ken\nX-Other: 1"))
    assert isinstance(error, UsageError)
    assert "t0ken" not in str(error)
    assert (server.log.find(), list(tmp_path.iterdir())) == ([], [])
    Client(home=tmp_path).login(server.url, "t0ken\n")
    assert [each.headers["x-yatai-api-token"] for each in server.log.find()] == ["t0ken"]


@pytest.mark.skipif(not SOCKET_OPTIONS, reason="this system cannot tell what a socket has not sent")
def test_what_is_told_as_sent_is_on_its_way(net: Net) -> None:
    """A socket would take megabytes for a server that reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with socket.create_connection(listener.getsockname()) as plain:
            plain.setblocking(False)
            swallowed = 0
            with suppress(BlockingIOError):
                while True:
                    swallowed += plain.send(bytes(1 << 16))
        sent = 0

        class Counted(Bytes):
            def __iter__(self) -> Iterator[memoryview]:
                nonlocal sent
                for view in super().__iter__():
                    for piece in sliced(view, 1 << 16):
                        yield piece
                        sent += len(piece)

        error = error_of(lambda: net.client(url, connect=0.5).put(f"{url}/o/x", Counted(bytes(1 << 25))))
    assert isinstance(error, Unavailable)
    assert 0 < sent < swallowed / 2


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/o/x", "http://[::1/o/x", "http://127.0.0.1:99999/o/x"])
def test_an_address_that_is_not_one_is_said(url: str, net: Net) -> None:
    error = error_of(lambda: net.client("http://127.0.0.1:1").put(url, Bytes()))
    assert isinstance(error, InvalidReply)
    assert "not valid" in error.message
