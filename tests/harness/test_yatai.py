"""The server of the harness behaves as BentoCloud and S3 do, for plain clients and for the real `bentoml`."""

from __future__ import annotations

import contextlib
import os
import socket
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from .conftest import Call
from .models import MIB, differences, make_model
from .processes import bentoml, environment
from .yatai import Yatai


def start(call: Call, model: str) -> str:
    return str(call("PATCH", f"{model}/start_multipart_upload").json()["upload_id"])


def part_url(call: Call, model: str, upload: str, number: int = 1) -> str:
    body = {"upload_id": upload, "part_number": number}
    return str(call("PATCH", f"{model}/presign_multipart_upload_url", body).json()["presigned_upload_url"])


def download_url(call: Call, model: str) -> str:
    return str(call("PATCH", f"{model}/presign_download_url").json()["presigned_download_url"])


def complete(call: Call, model: str, upload: str, *etags: str) -> requests.Response:
    parts = [{"part_number": index + 1, "etag": etag} for index, etag in enumerate(etags)]
    return call("PATCH", f"{model}/complete_multipart_upload", {"upload_id": upload, "parts": parts})


def test_parts_become_the_object(yatai: Yatai, call: Call, model: str, session: requests.Session) -> None:
    upload = start(call, model)
    parts = [os.urandom(5 * MIB), os.urandom(77)]
    urls = [part_url(call, model, upload, number) for number in (1, 2)]
    etags = [session.put(url, part).headers["ETag"] for url, part in zip(urls, parts, strict=True)]
    assert complete(call, model, upload, *etags).status_code == 200
    assert session.get(download_url(call, model)).content == b"".join(parts)
    assert yatai.objects.log.sent("/objects/", "PUT") == 5 * MIB + 77


def test_a_small_part_in_the_middle_is_refused(call: Call, model: str, session: requests.Session) -> None:
    upload = start(call, model)
    etags = [session.put(part_url(call, model, upload, number), b"x" * 9).headers["ETag"] for number in (1, 2)]
    reply = complete(call, model, upload, *etags)
    assert (reply.status_code, "EntityTooSmall" in reply.text) == (400, True)


def test_a_wrong_etag_is_refused_and_the_upload_lives_on(call: Call, model: str, session: requests.Session) -> None:
    upload = start(call, model)
    etag = session.put(part_url(call, model, upload), b"x").headers["ETag"]
    reply = complete(call, model, upload, '"0"')
    assert (reply.status_code, "InvalidPart" in reply.text) == (400, True)
    assert complete(call, model, upload, etag.strip('"')).status_code == 200
    assert "NoSuchUpload" in complete(call, model, upload, etag).text


def test_ranges_and_preconditions(yatai: Yatai, call: Call, model: str, session: requests.Session) -> None:
    etag = yatai.objects.bucket.put(yatai.key("m", "v1"), [b"0123456789"])
    url = download_url(call, model)
    middle = session.get(url, headers={"Range": "bytes=2-4", "If-Match": etag})
    assert (middle.status_code, middle.content, middle.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert session.get(url, headers={"Range": "bytes=-3"}).content == b"789"
    assert session.get(url, headers={"Range": "bytes=8-99"}).content == b"89"
    assert session.get(url, headers={"Range": "bytes=10-"}).status_code == 416
    assert session.get(url, headers={"If-Match": '"other"'}).status_code == 412
    yatai.objects.ignore_range = True
    whole = session.get(url, headers={"Range": "bytes=2-4"})
    assert (whole.status_code, whole.content, "Accept-Ranges" in whole.headers) == (200, b"0123456789", False)


def test_a_url_expires_and_is_good_for_one_thing(
    yatai: Yatai, call: Call, model: str, session: requests.Session
) -> None:
    yatai.objects.bucket.put(yatai.key("m", "v1"), [b"x"])
    url = download_url(call, model)
    assert session.get(url).status_code == 200
    assert session.put(url, b"y").status_code == 403
    assert session.get(url.replace("v1", "v2")).status_code == 403
    yatai.objects.expire_urls()
    reply = session.get(url)
    assert (reply.status_code, "Request has expired" in reply.text) == (403, True)
    assert session.get(download_url(call, model)).status_code == 200


def test_the_object_host_takes_no_token_and_no_chunks(
    yatai: Yatai, call: Call, model: str, session: requests.Session
) -> None:
    url = part_url(call, model, start(call, model))
    assert session.put(url, iter([b"x"])).status_code == 501
    assert yatai.objects.violations == []
    assert session.put(url, b"x", headers={"X-YATAI-API-TOKEN": yatai.token}).status_code == 400
    assert len(yatai.objects.violations) == 1


def test_a_broken_part_leaves_nothing(yatai: Yatai, call: Call, model: str) -> None:
    upload = start(call, model)
    url = urlsplit(part_url(call, model, upload))
    with contextlib.closing(HTTPConnection(url.netloc)) as connection:
        connection.putrequest("PUT", f"{url.path}?{url.query}")
        connection.putheader("Content-Length", "9")
        connection.endheaders(b"12345678")
        assert connection.sock
        connection.sock.shutdown(socket.SHUT_WR)
        assert connection.sock.recv(100) == b""
    assert yatai.objects.bucket.uploads[upload].parts == {}
    assert not list(yatai.objects.bucket.folder.glob("tmp-*"))


def test_lists_show_unfinished_models_newest_build_first(call: Call, model: str) -> None:
    body = call("GET", model).json()
    for version, time in (("v3", "2024-03-03 00:00:00.000000"), ("v2", "2024-02-02 00:00:00.000000")):
        call("POST", "/m/models", {"version": version, "manifest": body["manifest"], "build_at": time, "labels": []})
    call("PATCH", "/m/models/v2/finish_upload", {"status": "success", "reason": ""})
    page = call("GET", "/m/models?start=0&count=2").json()
    assert [(item["name"], item["upload_status"]) for item in page["items"]] == [("v3", "pending"), ("v2", "success")]
    assert page["total"] == 3
    assert call("GET", "/models?q=m", prefix="").json()["total"] == 3
    assert call("GET", "/models?q=label:no", prefix="").json()["total"] == 0
    assert call("GET", "/nothing/models").status_code == 404


def test_refusals(yatai: Yatai, call: Call, model: str, session: requests.Session) -> None:
    assert call("POST", "", {"name": "m"}).status_code == 400
    assert call("POST", "/m/models", {"version": "v1", "manifest": {}}).status_code == 400
    assert call("PATCH", "/m/models/v9/start_upload").status_code == 404
    assert call("PATCH", f"{model}/delete").status_code == 404
    assert call("PATCH", f"{model}/finish_upload", {"status": "odd"}).status_code == 400
    assert session.get(f"{yatai.url}/api/v1/auth/current").status_code == 401


@pytest.mark.parametrize("strategy", ["presigned_url", "proxy", None])
def test_the_real_client_pushes_and_pulls(tmp_path: Path, strategy: str | None) -> None:
    made = make_model(tmp_path / "a", "m:v1", {"w.bin": 6 * MIB, "config.json": b"{}"}, labels={"k": "v"})
    with Yatai(tmp_path / "yatai", strategy) as yatai:
        for home, verb in (("a", "push"), ("b", "pull")):
            done = bentoml(verb, "m:v1", env=environment(tmp_path / home, yatai.url, yatai.token))
            assert done.returncode == 0, done.stdout + done.stderr
        assert yatai.records.model("m", "v1")["upload_status"] == "success"
    assert differences(made, tmp_path / "b/models/m/v1") == []
    assert (yatai.errors, yatai.objects.violations) == ([], [])
