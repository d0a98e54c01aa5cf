"""Downloads: ranges, conditions, and URLs that are permissions."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests

from tests.harness.clock import wait_until

from . import pushing
from .pushing import cut, model_tar, path, put_parts, register, start
from .server import Client, Server

PART = 300_000


@dataclass(frozen=True)
class Stored:
    """A version in parts of `PART` bytes."""

    archive: bytes
    url: str
    etag: str

    def get(self, method: str = "GET", **headers: str) -> requests.Response:
        """Ask for it with these headers."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return requests.request(method, self.url, headers=named, timeout=30)


@pytest.fixture(scope="module")
def stored(registry: Server) -> Stored:
    client = registry.client()
    register(client, "ranges", "v2")
    upload_id = start(client, "ranges", "v2")["upload_id"]
    archive = model_tar("ranges", "v2", os.urandom(1_000_000))
    pushing.complete(
        client, "ranges", "v2", upload_id, put_parts(client, "ranges", "v2", upload_id, cut(archive, PART))
    )
    pushing.finish(client, "ranges", "v2")
    reply = client.ok("PATCH", path("ranges", "v2", "presign_download_url"))
    return Stored(archive, reply["presigned_download_url"], f'"{reply["modelsync"]["digest"].split(":")[1]}"')


def test_whole_archive_says_how_it_may_be_read(stored: Stored) -> None:
    reply = stored.get()
    assert reply.status_code == 200
    assert reply.content == stored.archive
    assert reply.headers["Content-Length"] == str(len(stored.archive))
    assert reply.headers["ETag"] == stored.etag
    assert reply.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, 1),
        (0, PART),
        (5, PART - 5),
        (PART, 2 * PART),
        (PART - 1, PART + 1),
        (10, 3 * PART + 10),
        (999_999, 1_000_100),
    ],
)
def test_range_is_exact(stored: Stored, start: int, stop: int) -> None:
    reply = stored.get(Range=f"bytes={start}-{stop - 1}")
    assert reply.status_code == 206
    assert reply.content == stored.archive[start:stop]
    assert reply.headers["Content-Length"] == str(stop - start)
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(stored.archive)}"
    assert reply.headers["ETag"] == stored.etag


def test_open_and_suffix_ranges(stored: Stored) -> None:
    size = len(stored.archive)
    assert stored.get(Range=f"bytes={size - 7}-").content == stored.archive[-7:]
    assert stored.get(Range="bytes=-7").content == stored.archive[-7:]
    assert stored.get(Range=f"bytes=-{size * 2}").content == stored.archive
    assert stored.get(Range=f"bytes=7-{size * 2}").content == stored.archive[7:]


@pytest.mark.parametrize("text", ["bytes=99999999-", "bytes=-0", f"bytes={10**18}-{10**18 + 1}"])
def test_range_behind_the_end_is_416(stored: Stored, text: str) -> None:
    reply = stored.get(Range=text)
    assert reply.status_code == 416
    assert reply.headers["Content-Range"] == f"bytes */{len(stored.archive)}"
    assert "bytes" in reply.json()["error"]


@pytest.mark.parametrize(
    "text", ["bytes=9-3", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=", f"bytes=0-{'9' * 5000}"]
)
def test_range_that_is_nonsense_is_ignored(stored: Stored, text: str) -> None:
    reply = stored.get(Range=text)
    assert (reply.status_code, len(reply.content)) == (200, len(stored.archive))


def test_conditions(stored: Stored) -> None:
    other = '"0123"'
    assert stored.get(If_Match=stored.etag, Range="bytes=0-9").status_code == 206
    assert stored.get(If_Match="*").status_code == 200
    assert stored.get(If_Match=other, Range="bytes=0-9").status_code == 412
    assert stored.get(If_None_Match=stored.etag).status_code == 304
    assert stored.get(If_None_Match=other).status_code == 200
    assert stored.get(If_Range=stored.etag, Range="bytes=0-9").status_code == 206
    assert stored.get(If_Range=other, Range="bytes=0-9").status_code == 200
    assert stored.get(If_Range="Wed, 21 Oct 2015 07:28:00 GMT", Range="bytes=0-9").status_code == 200


def test_head_says_the_same_without_the_bytes(stored: Stored) -> None:
    reply = stored.get("HEAD", Range="bytes=10-19")
    assert (reply.status_code, reply.content, reply.headers["Content-Length"]) == (206, b"", "10")
    reply = stored.get("HEAD")
    assert (reply.status_code, reply.headers["Content-Length"]) == (200, str(len(stored.archive)))


def test_forged_urls_are_refused(stored: Stored) -> None:
    other = requests.get(stored.url.replace("/archives/", "/archives/0"), timeout=30)
    longer = requests.get(stored.url.replace("expires=", "expires=9"), timeout=30)
    written = requests.put(stored.url, data=b"x", timeout=30)
    naked = requests.get(stored.url.partition("?")[0], timeout=30)
    assert [reply.status_code for reply in (other, longer, naked)] == [403] * 3
    assert "signature" in other.json()["error"]
    assert written.status_code == 405


def test_url_is_on_the_origin_the_client_used(registry: Server, admin: Client, stored: Stored) -> None:
    port = registry.url.rpartition(":")[2]
    spoofed = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/x"}
    reply = Client(f"http://localhost:{port}", registry.token).call(
        "PATCH", path("ranges", "v2", "presign_download_url"), headers=spoofed
    )
    assert reply.json()["presigned_download_url"].startswith(f"http://localhost:{port}/objects/")


def test_urls_expire(launch: Callable[..., Server], name: str) -> None:
    client = launch(MODELSYNC_URL_TTL="0.2").client()
    register(client, name, "v1")
    url = client.ok("PATCH", path(name, "v1", "presign_upload_url"))["presigned_upload_url"]
    replies = iter(lambda: requests.put(url, data=b"", timeout=30), None)
    expired = next(reply for reply in replies if reply.status_code == 403)
    assert "expired" in expired.json()["error"]


def test_forwarded_headers_count_only_when_trusted(launch: Callable[..., Server], name: str) -> None:
    server = launch(MODELSYNC_TRUST_FORWARDED="1")
    client = server.client()
    archive = pushing.push(client, name, "v1")
    headers = {"X-Forwarded-Host": "models.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/registry"}
    url = client.ok("PATCH", path(name, "v1", "presign_download_url"), headers=headers)["presigned_download_url"]
    assert url.startswith("https://models.example/registry/objects/archives/")
    behind = url.replace("https://models.example/registry", server.url)
    assert requests.get(behind, headers=headers, timeout=30).content == archive


def test_client_that_goes_away_is_no_error_of_the_registry(registry: Server, name: str) -> None:
    """It is in the log as a request with 499, and not as a failure."""
    client = registry.client()
    pushing.push(client, name, "v1", model_tar(name, "v1", os.urandom(24_000_000)))
    address = urlsplit(pushing.download_url(client, name, "v1"))
    with socket.socket() as connection:  # fast at first, and gone in the middle, when all the rest fits no buffer
        connection.settimeout(30)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        connection.connect((address.hostname, address.port))
        connection.sendall(f"GET {address.path}?{address.query} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        left = 8_000_000
        while left > 0:
            left -= len(connection.recv(1 << 16))
    said = f"GET {address.path} 499"
    wait_until(lambda: said in registry.log, "the line of a request that was given up")
    assert "broke off" not in registry.log
