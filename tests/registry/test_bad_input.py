"""Whatever a client sends, the answer is a 4xx in JSON and the server stays up."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import pushing
from .pushing import path, register, start
from .server import Client, Server

ONE = "/model_repositories/garbage/models/v1"
BODIES = [
    ("POST", "/api_tokens"),
    ("POST", "/model_repositories"),
    ("PATCH", "/model_repositories/garbage"),
    ("POST", "/model_repositories/garbage/models"),
    ("PATCH", ONE),
    ("PATCH", f"{ONE}/start_upload"),
    ("PATCH", f"{ONE}/presign_upload_url"),
    ("PATCH", f"{ONE}/presign_download_url"),
    ("PATCH", f"{ONE}/start_multipart_upload"),
    ("PATCH", f"{ONE}/presign_multipart_upload_url"),
    ("PATCH", f"{ONE}/complete_multipart_upload"),
    ("PATCH", f"{ONE}/abort_multipart_upload"),
    ("PATCH", f"{ONE}/finish_upload"),
]
LISTS = ["/models", "/model_repositories", "/model_repositories/garbage/models", "/api_tokens", "/current_org/events"]

_texts = st.text(max_size=20) | st.sampled_from(["success", "failed", "v1", "..", "\0", "\ud800", "9" * 1000])
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _texts | st.integers(-(2**70), 2**70)
_values = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4))
_keys = st.sampled_from(
    [
        *("name", "version", "description", "manifest", "labels", "build_at", "status", "reason", "parts", "upload_id"),
        *("part_number", "etag", "modelsync", "scopes", "expired_at", "key", "value", "module", "size_bytes", "size"),
        *("api_version", "bentoml_version", "metadata", "context", "options", "digest", "user", "role"),
    ]
)


def _known(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(_keys, inner, max_size=6)


_bodies = _values | _known(_values | _known(_values | st.lists(_known(_values), max_size=3)))


@pytest.fixture(scope="module")
def client(registry: Server) -> Client:
    client = registry.client()
    register(client, "garbage", "v1")
    return client


@pytest.mark.parametrize(("method", "address"), BODIES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_bodies)
def test_garbage_in_bodies(client: Client, method: str, address: str, body: Any) -> None:
    reply = client.call(method, address, data=json.dumps(body), headers={"Content-Type": "application/json"})
    assert reply.status_code < 500, reply.text
    assert reply.ok or reply.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff\xfe",
        b'"text"',
        b"[1, 2]",
        b"[" * 100_000,
        b'{"name": NaN}',
        b'{"name": 1e999}',
        b'{"a": ' * 5000 + b"1" + b"}" * 5000,
        b"9" * 10_000,
    ],
    ids=range(9),
)
def test_broken_json(client: Client, body: bytes) -> None:
    for method, address in BODIES:
        reply = client.call(method, address, data=body)
        bodiless = address.endswith(("start_upload", "presign_upload_url"))
        assert reply.status_code in ((200, 404) if bodiless else (400, 404, 413)), f"{method} {address}: {reply.text}"


@pytest.mark.parametrize("key", ["start", "count", "q", "search"])
@settings(max_examples=15, deadline=None)
@given(value=_texts | st.integers().map(str) | st.text("abc:-=,%_\\'\"@ ", max_size=30))
def test_garbage_in_queries(client: Client, key: str, value: str) -> None:
    escaped = quote(value.encode("utf-8", "surrogatepass"))
    for address in LISTS:
        reply = client.call("GET", f"{address}?{key}={escaped}")
        assert reply.status_code in (200, 400), reply.text


@pytest.mark.parametrize(
    "query",
    ["start=-1", "count=-1", "start=x", "count=1.5", "q=what:x", "q=sort:color-asc", f"q={'text:a%20' * 9}"],
)
def test_queries_that_make_no_sense_are_400(client: Client, query: str) -> None:
    reply = client.call("GET", f"/model_repositories?{query}")
    assert reply.status_code == 400
    assert reply.json()["error"]


def test_time_before_the_first_year_is_400(client: Client) -> None:
    for key in ("since", "until"):
        assert client.call("GET", f"/current_org/events?{key}=0001-01-01T00:00:00%2B23:00").status_code == 400


def test_huge_pages_are_cut_short(client: Client) -> None:
    assert client.ok("GET", f"/models?count={10**18}")["items"] is not None
    assert client.ok("GET", f"/models?start={10**18}")["items"] == []


@pytest.mark.parametrize(
    "bad", ["..", "a/b", "../../etc/passwd", "UPPER", "", " ", "a" * 64, "é", "\0", "a:b", "-a", 7]
)
def test_bad_names_are_refused(client: Client, bad: object) -> None:
    assert client.call("POST", "/model_repositories", {"name": bad}).status_code == 400
    body = {"version": bad, "manifest": pushing.manifest()}
    assert client.call("POST", "/model_repositories/garbage/models", body).status_code == 400


def test_manifest_nested_too_deep(client: Client) -> None:
    deep: dict[str, Any] = {}
    for _ in range(80):
        deep = {"a": deep}
    body = {"version": "deep", "manifest": pushing.manifest(metadata=deep)}
    assert client.call("POST", "/model_repositories/garbage/models", body).status_code == 400


def test_latest_is_no_version(client: Client) -> None:
    body = {"version": "latest", "manifest": pushing.manifest()}
    assert client.call("POST", "/model_repositories/garbage/models", body).status_code == 400


@pytest.mark.parametrize("bad", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%00", "%ff", "%F0%9F%98%80", "a" * 4000])
def test_bad_paths_are_404(client: Client, bad: str) -> None:
    for address in (f"/model_repositories/{bad}x", f"/model_repositories/garbage/models/{bad}x", f"/api_tokens/{bad}x"):
        reply = client.call("GET", address)
        assert reply.status_code == 404
        assert reply.json()["error"]


def test_unknown_routes_and_methods(client: Client) -> None:
    for address in ("/nothing", "/model_repositories/garbage/models/v1/fly", "//", "/model_repositories/a/b/c/d"):
        reply = client.call("GET", address)
        assert reply.status_code == 404
        assert reply.json()["error"]
    reply = client.call("DELETE", "/model_repositories")
    assert reply.status_code == 405
    assert reply.json()["error"]
    assert "GET" in reply.headers["Allow"]


def test_part_numbers_out_of_range(client: Client, name: str) -> None:
    register(client, name, "v1")
    upload_id = start(client, name, "v1")["upload_id"]
    for number in (0, -1, 10**6, 10**30, "1", 1.5, True, None):
        body = {"upload_id": upload_id, "part_number": number}
        assert client.call("PATCH", path(name, "v1", "presign_multipart_upload_url"), body).status_code == 400


def test_url_of_runs_is_for_declared_parts(client: Client, name: str) -> None:
    """Who has it must not fill the disk with other parts, nor make the registry count to a number of their choice."""
    register(client, name, "v1")
    uid = start(client, name, "v1", {"parts": pushing.parts_json([b"one", b"two"])})["upload_id"]
    reply = client.ok("PATCH", path(name, "v1", "presign_multipart_upload_url"), {"upload_id": uid, "part_number": 1})
    url, _, query = reply["modelsync"]["runs"].partition("?")
    for run in ("3-3", "0-0", "2-1", "0-1", "999999999-999999999", "1-999999999"):
        answer = requests.put(f"{url}/{run}?{query}", data=b"three", timeout=30)
        assert answer.status_code == 400, run
    assert requests.put(f"{url}/1-2?{query}", data=b"onetwo", timeout=30).status_code == 200
    listed = [{"part_number": 999_999_999, "etag": "0" * 64}]
    assert pushing.complete(client, name, "v1", uid, listed).status_code == 400


def test_program_that_calls_itself_what_is_not_text(client: Client, registry: Server, name: str) -> None:
    pushing.push(client, name, "v1")
    where, body = urlsplit(registry.url), b'{"description": "other"}'
    head = (
        f"PATCH /api/v1{path(name, 'v1')} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
    )
    head += f"X-YATAI-API-TOKEN: {registry.token}\r\nUser-Agent: "
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"\xff\xfe \xc3\xa9\r\n\r\n" + body)
        assert connection.recv(1000).split()[1] == b"200"
    assert client.ok("GET", f"/model_repositories/{name}/history")["items"][0]["client"] == "?? \xe9"


def test_declared_parts_that_make_no_sense(client: Client, name: str) -> None:
    register(client, name, "v1")
    digest = f"blake3:{'0' * 64}"
    nonsense: list[Any] = [[], "x", [1], [{}], [{"size": 0, "digest": digest}], [{"size": 2**80, "digest": digest}]]
    for parts in nonsense:
        reply = client.call("PATCH", path(name, "v1", "start_multipart_upload"), {"modelsync": {"parts": parts}})
        assert reply.status_code == 400, parts


def test_the_server_is_still_there(client: Client) -> None:
    assert client.session.get(f"{client.url}/healthz", timeout=10).status_code == 200
