"""The token goes to the endpoint only, no password of ~/.netrc goes anywhere, and nothing goes from https to http."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modelsync_jupyter.core.errors import InvalidReply, ModelSyncError
from modelsync_jupyter.remotes.http import Http, blocks
from tests.harness.httpd import Handler

from .conftest import TOKEN, Authority, Bytes, Net, Scripted


def fine(handler: Handler) -> None:
    handler.reply(200, b"bytes")


def read(http: Http, url: str) -> bytes:
    with http.get(url, {"Range": "bytes=0-4"}) as reply:
        return b"".join(bytes(view) for view in blocks(reply))


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for every host there is."""
    path = Path.home() / ".netrc"
    path.write_text("machine 127.0.0.1 login me password machine-pass\ndefault login me password default-pass\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


def credentials(*servers: Scripted) -> list[str]:
    """Headers with a credential that servers have seen."""
    names = ("authorization", "cookie", "proxy-authorization", "x-yatai-api-token")
    return [name for server in servers for each in server.log.find() for name in names if name in each.headers]


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_gets_neither_a_password_nor_the_token(status: int, net: Net) -> None:
    last = net.serve(fine)
    middle = net.serve(lambda handler: handler.reply(status, headers={"Location": f"{last.url}/o/end"}))
    headers = {"Location": f"http://localhost:{middle.port}/o", "Set-Cookie": "a=b"}
    first = net.serve(lambda handler: handler.reply(status, headers=headers))
    http = net.client(first.url)
    assert read(http, f"{first.url}/o/x?s=1") == b"bytes"
    assert [each.headers["range"] for each in last.log.find()] == ["bytes=0-4"]
    assert credentials(first, middle, last) == []


@pytest.mark.usefixtures("netrc")
def test_the_api_follows_no_redirect_and_sends_no_password(net: Net) -> None:
    other = net.serve(fine)
    first = net.serve(lambda handler: handler.reply(302, headers={"Location": f"{other.url}/api/y"}))
    http = net.client(first.url)
    with pytest.raises(InvalidReply, match=r"redirects to `http://127\.0\.0\.1:"):
        http.call("GET", "/api/x")
    with pytest.raises(InvalidReply), http.get_api("/api/x", {}):
        pass
    with pytest.raises(ModelSyncError):
        http.put_api("/api/x", Bytes())
    assert other.log.find() == []
    assert credentials(first) == ["x-yatai-api-token"] * 3
    assert {each.headers["x-yatai-api-token"] for each in first.log.find()} == {TOKEN}


@pytest.mark.parametrize(
    "url", ["http://[::1/x?s=5ecret", "/x?s=5ecret", "", "http://me:5ecret@h.test/x", "javascript:5ecret"]
)
def test_a_redirect_of_the_api_is_said_without_secrets(url: str, net: Net) -> None:
    server = net.serve(lambda handler: handler.reply(302, headers={"Location": url}))
    with pytest.raises(InvalidReply, match="redirects to") as caught:
        net.client(server.url).call("GET", "/api/x")
    assert "5ecret" not in str(caught.value)


def test_a_redirect_may_be_relative_but_not_without_end(net: Net) -> None:
    server = net.serve(
        lambda handler: (
            fine(handler)
            if handler.exchange.path == "/o/end"
            else handler.reply(302, headers={"Location": "end" if handler.exchange.path == "/o/x" else "/loop"})
        )
    )
    http = net.client(server.url)
    assert read(http, f"{server.url}/o/x") == b"bytes"
    with pytest.raises(InvalidReply):
        read(http, f"{server.url}/loop")
    assert len(server.log.find(path="/loop")) == 6


def test_the_body_of_a_redirect_is_not_read(net: Net) -> None:
    """It may have no end."""
    gone = threading.Event()

    def endless(handler: Handler) -> None:
        handler.begin(302, {"Location": "/api/y", "Content-Length": str(1 << 40)})
        try:
            while True:
                handler.write(b"x" * 65536)
        finally:
            gone.set()

    server = net.serve(endless)
    with pytest.raises(InvalidReply):
        net.client(server.url).call("GET", "/api/x")
    assert gone.wait(30)


def test_bytes_do_not_go_from_https_to_http(net: Net, trusted: Authority) -> None:
    plain = net.serve(fine)
    secure = net.serve(lambda handler: handler.reply(302, headers={"Location": f"{plain.url}/o"}), trusted.server())
    http = net.client(secure.url)
    for url in (f"{plain.url}/o?s=1", f"{secure.url}/o?s=1"):
        with pytest.raises(InvalidReply, match="unencrypted") as caught:
            read(http, url)
        assert "https://" in caught.value.hint
    with pytest.raises(InvalidReply, match="unencrypted"):
        http.put(f"{plain.url}/o?s=1", Bytes())
    assert plain.log.find() == []


def test_an_endpoint_of_plain_http_may_have_any_object_host(net: Net, trusted: Authority) -> None:
    plain, secure = net.serve(fine), net.serve(fine, trusted.server())
    assert [read(net.client(plain.url), f"{each.url}/o") for each in (plain, secure)] == [b"bytes"] * 2
