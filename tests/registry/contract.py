"""What a registry promises, whatever its catalog is kept in; and what a store of its blobs does, whatever that is."""

from __future__ import annotations

import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import obstore
import pytest
import requests
from blake3 import blake3

from modelsync_jupyter.registry.blobs.objects import ObjectBlobs, key_of
from modelsync_jupyter.registry.blobs.protocol import BLOCK, Blobs
from modelsync_jupyter.registry.errors import BadRequest

from . import pushing
from .pushing import finish, model_tar, path, push, register, send
from .server import Client, Server

DATA = os.urandom(BLOCK + 4321)
DIGEST = f"blake3:{blake3(DATA).hexdigest()}"


class Broken:
    """A connection that breaks in the middle."""

    def __init__(self, data: bytes) -> None:
        self._left = [data]

    def read(self, size: int) -> bytes:
        if not self._left:
            raise ConnectionResetError
        return self._left.pop()[:size]


class BlobsContract:
    """Subclasses bring `make` and `spoil`. Not an ABC: what is abstract pytest passes over, and says nothing."""

    def make(self, folder: Path) -> Blobs:
        """Open the store in `folder`, as a new process does."""
        raise NotImplementedError

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> Blobs:
        store = self.make(tmp_path)
        store.prepare()
        return store

    def test_what_was_received_is_there_for_every_process(self, blobs: Blobs, tmp_path: Path) -> None:
        blob = blobs.receive(io.BytesIO(DATA), len(DATA), DIGEST)
        assert (blob.digest, blob.size) == (DIGEST, len(DATA))
        other = self.make(tmp_path)
        other.prepare()
        assert other.has(DIGEST, len(DATA))
        assert not other.has(DIGEST, len(DATA) - 1)
        gone = (f"blake3:{'0' * 64}", len(DATA))
        assert other.find([(DIGEST, len(DATA)), (DIGEST, 1), gone]) == {(DIGEST, len(DATA))}
        assert other.find([gone]) == other.find([]) == set()
        file = other.open(DIGEST)
        file.seek(BLOCK)
        assert file.read(len(DATA)) == DATA[BLOCK:]
        file.close()

    def test_no_more_is_read_than_asked_for(self, blobs: Blobs) -> None:
        source = io.BytesIO(DATA)
        assert blobs.receive(source, 10).digest == f"blake3:{blake3(DATA[:10]).hexdigest()}"
        assert blobs.receive(source, 0).size == 0
        assert source.tell() == 10

    @pytest.mark.parametrize("source", [io.BytesIO(b"short"), Broken(b"broken")])
    def test_bytes_that_end_early_leave_nothing(self, blobs: Blobs, source: io.BytesIO) -> None:
        with pytest.raises(BadRequest):
            blobs.receive(source, 100)
        self.check_empty(blobs, b"short")

    def test_other_bytes_than_declared_leave_nothing(self, blobs: Blobs) -> None:
        with pytest.raises(BadRequest, match="digest"):
            blobs.receive(io.BytesIO(b"data"), 4, f"blake3:{'0' * 64}")
        self.check_empty(blobs, b"data")

    def test_many_may_store_the_same_at_once(self, blobs: Blobs) -> None:
        with ThreadPoolExecutor(8) as pool:
            stored = list(pool.map(lambda _: blobs.receive(io.BytesIO(DATA), len(DATA)), range(16)))
        assert {blob.digest for blob in stored} == {DIGEST}
        assert blobs.has(DIGEST, len(DATA))

    def test_blob_that_is_not_there_is_not_found(self, blobs: Blobs) -> None:
        with pytest.raises(FileNotFoundError):
            blobs.open(DIGEST)
        assert not blobs.has(DIGEST, len(DATA))

    def test_blobs_are_listed_and_deleted(self, blobs: Blobs) -> None:
        assert list(blobs.list()) == []
        before = time.time()
        stored = [blobs.receive(io.BytesIO(data), len(data)) for data in (b"one", b"other")]
        assert {(each.digest, each.size) for each in blobs.list()} == {(blob.digest, blob.size) for blob in stored}
        assert all(abs(each.modified - before) < 60 for each in blobs.list())
        blobs.delete([stored[0].digest, DIGEST])
        assert [each.digest for each in blobs.list()] == [stored[1].digest]
        assert not blobs.has(stored[0].digest, 3)
        blobs.delete([])

    def test_quarantined_blob_is_not_there_until_it_is_received_again(self, blobs: Blobs) -> None:
        blobs.receive(io.BytesIO(DATA), len(DATA))
        assert not blobs.quarantine(DIGEST), "it is good"
        assert blobs.has(DIGEST, len(DATA))
        self.spoil(blobs, DIGEST)
        assert blobs.quarantine(DIGEST)
        assert not blobs.quarantine(DIGEST)
        assert not blobs.has(DIGEST, len(DATA))
        assert list(blobs.list()) == []
        with pytest.raises(FileNotFoundError):
            blobs.open(DIGEST)
        blobs.receive(io.BytesIO(DATA), len(DATA))
        assert blobs.has(DIGEST, len(DATA))

    def test_rotten_blob_is_healed_by_the_same_bytes(self, blobs: Blobs) -> None:
        blobs.receive(io.BytesIO(DATA), len(DATA))
        self.spoil(blobs, DIGEST)
        blobs.receive(io.BytesIO(DATA), len(DATA), DIGEST)
        with blobs.open(DIGEST) as file:
            assert file.read(len(DATA)) == DATA

    def spoil(self, blobs: Blobs, digest: str) -> None:
        """Flip a bit of a blob, as a bad disk does."""
        raise NotImplementedError

    def check_empty(self, blobs: Blobs, data: bytes) -> None:
        """See that nothing of `data` is in the store."""
        assert not blobs.has(f"blake3:{blake3(data).hexdigest()}", len(data))


class ObjectsContract(BlobsContract):
    """Of a bucket.

    Attributes:
        root: URL of what the stores of the tests are kept in.
    """

    root: str

    def make(self, folder: Path) -> Blobs:
        return ObjectBlobs(f"{self.root}/{folder.name}", folder)

    def spoil(self, blobs: Blobs, digest: str) -> None:
        assert isinstance(blobs, ObjectBlobs)
        with blobs.open(digest) as file:
            data = file.read()
        obstore.put(blobs._store, key_of(digest), data[:-1] + bytes([data[-1] ^ 1]))


class RegistryContract:
    """Subclasses bring the fixture `registry`."""

    def test_what_was_pushed_comes_back(self, admin: Client, name: str) -> None:
        archive = push(admin, name, "v1")
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == archive

    def test_versions_appear_only_when_finished(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        assert self.status(admin, name) == "pending"
        send(admin, name, "v1", model_tar(name, "v1"))
        assert self.status(admin, name) == "uploading"
        assert admin.ok("GET", f"/model_repositories/{name}/models")["items"] == []
        assert admin.ok("GET", f"/model_repositories/{name}")["latest_model"] is None
        assert finish(admin, name, "v1").json()["upload_status"] == "success"
        assert admin.ok("GET", f"/model_repositories/{name}")["latest_model"]["version"] == "v1"

    def test_latest_is_the_newest_build_among_whole_versions(self, admin: Client, name: str) -> None:
        for version, day in (("old", 1), ("new", 9), ("mid", 5)):
            time = f"2026-01-0{day}T00:00:00+00:00"
            push(admin, name, version, model_tar(name, version, creation_time=time))
        register(admin, name, "later", build_at="2030-01-01 00:00:00.000000")
        finish(admin, name, "later", "failed", "gave up")
        items = admin.ok("GET", f"/model_repositories/{name}/models?start=0&count=10")["items"]
        assert [item["version"] for item in items] == ["new", "mid", "old"]
        assert admin.ok("GET", f"/model_repositories/{name}")["latest_model"]["version"] == "new"
        assert self.status(admin, name, "later") == "failed"

    def test_finish_without_complete_archive_is_refused_and_changes_nothing(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        pushing.start(admin, name, "v1")
        reply = finish(admin, name, "v1")
        assert reply.status_code == 400
        assert "complete" in reply.json()["error"]
        assert self.status(admin, name) == "uploading"

    def test_finish_may_be_repeated(self, admin: Client, name: str) -> None:
        push(admin, name, "v1")
        assert finish(admin, name, "v1").status_code == 200

    def test_forced_push_switches_bytes_and_facts_at_once(self, admin: Client, name: str) -> None:
        old = push(admin, name, "v1", model_tar(name, "v1", b"old", labels={"stage": "dev"}))
        before = admin.ok("GET", path(name, "v1"))
        url = pushing.download_url(admin, name, "v1")
        new = model_tar(name, "v1", b"newer", labels={"stage": "prod"}, metadata={"f1": 0.9}, module="bentoml.torch")
        send(admin, name, "v1", new)
        during = admin.ok("GET", path(name, "v1"))
        assert self.facts(during) == self.facts(before)
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == old
        finish(admin, name, "v1")
        after = admin.ok("GET", path(name, "v1"))
        assert after["labels"] == [{"key": "stage", "value": "prod"}]
        assert after["manifest"]["metadata"] == {"f1": 0.9}
        assert after["manifest"]["module"] == "bentoml.torch"
        assert after["modelsync"]["digest"] != before["modelsync"]["digest"]
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == new
        assert requests.get(url, timeout=30).content == old, "a URL given before the switch keeps its archive"

    def test_readers_never_see_a_mix_while_forced_pushes_run(self, registry: Server, name: str) -> None:
        def archive(number: int) -> bytes:
            return model_tar(name, "v1", b"payload %d" % number, labels={"number": str(number)})

        def read(client: Client, done: Event) -> int:
            looks = 0
            while not done.is_set() or not looks:
                model = client.ok("PATCH", path(name, "v1", "presign_download_url"))
                number = int(model["labels"][0]["value"])
                assert model["upload_status"] == "success"
                assert requests.get(model["presigned_download_url"], timeout=30).content == archive(number)
                looks += 1
            return looks

        writer, done = registry.client(), Event()
        push(writer, name, "v1", archive(0))
        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(read, registry.client(), done) for _ in range(3)]
            try:
                for number in range(1, 9):
                    send(writer, name, "v1", archive(number))
                    finish(writer, name, "v1")
            finally:
                done.set()
        assert sum(reader.result() for reader in readers) >= 3

    def test_failed_forced_push_leaves_the_old_one(self, admin: Client, name: str) -> None:
        old = push(admin, name, "v1", model_tar(name, "v1", b"old"))
        send(admin, name, "v1", model_tar(name, "v1", b"new"))
        assert finish(admin, name, "v1", "failed", "disk on fire").status_code == 200
        assert self.status(admin, name) == "success"
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == old

    def test_failed_bytes_are_not_published_by_a_later_finish(self, admin: Client, name: str) -> None:
        register(admin, name, "v1")
        upload = send(admin, name, "v1", model_tar(name, "v1"))
        finish(admin, name, "v1", "failed", "changed my mind", upload)
        assert finish(admin, name, "v1").status_code == 400

    def test_labels_are_replaced(self, admin: Client, name: str) -> None:
        push(admin, name, "v1", model_tar(name, "v1", labels={"a": "1", "b": "2"}))
        labels = [{"key": "b", "value": "3"}]
        assert admin.ok("PATCH", path(name, "v1"), {"labels": labels})["labels"] == labels
        found = admin.ok("GET", f"/model_repositories/{name}/models", params={"q": "label:a"})
        assert found["items"] == []
        found = admin.ok("GET", f"/model_repositories/{name}/models", params={"q": "label:b=3"})
        assert [item["version"] for item in found["items"]] == ["v1"]

    def test_search_filters_by_what_q_says(self, admin: Client, name: str) -> None:
        push(admin, f"{name}-cat", "v1", model_tar(f"{name}-cat", "v1", labels={"team": "red", "env": "prod"}))
        push(admin, f"{name}-cat", "v2", model_tar(f"{name}-cat", "v2", labels={"team": "blue"}, module="other"))
        push(admin, f"{name}_dog", "v1", model_tar(f"{name}_dog", "v1", labels={"env": "dev"}))
        expected = {
            name: 3,
            f"{name}_": 1,
            f"name:{name} label:team": 2,
            f"name:{name} label:team=red": 1,
            f"name:{name} label:team=red,team=blue": 2,
            f"name:{name} label:team=red label:env=prod": 1,
            f"name:{name} -label:team=red": 2,
            f"name:{name} -label:team": 1,
            f"name:{name} module:other": 1,
            f"name:{name} creator:@me": 3,
            f"name:{name} creator:nobody": 0,
            f"name:{name} in:description": 3,
            f"{name} in:description": 0,
        }
        assert {q: self.count(admin, q) for q in expected} == expected
        assert admin.ok("GET", "/models", params={"search": f"{name}-cat:v"})["total"] == 2
        for text, total in ((f"{name[1:]}-CAT:V", 2), (f"{name}-cat:", 2), (f"{name}-ca:v", 0), (f"{name}-cat::", 0)):
            assert admin.ok("GET", "/models", params={"search": text})["total"] == total, text
        assert admin.ok("GET", "/model_repositories", params={"q": f"{name}_"})["total"] == 1

    def test_lists_are_sorted_and_cut(self, admin: Client, name: str) -> None:
        for version, size in (("a", 10), ("b", 3000), ("c", 500)):
            push(admin, name, version, model_tar(name, version, b"x" * size))
        address = f"/model_repositories/{name}/models"
        page = admin.ok("GET", address, params={"q": "sort:size-asc", "start": 1, "count": 1})
        assert [item["version"] for item in page["items"]] == ["c"]
        assert (page["start"], page["count"], page["total"]) == (1, 1, 3)
        everything = admin.ok("GET", address, params={"q": "sort:size-desc"})
        assert [item["version"] for item in everything["items"]] == ["b", "c", "a"]
        behind = admin.ok("GET", address, params={"start": 7, "count": 5000})
        assert (behind["items"], behind["count"], behind["total"]) == ([], 250, 3), "a page is bounded, and says so"

    def test_deleted_version_is_gone_and_its_tag_free(self, admin: Client, name: str) -> None:
        push(admin, name, "v1", model_tar(name, "v1", b"one"))
        admin.ok("DELETE", path(name, "v1"))
        assert admin.call("GET", path(name, "v1")).status_code == 404
        assert admin.call("PATCH", path(name, "v1", "presign_download_url")).status_code == 404
        again = push(admin, name, "v1", model_tar(name, "v1", b"two"))
        assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == again

    def test_many_may_create_the_same_repository_and_push_at_once(self, registry: Server, name: str) -> None:
        def run(number: int) -> list[int]:
            client = registry.client()
            code = client.call("POST", "/model_repositories", {"name": name}).status_code
            body = {"version": "v1", "manifest": pushing.manifest()}
            return [code, client.call("POST", f"/model_repositories/{name}/models", body).status_code]

        with ThreadPoolExecutor(12) as pool:
            codes = list(pool.map(run, range(12)))
        assert sorted(code for code, _ in codes) == [200] + [400] * 11
        assert sorted(code for _, code in codes) == [200] + [400] * 11

    def test_tokens_expire_and_are_revoked(self, registry: Server, admin: Client, name: str) -> None:
        past = (datetime.now() - timedelta(days=2)).isoformat()
        made = admin.ok("POST", "/api_tokens", {"name": name, "expired_at": past})
        assert made["is_expired"] is True
        assert registry.client(made["token"]).call("GET", "/auth/current").status_code == 401
        made = admin.ok("POST", "/api_tokens", {"name": name})
        client = registry.client(made["token"])
        assert client.call("GET", "/auth/current").status_code == 200
        admin.ok("DELETE", f"/api_tokens/{made['uid']}")
        assert client.call("GET", "/auth/current").status_code == 401

    def test_every_write_leaves_an_event(self, admin: Client, name: str) -> None:
        push(admin, name, "v1")
        admin.ok("PATCH", path(name, "v1"), {"labels": []})
        admin.ok("DELETE", path(name, "v1"))
        events = admin.ok("GET", "/current_org/events?count=20")["items"]
        mine = [event["operation_name"] for event in events if event["resource_name"].startswith(name)]
        assert mine == ["deleted", "updated", "pushed", "upload-started", "created", "created"]

    def test_contents_differences_and_use_of_the_disk_are_told(self, admin: Client, name: str) -> None:
        for version in ("v1", "v2", "gone"):
            push(admin, name, version, model_tar(name, version, version.encode() * 50_000))
        admin.ok("DELETE", path(name, "gone"))
        files = {item["path"]: item["size"] for item in admin.ok("GET", path(name, "v1", "files"))["items"]}
        assert files["weights.bin"] == 100_000
        changes = admin.ok("GET", path(name, "v2", "diff"), params={"from": f"{name}:v1"})["changes"]
        assert [(change["kind"], change["name"], change["how"]) for change in changes] == [
            ("file", "weights.bin", "changed")
        ]
        told = admin.ok("GET", "/storage")
        (row,) = (each for each in told["repositories"] if each["name"] == name)
        assert row["versions"] == 2
        assert told["stored"] >= 200_000
        assert told["deleted"]["versions"] >= 1

    @staticmethod
    def facts(reply: dict[str, Any]) -> list[Any]:
        """What a version is, without how often it was downloaded."""
        digest = reply["modelsync"].get("content_digest")
        return [digest, *(reply[key] for key in ("upload_status", "labels", "manifest", "build_at", "version"))]

    @staticmethod
    def status(client: Client, name: str, version: str = "v1") -> str:
        """The upload status that readers see."""
        return str(client.ok("GET", path(name, version))["upload_status"])

    @staticmethod
    def count(client: Client, q: str) -> int:
        """How many versions match."""
        return int(client.ok("GET", "/models", params={"q": q, "start": 0, "count": 10})["total"])
