"""Aliases, history, labels, deleting and restoring, and where `latest` is."""

from __future__ import annotations

import io
import tarfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any

import pytest
import requests
import yaml

from tests.harness.clock import wait_until

from . import pushing
from .pushing import model_tar, path, push, register
from .server import Client, Server


def alias_path(name: str, alias: str = "") -> str:
    return f"/model_repositories/{name}/aliases" + (f"/{alias}" if alias else "")


def deeds(client: Client, name: str, **params: Any) -> list[tuple[str, str, str | None]]:
    items = client.ok("GET", f"/model_repositories/{name}/history", params=params)["items"]
    return [(item["operation"], item["version"], item["alias"]) for item in items]


class TestAliases:
    def test_alias_moves_and_is_resolved_for_readers(self, admin: Client, name: str) -> None:
        archives = {version: push(admin, name, version) for version in ("v1", "v2")}
        assert admin.ok("PUT", alias_path(name, "production"), {"version": "v1"})["version"] == "v1"
        shown = admin.ok("GET", path(name, "production"))
        assert (shown["version"], shown["modelsync"]["alias"]) == ("v1", "production")
        assert shown["modelsync"]["aliases"] == ["production"]
        admin.ok("PUT", alias_path(name, "production"), {"version": "v2", "expected": "v1"})
        url = admin.ok("PATCH", path(name, "v2", "presign_download_url"))["presigned_download_url"]
        assert requests.get(url, timeout=30).content == archives["v2"]
        found = admin.ok("GET", f"/model_repositories/{name}/models")["items"]
        assert {item["version"]: item["modelsync"].get("aliases") for item in found} == {
            "v1": None,
            "v2": ["production"],
        }
        moves = admin.ok("GET", f"/model_repositories/{name}/history", params={"alias": "production"})["items"]
        assert [(move["version"], move["earlier"]) for move in moves] == [("v2", "v1"), ("v1", None)]
        assert all(move["user"]["name"] == "admin" and move["created_at"] for move in moves)

    def test_an_archive_asked_for_by_an_alias_goes_by_that_name(self, admin: Client, name: str) -> None:
        archive = push(admin, name, "v1", model_tar(name, "v1", b"x" * 3_000_000, labels={"a": "b"}))
        admin.ok("PUT", alias_path(name, "production"), {"version": "v1"})
        url = admin.ok("PATCH", path(name, "production", "presign_download_url"))["presigned_download_url"]
        whole = requests.get(url, timeout=30)
        data, etag = whole.content, whole.headers["ETag"]
        assert admin.call("GET", path(name, "production", "download")).content == data
        with tarfile.open(fileobj=io.BytesIO(data)) as tar, tarfile.open(fileobj=io.BytesIO(archive)) as stored:
            files = {member.name.removeprefix("./"): tar.extractfile(member) for member in tar if member.isfile()}
            count = len(stored.getmembers())
            assert len(tar.getmembers()) == count + 1
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            said = yaml.safe_load(tar.extractfile(tar.getmember("model.yaml")).read())  # type: ignore[union-attr]
            assert tar.extractfile("./weights.bin").read() == b"x" * 3_000_000  # type: ignore[union-attr]
        assert files.keys() == {"model.yaml", "weights.bin"}
        assert (said["version"], said["metadata"], said["labels"]) == (
            "production",
            {"alias_of": f"{name}:v1"},
            {"a": "b"},
        )
        size = len(data)
        for start, stop in ((0, 600), (size - 2000, size), (2_999_000, size), (size - 1, size), (1_000_000, 2_000_000)):
            part = requests.get(url, headers={"Range": f"bytes={start}-{stop - 1}", "If-Match": etag}, timeout=30)
            assert (part.status_code, part.content) == (206, data[start:stop])
        assert requests.head(url, timeout=30).headers["Content-Length"] == str(size)
        own = admin.ok("PATCH", path(name, "v1", "presign_download_url"))["presigned_download_url"]
        assert requests.head(own, timeout=30).headers["ETag"] != etag
        assert requests.get(url.replace("/production?", "/other?"), timeout=30).status_code == 403

    def test_compare_and_move_lets_one_of_many_win(self, registry: Server, admin: Client, name: str) -> None:
        for version in ("v1", "v2", "v3"):
            push(admin, name, version)
        address = alias_path(name, "production")
        assert admin.call("PUT", address, {"version": "v1", "expected": "v2"}).status_code == 409
        bodies = [{"version": version, "expected": None} for version in ("v1", "v2", "v3")] * 2
        with ThreadPoolExecutor(6) as pool:
            codes = list(pool.map(lambda body: registry.client().call("PUT", address, body).status_code, bodies))
        assert set(codes) == {200, 409}
        now = admin.ok("GET", address)["version"]
        won = [body["version"] for body, code in zip(bodies, codes, strict=True) if code == 200]
        assert set(won) == {now}, "who asks once more for what they did is told that it is so"
        assert [deed[0] for deed in deeds(admin, name, alias="production")] == ["aliased"]
        other = registry.user(f"u-{name}")
        admin.ok("PUT", f"/model_repositories/{name}/grants/u-{name}", {"right": "writer"})
        assert other.call("PUT", address, {"version": now, "expected": None}).status_code == 409
        assert admin.call("DELETE", address, params={"expected": f"{now}0"}).status_code == 409
        assert admin.ok("DELETE", address, params={"expected": now})["version"] == now
        assert admin.call("GET", address).status_code == 404
        assert admin.call("GET", path(name, "production")).status_code == 404

    def test_alias_and_version_never_have_one_name(self, admin: Client, name: str) -> None:
        push(admin, name, "v1")
        admin.ok("PUT", alias_path(name, "production"), {"version": "v1"})
        body = {"version": "production", "manifest": pushing.manifest()}
        reply = admin.call("POST", f"/model_repositories/{name}/models", body)
        assert (reply.status_code, "alias" in reply.json()["error"]) == (400, True)
        for alias, version in (
            ("v1", "v1"),
            ("latest", "v1"),
            ("Up", "v1"),
            ("next", "nothing"),
            ("next", "production"),
        ):
            assert admin.call("PUT", alias_path(name, alias), {"version": version}).status_code in (400, 404)
        register(admin, name, "v2")
        assert admin.call("PUT", alias_path(name, "next"), {"version": "v2"}).status_code == 400, "it has no bytes"

    def test_version_with_an_alias_is_not_deleted(self, admin: Client, name: str) -> None:
        push(admin, name, "v1")
        admin.ok("PUT", alias_path(name, "production"), {"version": "v1"})
        reply = admin.call("DELETE", path(name, "v1"))
        assert (reply.status_code, "`production`" in reply.json()["error"]) == (400, True)
        admin.ok("DELETE", alias_path(name, "production"))
        admin.ok("DELETE", path(name, "v1"))

    def test_changes_are_not_made_through_an_alias(self, admin: Client, name: str) -> None:
        push(admin, name, "v1")
        admin.ok("PUT", alias_path(name, "production"), {"version": "v1"})
        for method, action in (
            ("DELETE", ""),
            ("PATCH", ""),
            ("PATCH", "start_upload"),
            ("PATCH", "start_multipart_upload"),
        ):
            assert admin.call(method, path(name, "production", action), {}).status_code == 404
        assert admin.ok("GET", path(name, "v1"))["upload_status"] == "success"


class TestHistory:
    def test_every_change_of_a_version_is_remembered(self, registry: Server, admin: Client, name: str) -> None:
        push(admin, name, "v1", model_tar(name, "v1", b"old"))
        before = admin.ok("GET", path(name, "v1"))["modelsync"]["content_digest"]
        other = registry.user(f"u-{name}")
        push(other, name, "v2")
        pushing.send(admin, name, "v1", model_tar(name, "v1", b"new"))
        pushing.finish(admin, name, "v1")
        admin.ok("PATCH", path(name, "v1"), {"labels": [{"key": "stage", "value": "prod"}], "description": "good"})
        admin.ok("DELETE", path(name, "v1"))
        admin.ok("PATCH", path(name, "v1", "restore"))
        expected = [("restored", "v1"), ("deleted", "v1"), ("changed", "v1"), ("replaced", "v1"), ("pushed", "v1")]
        assert [deed[:2] for deed in deeds(admin, name, version="v1")] == expected
        first = admin.ok("GET", f"/model_repositories/{name}/history", params={"version": "v1"})["items"][-1]
        assert first["content_digest"] == before
        assert first["size"] > 0
        assert first["address"] == "127.0.0.1"
        assert "python-requests" in first["client"]
        seen = other.ok("GET", f"/model_repositories/{name}/history", params={"version": "v2"})["items"]
        assert [item["user"]["name"] for item in seen] == [f"u-{name}"]
        assert "address" not in seen[0], "where colleagues sit is for owners"

    def test_description_and_labels_are_searched(self, admin: Client, name: str) -> None:
        push(admin, name, "v1")
        admin.ok(
            "PATCH", path(name, "v1"), {"description": f"fine-{name}", "labels": [{"key": "team", "value": "nlp"}]}
        )
        admin.ok("PUT", alias_path(name, "production"), {"version": "v1"})
        digest = admin.ok("GET", path(name, "v1"))["modelsync"]["content_digest"]
        push(admin, name, "v2", model_tar(name, "v2", b"x" * 30_000, module="other"))
        expected = {
            "alias:production": ["v1"],
            "alias:nothing": [],
            f"digest:{digest}": ["v1"],
            f"text:FINE-{name}": ["v1"],
            "text:nlp": ["v1"],
            "text:bentoml.sk": ["v1"],
            f"text:{name}": ["v2", "v1"],
            "text:admin": ["v2", "v1"],
            "size:>10kB": ["v2"],
            "size:<10kB": ["v1"],
            "size:>=10kB size:<1MB": ["v2"],
            "since:2020-01-01": ["v2", "v1"],
            "until:2020-01-01": [],
            "since:2020-01-01T10:00:00 until:2999-01-01": ["v2", "v1"],
            "sort:downloads-desc": ["v2", "v1"],
        }
        address = f"/model_repositories/{name}/models"
        found = {q: [item["version"] for item in admin.ok("GET", address, params={"q": q})["items"]] for q in expected}
        assert found == expected
        for q in ("size:big", "size:>", "since:yesterday", "alias:"):
            assert admin.call("GET", address, params={"q": q}).status_code == 400

    def test_downloads_are_counted(self, admin: Client, name: str) -> None:
        push(admin, name, "v1")
        admin.ok("PATCH", path(name, "v1", "presign_download_url"), {"modelsync": {"look": True}})
        for _ in range(3):
            admin.ok("PATCH", path(name, "v1", "presign_download_url"))
        admin.call("GET", path(name, "v1", "download"))

        def count() -> int:
            return int(admin.ok("GET", path(name, "v1"))["modelsync"]["downloads"])

        wait_until(lambda: count() >= 4, "the counts, which each of the server's processes writes down now and then")
        assert count() == 4

    def test_version_of_the_year_9998_does_not_stay_latest(self, admin: Client, name: str) -> None:
        push(admin, name, "far", model_tar(name, "far", creation_time="9998-01-01T00:00:00+00:00"))
        assert admin.ok("GET", f"/model_repositories/{name}")["latest_model"]["version"] == "far"
        push(admin, name, "now", model_tar(name, "now", creation_time=datetime.now(timezone.utc).isoformat()))
        assert admin.ok("GET", f"/model_repositories/{name}")["latest_model"]["version"] == "now"
        items = admin.ok("GET", f"/model_repositories/{name}/models")["items"]
        assert [item["version"] for item in items] == ["now", "far"]


class TestTrash:
    def test_deleted_version_is_restored_as_it_was(self, admin: Client, name: str) -> None:
        archive = push(admin, name, "v1", model_tar(name, "v1", labels={"a": "b"}))
        before = admin.ok("GET", path(name, "v1"))
        url = pushing.download_url(admin, name, "v1")
        admin.ok("DELETE", path(name, "v1"))
        assert requests.get(url, timeout=30).status_code == 404, "its URLs die with it"
        listed = admin.ok("GET", "/deleted_models", params={"name": name})["items"]
        assert [(item["version"], item["modelsync"]["deleted_by"]) for item in listed] == [("v1", "admin")]
        assert listed[0]["modelsync"]["restorable_until"] > listed[0]["deleted_at"]
        admin.ok("PATCH", path(name, "v1", "restore"))
        after = admin.ok("GET", path(name, "v1"))
        assert [after[key] for key in ("labels", "manifest", "build_at")] == [
            before[key] for key in ("labels", "manifest", "build_at")
        ]
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == archive
        assert admin.call("PATCH", path(name, "v1", "restore")).status_code == 404

    def test_push_that_was_given_up_does_not_hide_what_was_deleted_before(self, admin: Client, name: str) -> None:
        archive = pushing.push(admin, name, "v1")
        admin.ok("DELETE", path(name, "v1"))
        register(admin, name, "v1")
        admin.ok("DELETE", path(name, "v1"))
        admin.ok("PATCH", path(name, "v1", "restore"))
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == archive

    def test_restore_does_not_replace_what_took_the_tag(self, admin: Client, name: str) -> None:
        push(admin, name, "v1", model_tar(name, "v1", b"one"))
        admin.ok("DELETE", path(name, "v1"))
        two = push(admin, name, "v1", model_tar(name, "v1", b"two"))
        assert admin.call("PATCH", path(name, "v1", "restore")).status_code == 400
        assert admin.call("GET", path(name, "v1", "download")).content == two

    def test_only_those_concerned_restore(self, registry: Server, admin: Client, name: str) -> None:
        bob, guest = registry.user(f"{name}-b"), registry.user(f"{name}-g", "guest")
        push(admin, name, "v1")
        push(bob, name, "v2")
        for version in ("v1", "v2"):
            admin.ok("DELETE", path(name, version))
        assert guest.call("PATCH", path(name, "v2", "restore")).status_code == 403
        assert guest.ok("GET", "/deleted_models", params={"name": name})["items"] == []
        assert bob.call("PATCH", path(name, "v1", "restore")).status_code == 403
        assert bob.call("PATCH", path(name, "v2", "restore")).status_code == 200

    def test_repository_is_deleted_and_restored_with_its_versions_and_aliases(
        self, registry: Server, admin: Client, name: str
    ) -> None:
        bob = registry.user(f"u-{name}")
        archives = {version: push(admin, name, version) for version in ("v1", "v2", "v3")}
        admin.ok("PUT", alias_path(name, "production"), {"version": "v2"})
        admin.ok("DELETE", path(name, "v3"))
        assert bob.call("DELETE", f"/model_repositories/{name}").status_code == 403
        admin.ok("DELETE", f"/model_repositories/{name}")
        assert admin.call("GET", f"/model_repositories/{name}").status_code == 404
        assert admin.call("GET", f"/model_repositories/{name}/models").status_code == 404
        assert admin.ok("GET", "/model_repositories", params={"search": name})["total"] == 0
        assert admin.ok("GET", "/models", params={"search": name})["total"] == 0
        assert bob.call("PATCH", f"/deleted_repositories/{name}/restore").status_code == 404
        assert bob.call("POST", "/model_repositories", {"name": name}).status_code == 400, "the name is kept"
        admin.ok("PATCH", f"/deleted_repositories/{name}/restore")
        items = admin.ok("GET", f"/model_repositories/{name}/models")["items"]
        assert {item["version"] for item in items} == {"v1", "v2"}, "v3 was deleted before"
        assert admin.ok("GET", path(name, "production"))["version"] == "v2"
        assert admin.call("GET", path(name, "v2", "download")).content == archives["v2"]

    def test_owner_may_begin_a_deleted_repository_anew(self, admin: Client, name: str) -> None:
        push(admin, name, "v1", model_tar(name, "v1", b"old"))
        admin.ok("PUT", alias_path(name, "production"), {"version": "v1"})
        admin.ok("DELETE", f"/model_repositories/{name}")
        new = push(admin, name, "v1", model_tar(name, "v1", b"new"))
        assert admin.call("GET", path(name, "v1", "download")).content == new
        assert admin.ok("GET", alias_path(name))["items"] == []
        assert admin.call("PATCH", f"/deleted_repositories/{name}/restore").status_code == 404


class TestPresigned:
    @pytest.mark.parametrize("end", ["revoke", "disable"])
    def test_urls_die_with_their_token(self, registry: Server, admin: Client, name: str, end: str) -> None:
        user = registry.user(f"u-{name}")
        push(user, name, "v1")
        upload_id = pushing.start(user, name, "v1")["upload_id"]
        put = pushing.part_url(user, name, "v1", upload_id)
        get = pushing.download_url(user, name, "v1")
        assert requests.put(put, data=b"x", timeout=30).status_code == 200
        assert requests.get(get, timeout=30).status_code == 200
        if end == "revoke":
            uid = next(
                token["uid"] for token in admin.ok("GET", "/api_tokens")["items"] if token["name"] == f"u-{name}"
            )
            admin.ok("DELETE", f"/api_tokens/{uid}")
        else:
            admin.ok("PATCH", f"/users/u-{name}", {"disabled": True})
        assert requests.put(put, data=b"y", timeout=30).status_code == 403
        assert requests.get(get, timeout=30).status_code == 403

    def test_urls_die_with_their_upload(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload_id = pushing.start(admin, name, "v1")["upload_id"]
        put = pushing.part_url(admin, name, "v1", upload_id)
        admin.ok("PATCH", path(name, "v1", "abort_multipart_upload"), {"upload_id": upload_id})
        assert requests.put(put, data=b"x", timeout=30).status_code == 404
