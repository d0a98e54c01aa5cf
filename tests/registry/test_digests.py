"""Content digests: computed for every upload, never taken on trust."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from sqlalchemy import func, select

from modelsync_jupyter.archive.cut import cut_file
from modelsync_jupyter.archive.description import Description, Hasher
from modelsync_jupyter.archive.folder import BLOCK, FolderArchive
from modelsync_jupyter.archive.layout import CUT, LARGE
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.registry import multipart
from modelsync_jupyter.registry.archives import recutting
from modelsync_jupyter.registry.archives.backfill import describe_old_archives
from modelsync_jupyter.registry.catalog.tables import archive_parts
from tests.harness.cutting import BytesReader, cut_folder

from . import pushing
from .people import House
from .pushing import complete, cut, finish, path, put_parts, register, start, tar
from .server import Client

WEIGHTS = os.urandom(5_000_000)


class Saved:
    """A model's folder, and its archive as our client sends it.

    Args:
        folder: Where to make it.
        name: Of the model; its version is v1.
        weights: Content of its large file.
    """

    def __init__(self, folder: Path, name: str, weights: bytes = WEIGHTS) -> None:
        self.files = {
            "model.yaml": pushing.model_yaml(name, "v1"),
            "weights.bin": weights,
            "tokenizer/vocab.txt": b"a b c",
            "empty.txt": b"",
        }
        for file, content in self.files.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        (folder / "run.sh").write_bytes(b"#!/bin/sh\n")
        (folder / "run.sh").chmod(0o755)
        (folder / "latest.bin").symlink_to("weights.bin")
        self.source = source = FolderArchive.scan(folder, 1_700_000_000)
        buffer = bytearray(BLOCK)
        self.body = b"".join(bytes(view) for view in source.blocks(Part(1, 0, source.layout.size), buffer))
        self.description = self.describe()
        self.parts = [self.description.header()]
        self.parts += [self.body[part.start : part.stop] for part in self.description.parts]
        self.archive = b"".join(self.parts)

    def describe(self) -> Description:
        """Describe it as a push does."""
        layout = self.source.layout
        parts = [
            Part(part.number, part.start, part.stop, blake(self.body[part.start : part.stop]))
            for part in cut_folder(self.source)
        ]
        small = {
            entry.path: blake(self.body[entry.offset : entry.content_stop])
            for entry in layout.entries
            if entry.kind == "file" and entry.size < LARGE
        }
        return Description.build(layout, tuple(parts), small)

    def declared(self, **changes: Any) -> dict[str, Any]:
        """What a push of it declares."""
        return {
            "cut": CUT,
            "content_digest": self.description.digest,
            "parts": pushing.parts_json(self.parts),
            **changes,
        }


def blake(data: bytes) -> str:
    hasher = Hasher()
    hasher.update(memoryview(data))
    return hasher.digest()


def push_declared(client: Client, name: str, saved: Saved, **changes: Any) -> requests.Response:
    """Push it as our client does; returns the reply to `complete`."""
    register(client, name, "v1")
    upload_id = start(client, name, "v1", saved.declared(**changes))["upload_id"]
    etags = put_parts(client, name, "v1", upload_id, saved.parts)
    return complete(client, name, "v1", upload_id, etags)


def shown(client: Client, name: str) -> dict[str, Any]:
    """What the registry says of the version."""
    found: dict[str, Any] = client.ok("GET", path(name, "v1")).get("modelsync", {})
    return found


@pytest.fixture
def saved(tmp_path: Path, name: str) -> Saved:
    return Saved(tmp_path / name, name)


def test_declared_upload_with_a_description(admin: Client, name: str, saved: Saved) -> None:
    assert push_declared(admin, name, saved).status_code == 200
    finish(admin, name, "v1")
    assert shown(admin, name)["content_digest"] == saved.description.digest
    reply = admin.ok("PATCH", path(name, "v1", "presign_download_url"))
    extension = reply["modelsync"]
    assert (extension["cut"], extension["content_digest"]) == (CUT, saved.description.digest)
    assert extension["base"] == len(saved.parts[0])
    assert requests.get(reply["presigned_download_url"], timeout=30).content == saved.archive
    for entry in extension["layout"]:
        if entry["kind"] == "file":
            assert saved.archive[entry["offset"] :][: entry["size"]] == (saved.files.get(entry["path"], b"#!/bin/sh\n"))
            assert entry["digest"] == saved.description.files[entry["path"]]


@pytest.mark.parametrize("changes", [{"content_digest": f"blake3:{'0' * 64}"}, {}], ids=["declared", "described"])
def test_wrong_content_digest_is_refused_and_nothing_is_visible(
    admin: Client, name: str, saved: Saved, changes: dict[str, Any]
) -> None:
    if not changes:  # the description in the archive is of other bytes than follow it
        other = Saved(saved.source.folder.parent / "other", name, b"w" * len(WEIGHTS))
        saved.parts = [other.parts[0], *saved.parts[1:]]
    reply = push_declared(admin, name, saved, **changes)
    assert reply.status_code == 400
    assert "digest" in reply.json()["error"] or "description" in reply.json()["error"]
    assert finish(admin, name, "v1").status_code == 400
    assert shown(admin, name) == {}


def test_digest_on_other_rules_than_ours_is_not_compared(admin: Client, name: str, saved: Saved) -> None:
    changes = {"cut": "cut-99", "content_digest": "sha999:x"}
    assert push_declared(admin, name, saved, **changes).status_code == 200
    finish(admin, name, "v1")
    assert shown(admin, name)["content_digest"] == saved.description.digest


@pytest.mark.parametrize("bad", ["", "blake3:", f"blake3:{'g' * 64}", f"sha256:{'0' * 64}", 7])
def test_what_is_not_a_digest_is_not_declared(admin: Client, name: str, saved: Saved, bad: object) -> None:
    register(admin, name, "v1")
    reply = admin.call(
        "PATCH", path(name, "v1", "start_multipart_upload"), {"modelsync": saved.declared(content_digest=bad)}
    )
    assert reply.status_code == (200 if bad == "" else 400)


@pytest.mark.parametrize("way", ["multipart", "small parts", "presigned", "proxy", "described"])
def test_every_way_in_gives_the_same_digest(admin: Client, name: str, saved: Saved, way: str) -> None:
    stock = tar({**saved.files, "run.sh": b"#!/bin/sh\n"}, executable={"run.sh"}, links={"latest.bin": "weights.bin"})
    register(admin, name, "v1")
    if way in ("multipart", "small parts"):
        upload_id = start(admin, name, "v1")["upload_id"]
        parts = cut(stock, 3_000_000 if way == "multipart" else 700_001)
        etags = put_parts(admin, name, "v1", upload_id, parts)
        assert complete(admin, name, "v1", upload_id, etags).status_code == 200
        finish(admin, name, "v1")
    elif way == "presigned":
        url = admin.ok("PATCH", path(name, "v1", "presign_upload_url"))["presigned_upload_url"]
        assert requests.put(url, data=stock, timeout=30).status_code == 200
        finish(admin, name, "v1")
    else:
        data = stock if way == "proxy" else saved.archive
        assert admin.call("PUT", path(name, "v1", "upload"), data=data).status_code == 200
    assert shown(admin, name)["content_digest"] == saved.description.digest


def test_listings_and_searches_know_the_digest(admin: Client, name: str, saved: Saved) -> None:
    push_declared(admin, name, saved)
    finish(admin, name, "v1")
    digest = saved.description.digest
    (item,) = admin.ok("GET", f"/model_repositories/{name}/models")["items"]
    assert item["modelsync"]["content_digest"] == digest
    latest = admin.ok("GET", f"/model_repositories/{name}")["latest_model"]
    assert latest["modelsync"]["content_digest"] == digest
    for text in (digest, digest[:15], digest.removeprefix("blake3:"), digest.removeprefix("blake3:")[:8]):
        found = admin.ok("GET", "/models", params={"q": f"digest:{text}"})["items"]
        assert [(model["repository"]["name"], model["version"]) for model in found] == [(name, "v1")]
    assert admin.ok("GET", "/models", params={"q": f"digest:{'0' * 64}"})["items"] == []
    for bad in (digest[:14], "blake3:", "x" * 8, "A" * 8, "_" * 8):
        assert admin.call("GET", "/models", params={"q": f"digest:{bad}"}).status_code == 400


def a_zip() -> bytes:
    """A zip, whose directory is at its end: it has to be there as a whole before it can be cut."""
    file = io.BytesIO()
    np.savez(file, **{f"t{n}": np.frombuffer(os.urandom(700_000 * n), np.uint8) for n in range(1, 6)})
    return file.getvalue()


@pytest.mark.parametrize("proxy", [True, False])
@pytest.mark.parametrize("payload", [lambda: os.urandom(9_000_000), a_zip], ids=["noise", "zip"])
def test_whole_archive_of_a_stock_client_shares_its_parts_with_ours(
    admin: Client, tmp_path: Path, name: str, payload: Callable[[], bytes], proxy: bool
) -> None:
    saved = Saved(tmp_path / name, name, payload())
    stock = tar(saved.files)
    register(admin, name, "v1")
    if proxy:
        assert admin.call("PUT", path(name, "v1", "upload"), data=stock).status_code == 200
    else:
        url = admin.ok("PATCH", path(name, "v1", "presign_upload_url"))["presigned_upload_url"]
        assert requests.put(url, data=stock, timeout=30).status_code == 200
        finish(admin, name, "v1")
    assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == stock
    register(admin, name, "v2")
    present = start(admin, name, "v2", saved.declared())["modelsync"]["present"]
    weights = next(entry for entry in saved.source.layout.entries if entry.path == "weights.bin")
    expected = [
        part.number + 1
        for part in saved.description.parts
        if weights.offset <= part.start and part.stop <= weights.content_stop
    ]
    assert len(expected) > 6
    assert set(expected) <= set(present)
    listed = admin.ok("PATCH", path(name, "v1", "presign_download_url"))["modelsync"]["layout"]
    (digest,) = (each["digest"] for each in listed if each["path"] == "weights.bin")
    assert digest == saved.description.files["weights.bin"]


@pytest.mark.parametrize("archive", [b"", b"x", b"noise" * 1000, gzip.compress(b"x", mtime=0), bytes(10_240)])
def test_whole_body_that_is_not_a_model_is_refused(admin: Client, name: str, archive: bytes) -> None:
    register(admin, name, "v1")
    assert admin.call("PUT", path(name, "v1", "upload"), data=archive).status_code == 400
    assert admin.call("GET", path(name, "v1", "download")).status_code == 404


@pytest.mark.parametrize("keep", [300, 4000, 1_000_000, 5_001_000])
def test_whole_body_that_breaks_off_is_refused(admin: Client, name: str, saved: Saved, keep: int) -> None:
    register(admin, name, "v1")
    for data in (saved.archive[:keep], saved.body[:keep]):
        reply = admin.call("PUT", path(name, "v1", "upload"), data=data)
        assert reply.status_code == 400 or keep < 512
    if keep >= 512:
        assert admin.ok("GET", path(name, "v1"))["upload_status"] == "failed"


def test_what_a_stock_client_sends_in_parts_is_cut_like_ours_and_stored_once(admin: Client, name: str) -> None:
    def digests(version: str) -> set[str]:
        listed = admin.ok("PATCH", path(name, version, "presign_download_url"))["modelsync"]["parts"]
        return {part["digest"] for part in listed}

    before = pushing.push(admin, name, "v1", pushing.model_tar(name, "v1", WEIGHTS))
    after = pushing.push(admin, name, "v2", pushing.model_tar(name, "v2", WEIGHTS, labels={"longer": "x" * 600}))
    whole, offset = digests("v1"), before.index(WEIGHTS[:100])
    assert offset != after.index(WEIGHTS[:100]), "the file is elsewhere in the other archive"
    stops = [0, *accumulate(cut_file(BytesReader(WEIGHTS)))]
    cut = {blake(WEIGHTS[start:stop]) for start, stop in pairwise(stops)}
    assert cut <= whole & digests("v2")
    for version, archive in (("v1", before), ("v2", after)):
        assert requests.get(pushing.download_url(admin, name, version), timeout=30).content == archive


def test_copy_that_would_take_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stock client waits a minute: what would not be cut in time stays as it was sent, and is as good."""
    house = House(tmp_path, monkeypatch)
    house.admin.push("m:v1", WEIGHTS)
    monkeypatch.setattr(recutting, "SECONDS", 0.0)
    house.admin.push("m:v2", WEIGHTS)
    with house.registry.database.read() as connection:
        counts = select(func.count()).select_from(archive_parts).group_by(archive_parts.c.archive_id)
        first, second = connection.execute(counts.order_by(archive_parts.c.archive_id)).scalars()
    assert first > second == 1
    found = {version: house.admin.ok("GET", f"{path('m', version)}/files")["items"] for version in ("v1", "v2")}
    digests = [{file["path"]: file["digest"] for file in found[version]}["weights.bin"] for version in ("v1", "v2")]
    assert digests[0] == digests[1]
    house.registry.database.close()


def test_digest_that_takes_longer_than_a_client_waits_is_computed_behind_its_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then it is not known, and nothing else is told."""
    house = House(tmp_path, monkeypatch)
    house.admin.push("m:v1", WEIGHTS)
    monkeypatch.setattr(recutting, "SECONDS", 0.0)
    monkeypatch.setattr(multipart, "_SECONDS", 0.0)
    house.admin.push("m:v2", WEIGHTS)

    def known(version: str) -> tuple[str | None, str | None, list[str]]:
        said = house.admin.ok("GET", path("m", version))["modelsync"].get("content_digest")
        pushes = house.admin.ok("GET", "/model_repositories/m/history", query_string={"version": version})["items"]
        found = house.admin.ok("GET", "/models", query_string={"q": f"digest:{digest}"})["items"]
        return said, pushes[0]["content_digest"], [item["version"] for item in found]

    digest = house.admin.ok("GET", path("m", "v1"))["modelsync"]["content_digest"]
    assert known("v2") == (None, None, ["v1"])
    listed = house.admin.ok("GET", f"{path('m', 'v2')}/files")["items"]
    assert {(file["path"], file["digest"]) for file in listed} == {("model.yaml", None), ("weights.bin", None)}
    diff = house.admin.ok("GET", f"{path('m', 'v2')}/diff", query_string={"from": "m:v1"})
    assert (diff["state"], {change["how"] for change in diff["changes"]}) == ("unknown", {"unknown"})
    assert house.registry.undescribed.is_set()
    assert describe_old_archives(house.registry, older=False) == 1
    other = house.admin.ok("GET", path("m", "v2"))["modelsync"]["content_digest"]
    assert known("v2") == (other, other, ["v1"])
    listed = house.admin.ok("GET", f"{path('m', 'v2')}/files")["items"]
    assert all(file["digest"] for file in listed)
    assert describe_old_archives(house.registry, older=False) == 0
    house.registry.database.close()
