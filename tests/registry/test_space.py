"""Space: what garbage collection frees and what it never touches, verification, expiry, and full disks."""

from __future__ import annotations

import dataclasses
import io
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import FileIO
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import requests
from blake3 import blake3
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule
from sqlalchemy import event, func, select, update

from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.parts import Part, from_sizes
from modelsync_jupyter.registry import Settings, create_app, multipart, presence, publishing, space
from modelsync_jupyter.registry.archives.reader import ArchiveReader
from modelsync_jupyter.registry.blobs.folder import FolderBlobs
from modelsync_jupyter.registry.blobs.protocol import Blob, Stored, blob_of
from modelsync_jupyter.registry.catalog import tables, tokens, trash, uploads
from modelsync_jupyter.registry.catalog.archives import parts_between
from modelsync_jupyter.registry.catalog.models import create_model, delete_model, find_model, note_start
from modelsync_jupyter.registry.catalog.repositories import create_repository, find_repository
from modelsync_jupyter.registry.catalog.rows import Facts
from modelsync_jupyter.registry.catalog.users import add_user
from modelsync_jupyter.registry.catalog.words import Role, UploadState
from modelsync_jupyter.registry.errors import Again, ApiError, BadRequest, NotFound
from modelsync_jupyter.registry.keeping import Keeping
from modelsync_jupyter.registry.service import Registry, ensure_admin

from . import pushing
from .pushing import model_tar, path, push, register
from .server import Client, Server

TOKEN = "token-of-the-test"
#: Nothing is kept for anybody's sake: all that may go, goes at once.
AT_ONCE = Keeping(deleted=0, uploads=0)


class Bucket(FolderBlobs):
    """A folder that clients can write to themselves, as to a bucket: a `Direct`. Garbage is collected at bad moments.

    Attributes:
        collect: Called after each arrival and before each look, or None.
    """

    collect: Callable[[], None] | None = None
    put_headers: Mapping[str, str] = MappingProxyType({})

    def path_of(self, digest: str) -> Path:
        return self._root / digest if digest.startswith("direct/") else super().path_of(digest)

    def signs(self) -> bool:
        return True

    def sign(self, method: str, names: Sequence[str], seconds: float) -> Sequence[str]:
        return [str(self.path_of(name)) for name in names]

    def list_direct(self) -> Iterator[Stored]:
        for file in (self._root / "direct").rglob("*-*"):
            found = file.stat()
            yield Stored(str(file.relative_to(self._root)), found.st_size, found.st_mtime)

    def arrived(self, upload: str) -> Mapping[str, int]:
        found = {item.digest: item.size for item in self.list_direct() if item.digest.split("/")[1] == upload}
        self._interrupt()
        return found

    def receive(self, source: Any, size: int, digest: str = "") -> Blob:
        blob = super().receive(source, size, digest)
        self._interrupt()
        return blob

    def open(self, digest: str, size: int | None = None) -> FileIO:
        self._interrupt()
        return super().open(digest, size)

    def _interrupt(self) -> None:
        if self.collect:
            self.collect()


class Space(RuleBasedStateMachine):
    """A registry under pushes, forced pushes, deletions and restores, with garbage collected at any moment.

    Some clients send parts to the registry, others neighbouring ones as one object to the store of blobs; versions have
    parts in common, so that one may need a part of what was sent for another. What the model knows: the bytes of each
    version that is shown, of those that may be restored, and the parts that each client was told are there. None of
    them may go; and in the end nothing else may be left.
    """

    open_uploads: Bundle[str] = Bundle("open_uploads")
    versions = st.sampled_from(["v1", "v2", "v3"])

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="modelsync-space-"))
        opened = Registry.open(Settings(self.folder))
        self.blobs = Bucket(self.folder / "blobs")
        self.registry = dataclasses.replace(opened, blobs=self.blobs)
        with self.registry.database.write() as connection:
            user = add_user(connection, "ann", Role.ADMIN)
            tokens.add_token(connection, user.id, "t", value=TOKEN)
            self.who, _ = tokens.identify(connection, TOKEN)
            create_repository(connection, self.who, "m", "", [])
        self.shown: dict[str, bytes] = {}
        self.deleted: dict[str, bytes] = {}
        self.promised: dict[str, dict[int, tuple[str, int]]] = {}
        self.archives: dict[str, tuple[str, bytes]] = {}
        self.coming: dict[str, list[presence.Coming]] = {}

    def teardown(self) -> None:
        for version in ("v1", "v2", "v3"):
            with suppress(NotFound):
                self._delete(version)
        self._collect(AT_ONCE)
        left = [*self.blobs.list(), *self.blobs.list_direct()]
        assert left == [], "nothing is left of what nobody needs"
        with self.registry.database.read() as connection:
            for table in (tables.models, tables.archives, tables.archive_parts, tables.upload_parts):
                assert connection.execute(select(func.count()).select_from(table)).scalar() == 0, table.name
        self.registry.database.close()
        shutil.rmtree(self.folder)

    @rule(
        target=open_uploads,
        version=versions,
        payload=st.integers(0, 1),
        directly=st.booleans(),
        interrupted=st.booleans(),
    )
    def begin(self, version: str, payload: int, directly: bool, interrupted: bool) -> Any:
        archive = model_tar("m", version, bytes([payload]) * 12_000 + b"common" * 2_000)
        parts = self._parts(archive)
        with self.registry.database.write() as connection:
            facts: Any = {"description": "", "manifest": pushing.manifest(), "labels": [], "build_at": None}
            with suppress(BadRequest):  # it is registered already
                create_model(connection, self.who, find_repository(connection, "m").id, version, **facts)
            model = find_model(connection, "m", version, lock=True)
            uid = uploads.open_upload(connection, self.who, model.id, Facts(), parts)
        with self._collecting(interrupted):
            direct = self.blobs if directly else None
            present, coming = presence.note_present(self.registry, self.who, uid, parts, direct, threads=1)
        self.archives[uid] = (version, archive)
        self.coming[uid] = coming
        self.promised[uid] = {}
        self._promise(uid, present)
        return uid

    def _promise(self, uid: str, numbers: Iterable[int]) -> None:
        with self.registry.database.read() as connection:
            upload = uploads.find_upload(connection, uid)
            for number in numbers:
                row = uploads.find_part(connection, upload.id, number)
                assert row is not None
                self.promised[uid][number] = blob_of(row.place or row.digest, row.size)

    @rule(uid=open_uploads, number=st.integers(0, 3), interrupted=st.booleans())
    def send(self, uid: str, number: int, interrupted: bool) -> None:
        if uid in self.promised:
            self._send(uid, number, interrupted)

    def _send(self, uid: str, number: int, interrupted: bool) -> None:
        _, archive = self.archives[uid]
        part = self._parts(archive)[number]
        for each in self.coming[uid]:
            if part in each.parts:
                path = self.blobs.path_of(each.name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive[each.parts[0].start : each.parts[-1].stop])
                self._promise(uid, [one.number for one in each.parts])
                return
        with self._collecting(interrupted), suppress(Again):
            blob = self.blobs.receive(io.BytesIO(archive[part.start : part.stop]), part.size, part.digest)
            multipart.record_parts(self.registry, uid, {number + 1: blob})
            self.promised[uid][number + 1] = (part.digest, part.size)

    @rule(uid=consumes(open_uploads), interrupted=st.booleans())
    def publish(self, uid: str, interrupted: bool) -> None:
        if uid not in self.promised:
            return
        version, archive = self.archives[uid]
        for part in self._parts(archive):
            if part.number not in self.promised[uid]:
                self._send(uid, part.number - 1, False)
        with self.registry.database.read() as connection:
            model_id = find_model(connection, "m", version).id
        listed = {part.number: part.digest.partition(":")[2] for part in self._parts(archive)}
        with self._collecting(interrupted):
            multipart.complete(self.registry, self.who, uid, model_id, listed)
        with self.registry.database.write() as connection:
            publishing.publish(connection, self.who, "m", version, uid)
        self.promised.pop(uid)
        self.shown[version] = archive

    @rule(version=versions, payload=st.integers(0, 1), directly=st.booleans())
    def push(self, version: str, payload: int, directly: bool) -> None:
        self.publish(self.begin(version, payload, directly, False), False)

    @rule(uid=consumes(open_uploads))
    def abort(self, uid: str) -> None:
        if self.promised.pop(uid, None) is not None:
            with self.registry.database.write() as connection:
                upload = uploads.find_upload(connection, uid, lock=True)
                uploads.set_upload(connection, upload.id, state=UploadState.ABORTED)

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(self.shown)))
        self._delete(version)
        self.deleted[version] = self.shown.pop(version)

    @precondition(lambda self: set(self.deleted) - set(self.shown))
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(set(self.deleted) - set(self.shown))))
        with self.registry.database.write() as connection:
            with suppress(ApiError):
                delete_model(connection, self.who, find_model(connection, "m", version))  # one that was only begun
                self._forget(version)
                return
            trash.restore_model(connection, self.who, trash.find_deleted(connection, "m", version))
        self.shown[version] = self.deleted.pop(version)

    @rule()
    def collect(self) -> None:
        self._collect(Keeping())

    @rule()
    def collect_after_weeks(self) -> None:
        """All uploads have expired by then, and what was deleted is purged."""
        self._collect(AT_ONCE)
        self.deleted.clear()
        self.promised.clear()

    @invariant()
    def everything_needed_is_there(self) -> None:
        for version, archive in self.shown.items():
            with self.registry.database.read() as connection:
                found = find_model(connection, "m", version).archive
                assert found is not None
                parts = parts_between(connection, found.id, 0, found.size)
            with ArchiveReader(self.blobs, parts) as file:
                assert file.read(found.size + 1) == archive
        for promised in self.promised.values():
            for name, size in promised.values():
                assert self.blobs.has(name, size)

    def _forget(self, version: str) -> None:
        for uid in [uid for uid, (of, _) in self.archives.items() if of == version]:
            self.promised.pop(uid, None)

    def _delete(self, version: str) -> None:
        with self.registry.database.write() as connection:
            delete_model(connection, self.who, find_model(connection, "m", version, lock=True))
        self._forget(version)

    def _collect(self, keeping: Keeping) -> None:
        signer = dataclasses.replace(self.registry.signer, ttl=0 if keeping is AT_ONCE else 3600)
        found = dataclasses.replace(self.registry.settings, keeping=keeping)
        space.collect_garbage(dataclasses.replace(self.registry, settings=found, signer=signer), settle=-60)

    @contextmanager
    def _collecting(self, interrupted: bool) -> Iterator[None]:
        if interrupted:
            self.blobs.collect = lambda: self._collect(Keeping())
        try:
            yield
        finally:
            self.blobs.collect = None

    @staticmethod
    def _parts(archive: bytes) -> tuple[Part, ...]:
        pieces = pushing.cut(archive, -(-len(archive) // 4))
        return from_sizes([len(piece) for piece in pieces], [f"blake3:{blake3(piece).hexdigest()}" for piece in pieces])


TestSpace = Space.TestCase
TestSpace.settings = settings(
    max_examples=12,
    stateful_step_count=25,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


def test_an_object_stays_as_long_as_a_version_needs_one_of_the_parts_in_it() -> None:
    """Not its first part, but others; and of these none is sent twice."""
    space = Space()
    space.push("v1", 0, True)
    space.push("v2", 0, True)
    first, second = (part.parts for part in chain(*space.coming.values()))
    assert [part.number for part in first] == [1, 2, 3, 4]
    assert [part.number for part in second] == [1]
    space._delete("v1")
    space.deleted["v1"] = space.shown.pop("v1")
    space.collect_after_weeks()
    space.everything_needed_is_there()
    assert {item.size for item in space.blobs.list_direct()} == {first[-1].stop, second[-1].stop}
    space.teardown()


def test_an_object_of_which_little_is_needed_is_taken_apart() -> None:
    space = Space()
    space.push("v1", 0, True)
    space.push("v2", 1, True)
    first, second = (part.parts for part in chain(*space.coming.values()))
    assert [part.number for part in second] == [1, 2]
    space._delete("v1")
    space.deleted["v1"] = space.shown.pop("v1")
    for sizes in ({first[-1].stop, second[-1].stop}, {second[-1].stop}):
        space.collect_after_weeks()
        space.everything_needed_is_there()
        assert {item.size for item in space.blobs.list_direct()} == sizes
    assert {item.size for item in space.blobs.list()} == {part.size for part in first[2:]}
    space.teardown()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Registry]:
    """A registry in this process."""
    registry = Registry.open(Settings(tmp_path / "data"))
    yield registry
    registry.database.close()


def test_verify_finds_rotten_and_missing_blobs_and_the_next_push_heals(
    launch: Callable[..., Server], name: str
) -> None:
    server = launch()
    client = server.client()
    archive = push(client, name, "v1", model_tar(name, "v1", os.urandom(50_000)))
    push(client, name, "v2", model_tar(name, "v2", os.urandom(50_000)))
    rotten, missing = (server.data / "blobs" / digest[:2] / digest for digest in part_digests(client, name))
    rotten.write_bytes(rotten.read_bytes()[:-1] + b"?")
    missing.unlink()
    registry = Registry.open(Settings(server.data))
    found = space.verify_blobs(registry)
    assert {(bad.fault, bad.versions) for bad in found.bad} == {
        ("rotten", (f"{name}:v1",)),
        ("missing", (f"{name}:v2",)),
    }
    assert not rotten.exists()
    parts = [archive]
    declared = {"parts": pushing.parts_json(parts)}
    begun = pushing.start(client, name, "v1", declared)
    assert begun["modelsync"]["present"] == []
    etags = pushing.put_parts(client, name, "v1", begun["upload_id"], parts)
    assert pushing.complete(client, name, "v1", begun["upload_id"], etags).status_code == 200
    pushing.finish(client, name, "v1")
    assert requests.get(pushing.download_url(client, name, "v1"), timeout=30).content == archive
    assert [bad.fault for bad in space.verify_blobs(registry).bad] == ["missing"]
    registry.database.close()


def part_digests(client: Client, name: str) -> list[str]:
    """The hexadecimal digest of the one part of v1 and of v2."""
    replies = [client.ok("PATCH", path(name, version, "presign_download_url")) for version in ("v1", "v2")]
    return [reply["modelsync"]["parts"][0]["digest"].partition(":")[2] for reply in replies]


def test_same_files_pushed_again_heal_what_nobody_has_found_yet(admin: Client, registry: Server, name: str) -> None:
    """A client whose pull finds a rotten part is told to push with force; then no part counts as present."""
    archive = push(admin, name, "v1", model_tar(name, "v1", os.urandom(50_000)))
    said = admin.ok("PATCH", path(name, "v1", "presign_download_url"))["modelsync"]
    digest = said["parts"][0]["digest"].partition(":")[2]
    blob = registry.data / "blobs" / digest[:2] / digest
    blob.write_bytes(bytes(len(archive)))
    declared = {"parts": pushing.parts_json([archive]), "content_digest": said["content_digest"], "cut": said["cut"]}
    reply = pushing.start(admin, name, "v1", declared)
    assert reply["modelsync"]["present"] == []
    etags = pushing.put_parts(admin, name, "v1", reply["upload_id"], [archive])
    pushing.complete(admin, name, "v1", reply["upload_id"], etags)
    pushing.finish(admin, name, "v1")
    assert blob.read_bytes() == archive
    other = pushing.start(admin, name, "v1", {"parts": pushing.parts_json([archive])})
    assert other["modelsync"]["present"] == [1], "else what is there is not sent again"


def test_dry_run_says_what_would_go_and_changes_nothing(opened: Registry) -> None:
    opened.blobs.receive(io.BytesIO(b"nobody's"), 8)
    at_once = dataclasses.replace(opened, settings=dataclasses.replace(opened.settings, keeping=AT_ONCE))
    assert space.collect_garbage(at_once, settle=3600).blobs == 0, "it was received just now"
    found = space.collect_garbage(at_once, dry_run=True, settle=-60)
    assert (found.blobs, found.bytes) == (1, 8)
    assert len(list(opened.blobs.list())) == 1
    assert space.collect_garbage(at_once, settle=-60).blobs == 1
    assert list(opened.blobs.list()) == []


def test_one_process_at_a_time_collects_when_it_is_due(opened: Registry) -> None:
    interval = dataclasses.replace(opened.settings, keeping=Keeping(interval=3600))
    hourly = dataclasses.replace(opened, settings=interval)
    assert space.collect_if_due(hourly) is not None
    assert space.collect_if_due(hourly) is None
    with opened.database.write() as connection:  # by a clock that was a year ahead, and has been set since
        connection.execute(update(tables.chores).values(started_at=space.now() + timedelta(days=365)))
    assert space.collect_if_due(hourly) is not None
    assert space.collect_if_due(hourly) is None
    results: list[object] = []
    lock = threading.Barrier(4)

    def run() -> None:
        lock.wait()
        results.append(space._claim(opened, "other", timedelta(hours=1)))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(bool, results)) == [False, False, False, True]
    with opened.database.read() as connection:
        last = space.last_collection(connection)
    assert last is not None
    assert last["finished_at"] >= last["started_at"]


def test_expired_upload_is_told_to_its_client(opened: Registry) -> None:
    with opened.database.write() as connection:
        user = add_user(connection, "ann", Role.ADMIN)
        tokens.add_token(connection, user.id, "t", value=TOKEN)
        who, _ = tokens.identify(connection, TOKEN)
        create_repository(connection, who, "m", "", [])
        facts: Any = {"description": "", "manifest": pushing.manifest(), "labels": [], "build_at": None}
        create_model(connection, who, find_repository(connection, "m").id, "v1", **facts)
        model = find_model(connection, "m", "v1")
        uid = uploads.open_upload(connection, who, model.id, Facts())
        note_start(connection, model)
    space.collect_garbage(opened)
    with opened.database.read() as connection:
        assert uploads.find_upload(connection, uid).state == UploadState.OPEN
    at_once = dataclasses.replace(opened, settings=dataclasses.replace(opened.settings, keeping=AT_ONCE))
    assert space.collect_garbage(at_once).uploads == 1
    with opened.database.read() as connection:
        with pytest.raises(NotFound, match="upload not found"):
            uploads.find_upload(connection, uid)
        row = find_model(connection, "m", "v1")
    assert (row.upload_status, row.upload_finished_reason) == ("failed", "the upload expired")


class TestFullDisk:
    def test_part_that_does_not_fit_is_507_and_the_catalog_is_still_written(
        self, launch: Callable[..., Server], name: str
    ) -> None:
        server = launch()
        client = server.client()
        push(client, name, "v1")
        server.stop()
        server.env["MODELSYNC_RESERVE"] = "1000TB"  # more than any disk has: as good as a full one
        server.start()
        client = server.client()
        register(client, name, "v2")
        upload_id = pushing.start(client, name, "v2")["upload_id"]
        for _ in range(2):
            reply = pushing.put_part(client, name, "v2", upload_id, 1, b"x" * 1000)
            assert (reply.status_code, "disk is full" in reply.json()["error"]) == (507, True)
        reply = client.call("PUT", path(name, "v2", "upload"), data=model_tar(name, "v2"))
        assert reply.status_code == 507
        client.ok("DELETE", path(name, "v1"))
        client.ok("PATCH", path(name, "v1", "restore"))
        assert client.call("GET", path(name, "v1", "download")).status_code == 200

    def test_full_catalog_is_507_and_not_busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MODELSYNC_ADMIN_TOKEN", TOKEN)
        registry = Registry.open(Settings(tmp_path))
        ensure_admin(registry)
        app = create_app(registry)

        def limit(connection: Any, record: Any) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        registry.database.close()
        event.listen(registry.database._engine, "connect", limit)
        client, headers = app.test_client(), {"X-YATAI-API-TOKEN": TOKEN}
        body = {"name": "m", "description": "x" * 60_000}
        reply = client.post("/api/v1/model_repositories", json=body, headers=headers)
        assert (reply.status_code, "full" in reply.json["error"]) == (507, True)
        registry.database.close()


@pytest.mark.parametrize("text", ["soon", "-1d", "7 weeks", "99999d"])
def test_durations_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="KEEP_DELETED"):
        Keeping.from_environment({"MODELSYNC_KEEP_DELETED": text})
    assert Keeping.from_environment({"MODELSYNC_KEEP_DELETED": "12h", "MODELSYNC_RESERVE": "1GB"}) == Keeping(
        deleted=43200.0, reserve=10**9
    )


@pytest.mark.processes
def test_nothing_acknowledged_is_lost_under_kills_and_collection(launch: Callable[..., Server], name: str) -> None:
    """Garbage is collected by another process all the while, without any grace, and the server is killed twice."""
    server = launch()
    stop = threading.Event()
    errors: list[Exception] = []
    registry = Registry.open(Settings(server.data))

    def collect() -> None:
        while not stop.is_set():
            try:
                space.collect_garbage(registry, settle=-60)
            except Exception as error:
                errors.append(error)

    collecting = threading.Thread(target=collect)
    collecting.start()
    kept: dict[str, bytes] = {}
    try:
        for number in range(4):
            version = f"v{number}"
            archive = model_tar(name, version, os.urandom(300_000))
            killing = threading.Timer(0.03, server.kill, kwargs={"workers": False})
            if number in (1, 2):
                killing.start()
            while version not in kept:
                with suppress(requests.RequestException, AssertionError):  # killed meanwhile, or told to send again
                    client = server.client()
                    with suppress(AssertionError):  # an earlier try registered it
                        register(client, name, version)
                    pushing.send(client, name, version, archive, 100_000)
                    if pushing.finish(client, name, version).status_code == 200:
                        kept[version] = archive
                if not server.alive:
                    server.start()
            if number in (1, 2):
                killing.join()  # on a busy machine the version may be there before it
            if not server.alive:
                server.start()
    finally:
        stop.set()
        collecting.join()
        registry.database.close()
    assert not errors
    client = server.client()
    for version, archive in kept.items():
        assert requests.get(pushing.download_url(client, name, version), timeout=30).content == archive
