"""Uploads: declared parts, refused parts, and the ways in other than multipart."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tarfile
from datetime import date
from urllib.parse import urlsplit

import pytest
import requests

from tests.harness.clock import wait_until

from . import pushing
from .pushing import (
    complete,
    cut,
    finish,
    listed,
    model_tar,
    parts_json,
    path,
    put_part,
    put_parts,
    register,
    start,
    tar,
)
from .server import Client, Server


def odd(line: str) -> bytes:
    """A model.yaml with one line that is not as it should be."""
    return f"name: NAME\nversion: v1\ncreation_time: {pushing.CREATED}\n{line}\n".encode()


BOMB = odd("a0: &a0 [x, x]\n" + "\n".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(50)))


class TestDeclaredParts:
    def test_only_missing_parts_travel(self, admin: Client, name: str) -> None:
        payload = os.urandom(300_000)
        old = cut(model_tar(name, "v1", payload), 100_000)
        register(admin, name, "v1")
        reply = start(admin, name, "v1", {"parts": parts_json(old)})
        assert reply["modelsync"]["present"] == []
        put_parts(admin, name, "v1", reply["upload_id"], old)
        assert complete(admin, name, "v1", reply["upload_id"], listed(old, '"')).status_code == 200
        finish(admin, name, "v1")

        new = cut(model_tar(name, "v2", payload), 100_000)
        register(admin, name, "v2")
        reply = start(admin, name, "v2", {"parts": parts_json(new)})
        shared = [number for number, part in enumerate(new, 1) if part in old]
        assert reply["modelsync"]["present"] == shared
        assert shared
        for number in set(range(1, len(new) + 1)) - set(shared):
            assert put_part(admin, name, "v2", reply["upload_id"], number, new[number - 1]).status_code == 200
        backwards = listed(new)[::-1]
        assert complete(admin, name, "v2", reply["upload_id"], backwards).status_code == 200
        finish(admin, name, "v2")
        assert requests.get(pushing.download_url(admin, name, "v2"), timeout=30).content == b"".join(new)

    def test_part_with_other_bytes_is_refused(self, admin: Client, name: str) -> None:
        parts = cut(model_tar(name, "v1", os.urandom(50_000)), 20_000)
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1", {"parts": parts_json(parts)})["upload_id"]
        flipped = bytes([parts[0][0] ^ 1]) + parts[0][1:]
        for wrong in (flipped, parts[0][:-1]):
            reply = put_part(admin, name, "v1", upload_id, 1, wrong)
            assert reply.status_code == 400
            assert "digest" in reply.json()["error"]
        put_parts(admin, name, "v1", upload_id, parts)
        assert complete(admin, name, "v1", upload_id, listed(parts)).status_code == 200

    def test_missing_and_wrong_parts_are_named_and_the_upload_goes_on(self, admin: Client, name: str) -> None:
        parts = cut(model_tar(name, "v1", os.urandom(50_000)), 10_000)
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1", {"parts": parts_json(parts)})["upload_id"]
        for number in (1, 2, *range(4, len(parts) + 1)):  # the last one is padding, which another test may have stored
            put_part(admin, name, "v1", upload_id, number, parts[number - 1])
        reply = complete(admin, name, "v1", upload_id, listed(parts))
        assert (reply.status_code, reply.json()["error"][-3:]) == (400, ": 3")
        put_part(admin, name, "v1", upload_id, 3, parts[2])
        wrong = [{**part, "etag": '"' + "0" * 64 + '"'} if part["part_number"] == 2 else part for part in listed(parts)]
        reply = complete(admin, name, "v1", upload_id, wrong[:-1])
        assert reply.status_code == 400
        assert reply.json()["error"].endswith(f": 2, {len(parts)}")
        assert complete(admin, name, "v1", upload_id, listed(parts)).status_code == 200
        assert complete(admin, name, "v1", upload_id, listed(parts)).status_code == 200, "it may be repeated"

    def test_facts_that_were_sent_along_become_visible_with_the_bytes(self, admin: Client, name: str) -> None:
        pushing.push(admin, name, "v1")
        parts = [model_tar(name, "v1", b"second")]
        facts = {
            "manifest": pushing.manifest(module="mine", metadata={"modelsync": {"parts": 1}}),
            "labels": [{"key": "k", "value": "v"}],
            "build_at": "2031-01-01 00:00:00.000000",
        }
        upload_id = start(admin, name, "v1", {"parts": parts_json(parts), **facts})["upload_id"]
        put_parts(admin, name, "v1", upload_id, parts)
        complete(admin, name, "v1", upload_id, listed(parts))
        assert admin.ok("GET", path(name, "v1"))["manifest"]["module"] != "mine"
        finish(admin, name, "v1")
        after = admin.ok("GET", path(name, "v1"))
        assert after["manifest"] == facts["manifest"]
        assert after["labels"] == facts["labels"]
        assert after["build_at"] == "2031-01-01T00:00:00.000000Z"

    def test_download_reply_describes_the_archive(self, admin: Client, name: str) -> None:
        archive = pushing.push(admin, name, "v1", model_tar(name, "v1", b"w" * 5000))
        extension = admin.ok("PATCH", path(name, "v1", "presign_download_url"))["modelsync"]
        assert extension["size"] == len(archive) == sum(part["size"] for part in extension["parts"])
        assert extension["digest"] == admin.ok("GET", path(name, "v1"))["modelsync"]["digest"]
        entry = next(entry for entry in extension["layout"] if entry["path"] == "weights.bin")
        assert (entry["kind"], entry["size"], entry["target"]) == ("file", 5000, "")
        assert archive[entry["offset"] :][:5000] == b"w" * 5000
        assert {entry["path"] for entry in extension["layout"]} == {"model.yaml", "weights.bin"}


class TestStockUploads:
    def test_one_url_does_not_take_other_bytes_for_ever(self, admin: Client, name: str) -> None:
        """Each time they stay on the disk for a while; the same bytes again cost nothing."""
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        for number in (0, 0, 0, *range(1, 8)):
            assert put_part(admin, name, "v1", upload_id, 1, bytes([number])).status_code == 200
        refused = put_part(admin, name, "v1", upload_id, 1, b"more")
        assert refused.status_code == 400
        assert "8 times" in refused.json()["error"]

    def test_a_part_put_again_replaces_the_first(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        put_part(admin, name, "v1", upload_id, 1, b"first")
        parts = [model_tar(name, "v1", b"second")]
        etags = put_parts(admin, name, "v1", upload_id, parts)
        assert complete(admin, name, "v1", upload_id, etags).status_code == 200
        finish(admin, name, "v1")
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == parts[0]

    def test_parts_that_are_not_listed_are_missing(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        etags = put_parts(admin, name, "v1", upload_id, cut(model_tar(name, "v1"), 4096))
        assert complete(admin, name, "v1", upload_id, etags[:-1]).status_code == 400
        assert complete(admin, name, "v1", upload_id, []).status_code == 400
        assert complete(admin, name, "v1", upload_id, etags).status_code == 200

    def test_archive_that_breaks_off_is_refused_and_may_go_on(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        parts = cut(model_tar(name, "v1", b"x" * 50_000), 10_000)
        etags = put_parts(admin, name, "v1", upload_id, parts[:-2])
        reply = complete(admin, name, "v1", upload_id, etags)
        assert reply.status_code == 400
        assert "breaks off" in reply.json()["error"]
        etags = put_parts(admin, name, "v1", upload_id, parts)
        assert complete(admin, name, "v1", upload_id, etags).status_code == 200

    @pytest.mark.parametrize(
        ("files", "text"),
        [
            ({"model.yaml": pushing.model_yaml("other", "v1")}, "other:v1"),
            ({"model.yaml": b"name: [broken"}, "YAML"),
            ({"model.yaml": b"just text"}, "mapping"),
            ({"model.yaml": b"a: &a [1]\n" * 200_000}, "larger"),
            ({"model.yaml": b"a: &a [*a]"}, "50 levels"),
            ({"model.yaml": BOMB}, "200,000 values"),
            ({"model.yaml": odd("metadata: {a: 0x" + "f" * 9000 + "}")}, "YAML"),
            ({"model.yaml": odd("labels: {a: " + "x" * 2000 + "}")}, "value"),
            ({"model.yaml": odd('labels: {a: "\\ud800"}')}, "YAML"),
            ({"model.yaml": odd("creation_time: 0001-01-01T00:00:00+23:00")}, "hold"),
            ({"model.yaml": odd("signatures: " + "[" * 500 + "]" * 500)}, "50 levels"),
        ],
    )
    def test_model_yaml_of_another_model_is_refused(
        self, admin: Client, name: str, files: dict[str, bytes], text: str
    ) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        named = {file: content.replace(b"NAME", name.encode()) for file, content in files.items()}
        etags = put_parts(admin, name, "v1", upload_id, [tar(named)])
        reply = complete(admin, name, "v1", upload_id, etags)
        assert reply.status_code == 400
        assert text in reply.json()["error"]
        etags = put_parts(admin, name, "v1", upload_id, [model_tar(name, "v1")])
        assert complete(admin, name, "v1", upload_id, etags).status_code == 200

    def test_metadata_that_json_lacks_becomes_text(self, admin: Client, name: str) -> None:
        metadata = {"loss": float("nan"), "day": date(2026, 1, 2)}
        pushing.push(admin, name, "v1", model_tar(name, "v1", metadata=metadata))
        assert admin.ok("GET", path(name, "v1"))["manifest"]["metadata"] == {"loss": "nan", "day": "2026-01-02"}

    def test_what_is_not_a_models_tar_is_refused(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        contents = {
            gzip.compress(model_tar(name, "v1")): "tar",
            os.urandom(9999): "tar",
            tar({"weights.bin": b"w"}): "model.yaml",
            bytes(10_240): "tar",
        }
        for content, text in contents.items():
            upload_id = start(admin, name, "v1")["upload_id"]
            etags = put_parts(admin, name, "v1", upload_id, [content])
            reply = complete(admin, name, "v1", upload_id, etags)
            assert reply.status_code == 400
            assert text in reply.json()["error"]

    def test_tar_with_a_device_is_refused(self, admin: Client, name: str) -> None:
        device = io.BytesIO()
        with tarfile.open(fileobj=device, mode="w:") as archive:
            member = tarfile.TarInfo("dev")
            member.type = tarfile.CHRTYPE
            archive.addfile(member)
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        etags = put_parts(admin, name, "v1", upload_id, [device.getvalue()])
        reply = complete(admin, name, "v1", upload_id, etags)
        assert (reply.status_code, "dev" in reply.json()["error"]) == (400, True)

    def test_aborted_upload_is_not_found(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        assert admin.call("PATCH", path(name, "v1", "abort_multipart_upload"), {"upload_id": upload_id}).ok
        for action in ("presign_multipart_upload_url", "complete_multipart_upload", "abort_multipart_upload"):
            body = {"upload_id": upload_id, "part_number": 1}
            reply = admin.call("PATCH", path(name, "v1", action), body)
            assert (reply.status_code, reply.json()) == (404, {"error": "upload not found"})

    def test_upload_of_another_version_is_not_found(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        register(admin, name, "v2")
        upload_id = start(admin, name, "v1")["upload_id"]
        body = {"upload_id": upload_id, "part_number": 1}
        assert admin.call("PATCH", path(name, "v2", "presign_multipart_upload_url"), body).status_code == 404

    def test_huggingface_models_are_registered_without_bytes(self, admin: Client, name: str) -> None:
        register(admin, name, "v1", manifest=pushing.manifest(metadata={"registry": "huggingface"}))
        reply = admin.ok("PATCH", path(name, "v1", "presign_download_url"))
        assert (reply["upload_status"], reply["presigned_download_url"]) == ("success", "")


class TestOtherWaysIn:
    def test_single_presigned_put(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        url = admin.ok("PATCH", path(name, "v1", "presign_upload_url"))["presigned_upload_url"]
        admin.ok("PATCH", path(name, "v1", "start_upload"))
        archive = model_tar(name, "v1", os.urandom(20 << 20))
        assert requests.put(url, data=archive, timeout=30).status_code == 200
        assert finish(admin, name, "v1").status_code == 200
        reply = admin.ok("PATCH", path(name, "v1", "presign_download_url"))
        assert len(reply["modelsync"]["parts"]) > 2
        assert requests.get(reply["presigned_download_url"], timeout=30).content == archive

    def test_proxy_upload_and_download(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        archive = model_tar(name, "v1", os.urandom(20 << 20))
        reply = admin.call("PUT", path(name, "v1", "upload"), data=archive)
        assert (reply.status_code, reply.content) == (200, b"")
        assert admin.ok("GET", path(name, "v1"))["upload_status"] == "success"
        reply = admin.call("GET", path(name, "v1", "download"), headers={"Range": "bytes=1000-20000000"})
        assert (reply.status_code, reply.content) == (206, archive[1000:20000001])

    def test_proxy_upload_of_another_model_fails(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        assert admin.call("PUT", path(name, "v1", "upload"), data=model_tar(name, "v2")).status_code == 400
        assert admin.ok("GET", path(name, "v1"))["upload_status"] == "failed"
        assert admin.call("GET", path(name, "v1", "download")).status_code == 404

    def test_body_that_ends_early_leaves_nothing(self, registry: Server, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        url = urlsplit(pushing.part_url(admin, name, "v1", upload_id))
        with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
            head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 5000000\r\n\r\n"
            connection.sendall(head.encode() + os.urandom(3_000_000))
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(100)
        assert answer.startswith(b"HTTP/1.1 400 ") or not answer
        wait_until(lambda: not list((registry.data / "blobs" / "tmp").iterdir()), "the end of its bytes")
        assert complete(admin, name, "v1", upload_id, []).status_code == 400

    def test_body_without_length_is_refused(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1")["upload_id"]
        assert put_part(admin, name, "v1", upload_id, 1, iter([b"chunked"])).status_code == 400
        assert put_part(admin, name, "v1", upload_id, 1, b"").status_code == 400

    def test_refusal_of_a_large_body_is_heard_and_the_connection_kept(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = start(admin, name, "v1", {"parts": parts_json([b"declared"])})["upload_id"]
        url = pushing.part_url(admin, name, "v1", upload_id)
        forged = url.replace("signature=", "signature=0")
        with requests.Session() as session:
            replies = [session.put(address, data=bytes(30 << 20), timeout=30) for address in (url, forged, url)]
        assert [reply.status_code for reply in replies] == [400, 403, 400]
