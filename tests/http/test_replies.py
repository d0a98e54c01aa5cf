"""What a server answers is not trusted: bytes, seconds, nesting and pages are limited; its reasons are shown."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from modelsync_jupyter.core.errors import (
    Conflict,
    IntegrityError,
    InvalidReply,
    ModelSyncError,
    PermissionDenied,
    RemoteError,
    Unavailable,
    UrlExpired,
)
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.catalog import Catalog
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.http import blocks, receive
from tests.harness.clock import LONG
from tests.harness.httpd import Handler

from .conftest import TOKEN, Answer, Authority, Bytes, Net


def drip(handler: Handler, data: bytes, pause: float = 0.05) -> None:
    """Send a byte at a time, until the client goes away."""
    for byte in data:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        time.sleep(pause)


def drip_header(handler: Handler) -> None:
    handler.abandon()
    drip(handler, b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60_000)


def drip_body(handler: Handler) -> None:
    handler.begin(200, {"Content-Length": "60000"})
    drip(handler, b" " * 60_000)


def drip_error(handler: Handler) -> None:
    handler.begin(500, {"Content-Length": "60000"})
    drip(handler, b" " * 60_000)


def drip_size_of_chunk(handler: Handler) -> None:
    handler.begin(200, {"Transfer-Encoding": "chunked"})
    drip(handler, b"2;" + b"x" * 60_000)


def drip_trailer(handler: Handler) -> None:
    handler.begin(200, {"Transfer-Encoding": "chunked"})
    handler.wfile.write(b"2\r\n{}\r\n0\r\n")
    drip(handler, b"X" * 60_000)


def error_of(call: Callable[[], object]) -> ModelSyncError:
    with pytest.raises(ModelSyncError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("answer", [drip_header, drip_body, drip_error, drip_size_of_chunk, drip_trailer])
def test_a_reply_that_drips_ends_at_the_deadline(answer: Answer, net: Net) -> None:
    http = net.client(net.serve(answer).url, attempts=1, api=0.5, stall=0.4)
    began = time.monotonic()
    assert isinstance(error_of(lambda: http.call("GET", "/api/x")), Unavailable)
    assert time.monotonic() - began < 60  # it would drip for 50 minutes


def test_trailers_without_an_end_are_not_read(net: Net) -> None:
    """`http.client` reads them for as long as they come, in one call."""
    sent = threading.Event()

    def answer(handler: Handler) -> None:
        handler.begin(200, {"Transfer-Encoding": "chunked"})
        handler.wfile.write(b"2\r\n{}\r\n0\r\n")
        with suppress(ConnectionError):
            while not sent.is_set():
                handler.wfile.write(b"X-More: and more\r\n" * 1000)
        handler.abandon()

    server = net.serve(answer)
    http = net.client(server.url)

    def read() -> None:
        with http.get(f"{server.url}/o/x", {}) as reply:
            assert b"".join(blocks(reply)) == b"{}"

    error = error_of(read)
    sent.set()
    assert isinstance(error, Unavailable)


def stall(handler: Handler) -> None:
    """Begin a reply, and say nothing more."""
    handler.begin(200, {"Content-Length": "1000"})
    handler.wfile.flush()
    time.sleep(60)
    handler.abandon()


def test_a_body_that_goes_silent_ends_after_a_stall(net: Net) -> None:
    server = net.serve(stall)
    http = net.client(server.url, stall=0.2)

    def read() -> None:
        with http.get(f"{server.url}/o/x", {}) as reply:
            next(blocks(reply))

    error = error_of(read)
    assert isinstance(error, Unavailable)
    assert "did not answer in time" in error.message


def test_silence_in_a_reply_is_a_stall_however_long_the_answer_may_take(net: Net) -> None:
    http = net.client(net.serve(stall).url, attempts=1, stall=0.2)
    error = error_of(lambda: http.call("PATCH", "/api/x", timeout=60))
    assert "did not answer in time" in error.message  # not: broke, as the server does in the end


def test_a_slow_body_that_keeps_coming_is_no_stall(net: Net) -> None:
    def slow(handler: Handler) -> None:
        handler.begin(200, {"Content-Length": "12"})
        drip(handler, b"x" * 12, 0.2)

    server = net.serve(slow)
    with net.client(server.url, stall=2.0).get(f"{server.url}/o/x", {}) as reply:
        assert b"".join(bytes(view) for view in blocks(reply)) == b"x" * 12


def test_a_put_may_be_answered_long_after_its_bytes(net: Net) -> None:
    def think(handler: Handler) -> None:
        handler.read()
        time.sleep(1.0)
        handler.reply(200, headers={"ETag": '"e"'})

    server = net.serve(think)
    http = net.client(server.url, stall=0.2, connect=5.0)
    assert http.put(f"{server.url}/o/x", Bytes()) == '"e"'
    http.put_api("/api/x", Bytes())
    assert isinstance(error_of(lambda: http.put(f"{server.url}/o/x", Bytes(), timeout=0.3)), Unavailable)


def test_a_reply_that_is_left_unread_gives_its_connection_up(net: Net) -> None:
    """Whoever keeps the reply: an error that somebody looks at holds on to it."""
    closed = threading.Event()

    def unending(handler: Handler) -> None:
        handler.begin(200, {"Content-Length": str(1 << 40)})
        handler.write(b"x" * 1000)
        handler.wfile.flush()
        with suppress(ConnectionError):
            handler.connection.recv(1)
        closed.set()

    server = net.serve(unending)
    with net.client(server.url).get(f"{server.url}/o/x", {}) as kept:
        assert not closed.is_set()
    assert closed.wait(LONG)
    assert kept.status_code == 200


def test_an_endless_reply_is_cut(net: Net) -> None:
    def endless(handler: Handler) -> None:
        handler.begin(200, {"Content-Length": str(1 << 40)})
        while True:
            handler.write(b" " * 65536)

    http = net.client(net.serve(endless).url, reply=1 << 20)
    error = error_of(lambda: http.call("GET", "/api/x"))
    assert isinstance(error, InvalidReply)
    assert "1,048,576 bytes" in error.message
    assert net.waits == []


def test_a_reply_may_be_as_large_as_allowed(net: Net) -> None:
    data = json.dumps("x" * 1000).encode()
    server = net.serve(lambda handler: handler.reply(200, data))
    assert net.client(server.url, reply=len(data)).call("GET", "/api/x") == "x" * 1000
    assert isinstance(error_of(lambda: net.client(server.url, reply=len(data) - 1).call("GET", "/x")), InvalidReply)
    assert net.client(server.url, reply=1).call("GET", "/api/x", most=len(data)) == "x" * 1000


def test_nothing_is_decompressed(net: Net) -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    server = net.serve(lambda handler: handler.reply(200, bomb, {"Content-Encoding": "gzip"}))
    error = error_of(lambda: net.client(server.url).call("GET", "/api/x"))
    assert isinstance(error, InvalidReply)
    assert "not JSON" in error.message
    assert [each.headers["accept-encoding"] for each in server.log.find()] == ["identity"]


@pytest.mark.parametrize("data", [b"[" * 200_000, b"[" * 150 + b"]" * 150, b'{"a":' * 150 + b"1" + b"}" * 150, b"<p>"])
def test_what_is_too_deep_or_not_json_is_refused(data: bytes, net: Net) -> None:
    server = net.serve(lambda handler: handler.reply(200, data))
    assert isinstance(error_of(lambda: net.client(server.url).call("GET", "/api/x")), InvalidReply)
    assert net.waits == []


@pytest.mark.parametrize("text", [b"\\ud83d", b"\\uDE00", b"\xed\xa0\xbd"])
def test_half_a_surrogate_pair_reaches_nobody(text: bytes, net: Net) -> None:
    body = b'{"a' + text + b'": ["\\ud83d\\ude00", "\xed\x95\x9c", "' + text + b'"]}'
    server = net.serve(lambda handler: handler.reply(200, body))
    found = net.client(server.url).call("GET", "/")
    assert found == {"a\ufffd": ["\U0001f600", "한", "\ufffd"]}
    assert json.dumps(found, ensure_ascii=False).encode()


# Lists


def record(version: int, status: str = "success", day: int | None = None) -> dict[str, Any]:
    made = datetime(2024, 1, 1, tzinfo=timezone.utc) + timedelta(days=day if day is not None else 1000 - version)
    return {"version": f"v{version}", "upload_status": status, "build_at": made.strftime("%Y-%m-%d %H:%M:%S.%f")}


def lists(records: list[dict[str, Any]], total: int | None = None) -> Answer:
    """Answer like a registry that has these records, newest first."""

    def answer(handler: Handler) -> None:
        asked = dict(pair.split("=") for pair in handler.exchange.query.split("&"))
        start = int(asked["start"])
        shown = records[start : start + int(asked["count"])]
        handler.reply_json(200, {"items": shown, "total": len(records) if total is None else total})

    return answer


def test_a_list_that_claims_a_billion_models_is_refused(net: Net) -> None:
    server = net.serve(lists([record(number) for number in range(300)], 10**9))
    assert isinstance(error_of(lambda: Remote(net.client(server.url)).versions("m")), InvalidReply)
    assert len(server.log.find()) == 1
    assert len(Remote(net.client(server.url)).versions("m", limit=5)) == 5


def test_pages_without_an_end_are_given_up(net: Net) -> None:
    def endless(handler: Handler) -> None:
        start = int(handler.exchange.query.partition("start=")[2].partition("&")[0])
        handler.reply_json(200, {"items": [record(start)], "total": start + 2})

    server = net.serve(endless)
    remote = Remote(net.client(server.url), pages=20)
    assert isinstance(error_of(lambda: remote.versions("m")), InvalidReply)
    assert len(server.log.find()) == 20


def test_a_page_that_repeats_itself_is_given_up(net: Net) -> None:
    server = net.serve(lambda handler: handler.reply_json(200, {"items": [record(1)], "total": 50}))
    assert isinstance(error_of(lambda: Remote(net.client(server.url)).versions("m")), InvalidReply)
    assert len(server.log.find()) == 2


def test_lists_with_shorter_pages_than_asked_for_are_read_to_their_end(net: Net) -> None:
    known = [{"name": f"a{number}", "version": "v1", "user": {"name": "ana"}} for number in range(5)]

    def answer(handler: Handler) -> None:
        start = int(handler.exchange.query.partition("start=")[2].partition("&")[0])
        handler.reply_json(200, {"items": known[start : start + 2], "total": 5})

    server = net.serve(answer)
    assert [alias.name for alias in Catalog(net.client(server.url)).aliases("m")] == ["a0", "a1", "a2", "a3", "a4"]
    assert len(server.log.find()) == 3


def test_the_newest_version_is_found_with_one_small_page(net: Net) -> None:
    server = net.serve(lists([record(0, "uploading"), record(1, "failed"), *map(record, range(2, 10_000))]))
    latest = Remote(net.client(server.url)).latest("m")
    assert latest
    assert latest.tag == Tag("m", "v2")
    (asked,) = server.log.find()
    assert "count=10" in asked.query


def test_the_newest_version_is_found_behind_many_that_failed(net: Net) -> None:
    server = net.serve(lists([*(record(number, "failed") for number in range(250)), record(250), record(251)]))
    latest = Remote(net.client(server.url)).latest("m")
    assert latest
    assert latest.tag == Tag("m", "v250")


def test_the_newest_version_is_found_in_a_list_of_another_order(net: Net) -> None:
    server = net.serve(lists([record(1, "failed", day=1), record(2, day=2), record(3, day=9), record(4, day=5)]))
    latest = Remote(net.client(server.url)).latest("m")
    assert latest
    assert latest.tag == Tag("m", "v3")


def test_no_complete_version_is_none(net: Net) -> None:
    server = net.serve(lists([record(number, "pending") for number in range(30)]))
    assert Remote(net.client(server.url)).latest("m") is None


# Reasons


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422, 507])
@pytest.mark.parametrize("kind", ["text/plain; charset=utf-8", ""])
def test_a_reason_in_plain_text_is_shown(status: int, kind: str, net: Net) -> None:
    server = net.serve(
        lambda handler: handler.reply(status, b"quota exceeded\n", {"Content-Type": kind} if kind else {})
    )
    http = net.client(server.url)
    for call in (lambda: http.call("GET", "/api/x"), lambda: http.put(f"{server.url}/o/x?s=1", Bytes())):
        error = error_of(call)
        assert "quota exceeded" in error.message
        assert str(status) in error.message
        assert not error.retryable
        assert error.hint.endswith(".")
    assert net.waits == []


@pytest.mark.parametrize(
    ("status", "text", "of_api", "of_objects"),
    [
        (400, "no such thing", Conflict, RemoteError),
        (400, "the part has 3 bytes, declared were 4 and their digest", Conflict, IntegrityError),
        (403, "you may not", PermissionDenied, UrlExpired),
        (413, "too large", RemoteError, RemoteError),
        (503, "busy", Unavailable, Unavailable),
        (507, "the registry's disk is full", RemoteError, RemoteError),
    ],
)
def test_a_status_means_what_it_says(
    status: int, text: str, of_api: type[ModelSyncError], of_objects: type[ModelSyncError], net: Net
) -> None:
    server = net.serve(lambda handler: handler.reply_json(status, {"error": text}))
    http = net.client(server.url, attempts=1)
    errors = [error_of(lambda: http.call("GET", "/api/x")), error_of(lambda: http.put(f"{server.url}/o/x", Bytes()))]
    assert [type(error) for error in errors] == [of_api, of_objects]
    assert all(text in error.message for error in errors)


HOSTILE = [
    f"cannot fetch https://user:pw@host.test/a/b?X-Amz-Signature=5ignature for {TOKEN}",
    f"/o/x?sig=5ignature {TOKEN}",
    "X-Amz-Signature=5ignature token=5ignature",
    "red \x1b[31m \x1b]52;c;5\x07 \u202e back \r\n next" + "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_reason_is_shown_without_secrets_and_control_characters(text: str, net: Net) -> None:
    server = net.serve(lambda handler: handler.reply(400, text.encode(), {"Content-Type": "text/plain"}))
    http = net.client(server.url)
    for call in (lambda: http.call("GET", "/api/x"), lambda: http.put(f"{server.url}/o/x?s=1", Bytes())):
        message = error_of(call).message
        assert message.isprintable()
        assert len(message) < 400
        for secret in (TOKEN, "5ignature", "host.test", "pw@", "/o/x?s"):
            assert secret not in message


def test_html_is_not_for_people(net: Net) -> None:
    server = net.serve(lambda handler: handler.reply(403, b"<html>no way", {"Content-Type": "text/html"}))
    assert error_of(lambda: net.client(server.url).call("GET", "/api/x")).message == "The registry answered 403."


@pytest.mark.parametrize("tls", [False, True])
def test_one_connection_carries_one_request_after_another(net: Net, trusted: Authority, tls: bool) -> None:
    ports = []

    def answer(handler: Handler) -> None:
        ports.append(handler.client_address[1])
        handler.read()
        handler.reply(200, b"x" * (1 << 20) if handler.command == "GET" else b"", {"ETag": '"e"'})

    server = net.serve(answer, trusted.server() if tls else None)
    http, buffer = net.client(server.url), memoryview(bytearray(1 << 20))
    for _ in range(2):
        assert http.put(f"{server.url}/o/x", Bytes()) == '"e"'
        with http.get(f"{server.url}/o/x", {}) as reply:
            assert receive(reply, buffer) == len(buffer)
    assert len(ports) == 4
    assert len(set(ports)) == 1
    for _ in range(2):  # the API has connections of its own, which know the token
        http.put_api("/api/x", Bytes())
    assert len(ports) == 6
    assert len(set(ports)) == 2
