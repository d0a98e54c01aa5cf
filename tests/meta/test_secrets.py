"""No token and no presigned URL's query in anything that is said, kept or logged, whatever fails."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http, blocks
from modelsync_jupyter.remotes.retry import Renew, Retry
from tests.harness.httpd import Handler, Service
from tests.harness.models import make_model
from tests.harness.yatai import Yatai

TOKEN = "t0ken-that-nobody-may-see"
SIGNATURE = "5ignature-that-nobody-may-see"
QUERY = f"X-Amz-Credential=key&X-Amz-Signature={SIGNATURE}"


class Rude(Service):
    """Fails as its path says, and repeats in its error what it was asked and with which token."""

    def handle(self, handler: Handler) -> None:
        exchange = handler.exchange
        kind, _, value = exchange.path.strip("/").rpartition("/")[2].partition("-")
        echo = f"cannot do {exchange.path}?{exchange.query} for {exchange.headers.get('x-yatai-api-token')} " * 9
        if kind == "xml":
            handler.reply(int(value), f"<Error><Code>No</Code><Message>{echo}</Message></Error>".encode())
        elif kind == "json":
            handler.reply_json(int(value), {"error": echo})
        elif kind == "redirect":
            handler.reply(int(value), headers={"Location": f"http://127.0.0.1:1/other?{exchange.query}"})
        elif kind == "short":
            handler.begin(200 if handler.command == "GET" else 500, {"Content-Length": "9999"})
            handler.abandon()
        elif kind == "garbage":
            handler.wfile.write(b"this is not HTTP\r\n\r\n")
            handler.abandon()
        else:
            handler.abandon()


class Bytes:
    """A body of 3 MB."""

    def __len__(self) -> int:
        return 3_000_000

    def __iter__(self) -> Iterator[memoryview]:
        return iter([memoryview(bytes(1_000_000))] * 3)


@pytest.fixture
def rude() -> Iterator[Rude]:
    with Rude() as server:
        yield server


@pytest.fixture
def http(rude: Rude) -> Iterator[Http]:
    http = Http(Context("c", rude.url, TOKEN), Retry(lambda seconds: None, attempts={Renew.REQUEST: 2}))
    yield http
    http.close()


def put(http: Http, url: str) -> object:
    return http.put(url, Bytes())


def get(http: Http, url: str) -> object:
    with http.get(url, {"Range": "bytes=0-9"}) as reply:
        return [bytes(view) for view in blocks(reply)]


STATUSES = (302, 307, 400, 401, 403, 404, 408, 409, 412, 416, 418, 429, 500, 501, 503)
URLS = [f"{{here}}/o/{kind}-{status}?{QUERY}" for kind in ("xml", "json", "redirect") for status in STATUSES]
URLS += [f"{{here}}/o/{kind}?{QUERY}" for kind in ("short", "garbage", "close")]
URLS += [
    f"http://127.0.0.1:1/o?{QUERY}",
    f"http://nobody.invalid/o?{QUERY}",
    f"https://127.0.0.1:{{port}}/o?{QUERY}",
    f"http://127.0.0.1:99999/o?{QUERY}",
    f"http://127.0.0.1:port/o?{QUERY}",
    f"http://[::1/o?{QUERY}",
    f"http://{'x' * 70}.invalid/o?{QUERY}",
    f"ftp://127.0.0.1/o?{QUERY}",
    f"http:///o?{QUERY}",
    f"http://user:{SIGNATURE}@127.0.0.1:1/o?{QUERY}",
]


def said(error: ModelSyncError, caplog: pytest.LogCaptureFixture) -> str:
    """All that anybody could see of an error."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return "\n".join([str(error), repr(error), error.hint, json.dumps(error.to_dict()), caplog.text, *lines])


@pytest.mark.parametrize("call", [put, get])
@pytest.mark.parametrize("url", URLS, ids=lambda url: url.replace(QUERY, "")[:40])
def test_no_signature_in_errors(
    call: Callable[[Http, str], object], url: str, http: Http, rude: Rude, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(ModelSyncError) as caught:
        call(http, url.format(here=rude.url, port=rude.port))
    text = said(caught.value, caplog)
    assert SIGNATURE not in text
    assert "Signature=" not in text
    assert TOKEN not in text
    assert caught.value.hint.endswith(".")


@pytest.mark.parametrize("kind", ["json-", "xml-", "redirect-"])
@pytest.mark.parametrize("status", STATUSES)
def test_no_token_in_errors_of_the_api(
    kind: str, status: int, http: Http, rude: Rude, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(ModelSyncError) as caught:
        http.call("GET", f"/api/v1/{kind}{status}", params={"q": SIGNATURE})
    text = said(caught.value, caplog)
    assert TOKEN not in text
    assert SIGNATURE not in text


def test_the_token_goes_to_the_endpoint_alone(http: Http, rude: Rude) -> None:
    with Rude() as other:
        for url in (f"{other.url}/o/xml-500?{QUERY}", f"{rude.url}/o/redirect-302?{QUERY}"):
            with pytest.raises(ModelSyncError):
                get(http, url)
            with pytest.raises(ModelSyncError):
                put(http, url)
        assert {"x-yatai-api-token" in each.headers for each in other.log} == {False}
    assert {"x-yatai-api-token" in each.headers for each in rude.log} == {False}
    with pytest.raises(ModelSyncError):
        http.call("GET", "/api/v1/json-400")
    assert [each.headers["x-yatai-api-token"] for each in rude.log.find(path="api")] == [TOKEN]


def test_nothing_that_is_shown_holds_them(http: Http) -> None:
    remote = Remote(http)
    for item in (http, remote, Context("c", "http://x.test", TOKEN), Part(1, 0, 1), Tag("m")):
        assert TOKEN not in f"{item!r} {item}"


@pytest.mark.parametrize("strategy", ["presigned_url", "proxy", None])
def test_nothing_that_is_kept_holds_them(
    strategy: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """All files of a home after a push and a pull: records, journals, locks, stages and models."""
    caplog.set_level(logging.INFO)
    with Yatai(tmp_path / "yatai", strategy) as yatai:
        yatai.token = TOKEN
        monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", yatai.url)
        monkeypatch.setenv("BENTO_CLOUD_API_KEY", TOKEN)
        make_model(tmp_path / "a", "m:v1", {"weights.bin": 6 << 20})
        api.push("m:v1", home=tmp_path / "a")
        api.pull("m:v1", home=tmp_path / "b")
        yatai.objects.expire_urls()
        monkeypatch.setenv("BENTO_CLOUD_API_KEY", "wr0ng-that-nobody-may-see")
        with pytest.raises(ModelSyncError):
            api.pull("m:v1", home=tmp_path / "c")
    files = [path for home in "abc" for path in (tmp_path / home).rglob("*") if path.is_file()]
    assert len([path for path in files if path.suffix == ".json"]) >= 3
    for path in files:
        data = path.read_bytes()
        for secret in (TOKEN, "may-see", "X-Amz", "ignature="):
            assert secret.encode() not in data, path
    assert "may-see" not in caplog.text
