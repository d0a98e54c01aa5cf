"""Each fault is what it says, seen from a plain client, and strikes as often as scripted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
import requests
from urllib3.exceptions import ProtocolError

from .clock import wait_until
from .conftest import Call
from .faults import Fault, FaultyProxy
from .models import MIB
from .yatai import Yatai

DATA = bytes(range(256)) * 4096


@pytest.fixture
def proxy(yatai: Yatai) -> Iterator[FaultyProxy]:
    with FaultyProxy(yatai.url) as proxy:
        yield proxy
    assert proxy.errors == []


@pytest.fixture
def url(yatai: Yatai, proxy: FaultyProxy, call: Call, model: str) -> str:
    """A download URL through the proxy."""
    yatai.objects.bucket.put(yatai.key("m", "v1"), [DATA])
    reply = call("PATCH", f"{model}/presign_download_url", url=proxy.url).json()
    proxy.log.clear()
    return str(reply["presigned_download_url"])


@pytest.fixture
def put_url(proxy: FaultyProxy, call: Call, model: str) -> str:
    """A URL for part 1 through the proxy."""
    upload = call("PATCH", f"{model}/start_multipart_upload").json()["upload_id"]
    body = {"upload_id": upload, "part_number": 1}
    reply = call("PATCH", f"{model}/presign_multipart_upload_url", body, url=proxy.url).json()
    return str(reply["presigned_upload_url"])


def test_object_traffic_passes_the_proxy(proxy: FaultyProxy, url: str, session: requests.Session) -> None:
    assert url.startswith(f"{proxy.url}/objects/")
    assert session.get(url).content == DATA
    part = session.get(url, headers={"Range": "bytes=1-2"})
    assert (part.status_code, part.content) == (206, DATA[1:3])
    assert (proxy.log.count("GET", "/objects/"), proxy.log.received("/objects/")) == (2, MIB + 2)
    assert "Signature" not in repr(list(proxy.log))


def test_a_fault_strikes_the_request_it_is_for(proxy: FaultyProxy, url: str, session: requests.Session) -> None:
    proxy.script(Fault.unavailable(503, retry_after=7, method="GET", path="^/objects/", skip=1, times=2))
    replies = [session.get(url) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 503, 503, 200]
    assert replies[1].headers["Retry-After"] == "7"
    assert [exchange.fault for exchange in proxy.log] == ["", "reply", "reply", ""]


def test_reset_before_anything(proxy: FaultyProxy, yatai: Yatai, put_url: str, session: requests.Session) -> None:
    proxy.script(Fault.reset(method="PUT"))
    with pytest.raises(requests.ConnectionError):
        session.put(put_url, DATA)
    assert yatai.objects.log.count() == 0
    assert session.put(put_url, DATA).status_code == 200


def test_reset_inside_the_request_body(
    proxy: FaultyProxy, yatai: Yatai, put_url: str, session: requests.Session
) -> None:
    proxy.script(Fault.reset_request(after=300_000, method="PUT"))
    with pytest.raises(requests.ConnectionError):
        session.put(put_url, DATA * 8)
    arrived = yatai.objects.log.sent()
    assert arrived <= 300_000 <= proxy.log.sent("/objects") < 8 * MIB
    assert session.put(put_url, DATA * 8).status_code == 200


def test_reset_inside_the_response_body(proxy: FaultyProxy, url: str, session: requests.Session) -> None:
    proxy.script(Fault.reset_response(after=300_000))
    got: list[bytes] = []
    with session.get(url, stream=True) as reply, pytest.raises(ProtocolError, match="reset by peer"):
        got.extend(iter(lambda: bytes(reply.raw.read(1000)), b""))
    assert b"".join(got) == DATA[:300_000]


def test_truncated_body(proxy: FaultyProxy, url: str, session: requests.Session) -> None:
    proxy.script(Fault.truncate(after=1000))
    with session.get(url, stream=True) as reply, pytest.raises(ProtocolError, match=r"IncompleteRead\(1000 bytes read"):
        reply.raw.read()
    assert proxy.log.received("/objects/") == 1000


def test_flipped_bits(proxy: FaultyProxy, yatai: Yatai, url: str, put_url: str, session: requests.Session) -> None:
    proxy.script(Fault.flip_response(500_000, method="GET"), Fault.flip_request(0, method="PUT"))
    got = session.get(url).content
    assert [index for index in range(MIB) if got[index] != DATA[index]] == [500_000]
    spoilt = session.put(put_url, DATA).headers["ETag"]
    assert session.put(put_url, DATA).headers["ETag"] != spoilt


def test_stalls(proxy: FaultyProxy, url: str, put_url: str, session: requests.Session) -> None:
    proxy.script(Fault.stall(method="GET"), Fault.stall(after=1000, method="GET"), Fault.stall_request(method="PUT"))
    with pytest.raises(requests.ReadTimeout):
        session.get(url, timeout=0.2)
    with session.get(url, timeout=0.2, stream=True) as reply:
        assert reply.raw.read(1000) == DATA[:1000]
        with pytest.raises(Exception, match="timed out"):
            reply.raw.read(1)
    with pytest.raises((requests.Timeout, requests.ConnectionError)):
        session.put(put_url, DATA * 16, timeout=0.2)
    assert session.get(url, timeout=5).content == DATA


def test_a_short_stall_goes_on(proxy: FaultyProxy, url: str, session: requests.Session) -> None:
    proxy.script(Fault.stall(0.2, after=1000))
    began = time.monotonic()
    assert session.get(url).content == DATA
    assert time.monotonic() - began >= 0.2


def test_etags_and_ranges(proxy: FaultyProxy, url: str, session: requests.Session) -> None:
    proxy.script(Fault.wrong_etag('"other"'), Fault.wrong_etag(), Fault.ignore_range())
    assert session.get(url).headers["ETag"] == '"other"'
    assert "ETag" not in session.get(url).headers
    reply = session.get(url, headers={"Range": "bytes=1-2"})
    assert (reply.status_code, len(reply.content), "Accept-Ranges" in reply.headers) == (200, MIB, False)


def test_throttle(proxy: FaultyProxy, url: str, session: requests.Session) -> None:
    proxy.script(Fault.throttle(4 * MIB))
    began = time.monotonic()
    assert session.get(url).content == DATA
    assert 0.2 < time.monotonic() - began < 5


def test_a_call_at_the_right_byte(proxy: FaultyProxy, put_url: str, session: requests.Session) -> None:
    calls: list[int] = []
    proxy.script(Fault.call(lambda: calls.append(proxy.log.sent("/objects")), after=200_000, method="PUT"))
    assert session.put(put_url, DATA).status_code == 200
    assert len(calls) == 1
    assert 200_000 <= calls[0] <= MIB


def test_an_expired_url_and_a_dead_backend(
    proxy: FaultyProxy, yatai: Yatai, url: str, call: Call, session: requests.Session
) -> None:
    proxy.script(Fault.expired(path="/objects/"))
    assert "Request has expired" in session.get(url).text
    yatai.stop()
    with pytest.raises(requests.ConnectionError):
        session.get(url)


def test_chunked_bodies_stay_chunked(proxy: FaultyProxy, put_url: str, session: requests.Session) -> None:
    assert session.put(put_url, iter([b"x" * 10, b"y"])).status_code == 501


def test_bodies_are_held_when_so_many_bytes_have_passed_together(
    proxy: FaultyProxy, url: str, put_url: str, session: requests.Session
) -> None:
    proxy.script(Fault.hold(MIB + 1, path="/objects/"))
    assert session.get(url).content == DATA
    with ThreadPoolExecutor(2) as pool:
        held = [pool.submit(requests.get, url), pool.submit(requests.put, put_url, DATA)]
        wait_until(lambda: proxy.log.received("/objects/") + proxy.log.sent("/objects/") > MIB, "bytes")
        assert wait(held, 0.2).done == set()
        proxy.heal()
        assert [each.result().status_code for each in held] == [200, 200]
