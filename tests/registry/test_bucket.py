"""Blobs in a bucket of a real S3 server: the promises, and bytes that do not pass through the registry."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path

import obstore
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from modelsync_jupyter.core.parts import from_sizes
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.registry import Settings, presence, space
from modelsync_jupyter.registry.app import answer
from modelsync_jupyter.registry.blobs.objects import ObjectBlobs
from modelsync_jupyter.registry.blobs.protocol import StoreAway
from modelsync_jupyter.registry.catalog import garbage, tokens, uploads
from modelsync_jupyter.registry.catalog.models import find_model
from modelsync_jupyter.registry.catalog.rows import Facts
from modelsync_jupyter.registry.keeping import Keeping
from modelsync_jupyter.registry.service import Registry
from modelsync_jupyter.registry.space import collect_garbage, verify_blobs
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry
from tests.harness.clock import wait_until
from tests.harness.models import MIB, differences, make_model
from tests.harness.nginx import MISSING, nginx
from tests.harness.ports import free_port
from tests.harness.postgresql import Postgresql
from tests.harness.processes import TOKEN, environment, modelsync, start_modelsync
from tests.harness.s3 import BUCKET, s3_server
from tests.integration.scene import Client as Near

from . import pushing
from .contract import ObjectsContract, RegistryContract
from .pushing import complete, finish, listed, model_tar, parts_json, path, register, start
from .server import Client, Server, serving
from .test_postgresql import cluster  # noqa: F401  # a fixture

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the environment of a user of the bucket has."""
    with s3_server(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture
def signed_in(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """This process may use the bucket."""
    for name, value in s3.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def registry(s3: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In the place of the one over a folder."""
    with serving(tmp_path_factory.mktemp("bucket"), "--blobs", f"s3://{BUCKET}/registry", **s3) as server:
        yield server


@pytest.mark.usefixtures("signed_in")
class TestBucket(ObjectsContract):
    root = f"s3://{BUCKET}"


class TestOverBucket(RegistryContract):
    """A team's store of blobs, as stock clients see it."""


def test_what_a_client_sent_to_the_bucket_counts_for_its_user_alone(registry: Server, admin: Client, name: str) -> None:
    """It resumes after a push that broke off; nobody else is told that such a part is there."""
    archive = model_tar(name, "v1", os.urandom(3_000_000))
    parts = pushing.cut(archive, 1 << 20)
    extension = {"parts": parts_json(parts), "direct": True}
    register(admin, name, "v1")
    first = start(admin, name, "v1", extension)
    assert first["modelsync"]["present"] == []
    urls = first["modelsync"]["urls"]
    assert sorted(urls) == ["1", "2", "3"]
    assert requests.put(urls["2"], data=parts[1], timeout=30).status_code == 200
    assert requests.put(urls["3"], data=b"not all of it", timeout=30).status_code == 200
    other = registry.user(f"u-{name}", "admin")
    again = start(other, name, "v1", extension)
    assert again["modelsync"]["present"] == []
    second = start(admin, name, "v1", extension)
    assert second["modelsync"]["present"] == [2]
    refused = complete(admin, name, "v1", second["upload_id"], listed(parts))
    assert refused.status_code == 400
    assert "1, 3" in refused.json()["error"]
    for number in (1, 3):
        url = second["modelsync"]["urls"][str(number)]
        assert requests.put(url, data=parts[number - 1], timeout=30).status_code == 200
    assert complete(admin, name, "v1", second["upload_id"], listed(parts)).status_code == 200
    assert finish(admin, name, "v1").status_code == 200
    assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == archive
    reply = admin.ok("PATCH", path(name, "v1", "presign_download_url"), {"modelsync": {"direct": True}})["modelsync"]
    assert b"".join(requests.get(url, timeout=30).content for url in reply["urls"]) == archive
    third = start(other, name, "v1", extension)
    assert third["modelsync"]["present"] == []


@pytest.mark.usefixtures("signed_in")
def test_what_clients_sent_to_the_bucket_is_freed_when_nobody_needs_it(
    registry: Server, admin: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replaced and aborted parts go; those of a version, and of an upload that goes on, stay and are verified."""
    settings = Settings(registry.data, blobs=f"s3://{BUCKET}/registry", url_ttl=0.01, keeping=Keeping())
    here = Registry.open(settings)
    assert isinstance(here.blobs, ObjectBlobs)
    register(admin, name, "v1")
    archives = [model_tar(name, "v1", os.urandom(3_000_000)) for _ in range(3)]
    sent = []
    for archive in archives:
        pieces = pushing.cut(archive, 1 << 20)
        reply = start(admin, name, "v1", {"parts": parts_json(pieces), "direct": True})
        for number, url in reply["modelsync"]["urls"].items():
            assert requests.put(url, data=pieces[int(number) - 1], timeout=30).status_code == 200
        sent.append((reply["upload_id"], listed(pieces)))
    old, new, gone = (upload for upload, _ in sent)
    for upload, etags in sent[:2]:
        assert complete(admin, name, "v1", upload, etags).status_code == 200
        assert finish(admin, name, "v1", upload=upload).status_code == 200
    time.sleep(0.02)  # until no reader has a valid URL of the first one

    def collect() -> set[str]:
        collect_garbage(here, settle=-60)
        found = {item.digest.split("/")[1] for item in here.blobs.list_direct()}
        return found & {old, new, gone}

    assert collect() == {new, gone}, "the upload that goes on keeps its parts"
    assert not verify_blobs(here).bad
    told = parts_json(pushing.cut(archives[2], 1 << 20))
    resumed = start(admin, name, "v1", {"parts": told, "direct": True})
    assert resumed["modelsync"]["present"] == [1, 2, 3]
    for upload in (gone, resumed["upload_id"]):
        admin.ok("PATCH", path(name, "v1", "abort_multipart_upload"), {"upload_id": upload})
    has = here.blobs.has

    def has_for_now(digest: str, size: int) -> bool:
        found = has(digest, size)
        collect()
        return found

    parts = from_sizes([part["size"] for part in told], [part["digest"] for part in told])
    with here.database.write() as connection:
        who, _ = tokens.identify(connection, TOKEN)
        model = find_model(connection, name, "v1", lock=True)
        other = uploads.open_upload(connection, who, model.id, Facts(), parts)
    with monkeypatch.context() as patch:
        patch.setattr(here.blobs, "has", has_for_now)
        assert presence.note_present(here, who, other, parts, here.blobs) == ([1, 2, 3], [])
    assert collect() == {new, gone}, "it goes on with what was sent before"
    admin.ok("PATCH", path(name, "v1", "abort_multipart_upload"), {"upload_id": other})
    assert collect() == {new}
    assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == archives[1]
    here.blobs.delete([f"direct/{new}/1"])
    (url,) = here.blobs.sign("PUT", [f"direct/{new}/2"], 60)
    assert requests.put(url, data=b"other bytes", timeout=30).status_code == 200
    bad = {item.digest: (item.fault, item.versions) for item in verify_blobs(here).bad}
    assert bad == {f"direct/{new}/1": ("missing", (f"{name}:v1",)), f"direct/{new}/2": ("rotten", (f"{name}:v1",))}
    again = start(admin, name, "v1", {"parts": parts_json(pushing.cut(archives[1], 1 << 20)), "direct": True})
    assert again["modelsync"]["present"] == [3], "what went bad has to come again"
    here.database.close()


@pytest.mark.usefixtures("signed_in")
def test_neighbouring_parts_travel_are_shared_and_rot_as_one_object(registry: Server, admin: Client, name: str) -> None:
    archive = model_tar(name, "v1", os.urandom(3 * MIB - 10_000))
    pieces = pushing.cut(archive, MIB // 4)
    told = parts_json(pieces)
    register(admin, name, "v1")
    extension = {"parts": told, "direct": True, "threads": 1}
    first = start(admin, name, "v1", extension)
    urls = first["modelsync"]["urls"]
    runs = {key: [int(number) for number in key.split("-")] for key in urls}
    assert [at for begin, end in runs.values() for at in range(begin, end + 1)] == list(range(1, len(pieces) + 1))
    assert 1 < len(runs) < len(pieces) / 2
    bodies = {key: b"".join(pieces[begin - 1 : end]) for key, (begin, end) in runs.items()}
    whole, cut_off = list(urls)[:2]
    assert requests.put(urls[whole], data=bodies[whole], timeout=30).status_code == 200
    assert requests.put(urls[cut_off], data=bodies[cut_off][:-1], timeout=30).status_code == 200
    second = start(admin, name, "v1", extension)
    assert second["modelsync"]["present"] == list(range(runs[whole][0], runs[whole][1] + 1))
    for key, url in second["modelsync"]["urls"].items():
        begin, end = map(int, key.split("-"))
        signed = pushing.part_url(admin, name, "v1", second["upload_id"], begin)
        assert signed.partition("?")[0] == url.partition("?")[0]
        assert requests.put(signed, data=b"".join(pieces[begin - 1 : end]), timeout=30).status_code == 200
    assert complete(admin, name, "v1", second["upload_id"], listed(pieces)).status_code == 200
    assert finish(admin, name, "v1", upload=second["upload_id"]).status_code == 200
    assert requests.get(pushing.download_url(admin, name, "v1"), timeout=30).content == archive

    changed = archive[: MIB // 2] + os.urandom(MIB // 4) + archive[3 * MIB // 4 :]
    third = start(admin, name, "v1", {**extension, "parts": parts_json(pushing.cut(changed, MIB // 4))})
    assert list(third["modelsync"]["urls"]) == ["3-3"], "neighbours of a changed part are not sent again"

    def spans(**asked: bool) -> tuple[list[str], list[list[int]]]:
        said = admin.ok("PATCH", path(name, "v1", "presign_download_url"), {"modelsync": {"direct": True, **asked}})
        return said["modelsync"]["urls"], said["modelsync"].get("spans", [])

    urls, found = spans(spans=True)
    assert len(urls) == len(found) < len(pieces) / 2
    got = [requests.get(urls[at], headers={"Range": f"bytes={begin}-{begin + size - 1}"}) for at, begin, size in found]
    assert b"".join(reply.content for reply in got) == archive
    assert spans() == ([], []), "an older client takes an object for one part"

    here = Registry.open(Settings(registry.data, blobs=f"s3://{BUCKET}/registry"))
    assert isinstance(here.blobs, ObjectBlobs)
    place = f"direct/{first['upload_id']}/{runs[whole][0]}-{len(bodies[whole])}"
    rotten = bytearray(bodies[whole])
    rotten[MIB // 4] ^= 1  # the first byte of its second part
    obstore.put(here.blobs._store, place, bytes(rotten))
    bad = [(item.digest, item.fault, item.versions) for item in verify_blobs(here).bad if name in str(item.versions)]
    assert bad == [(place, "rotten", (f"{name}:v1",))]
    again = start(admin, name, "v1", extension)["modelsync"]["urls"]
    assert list(again) == [f"{runs[whole][0] + 1}-{runs[whole][0] + 1}"], "the good ones are kept"
    here.database.close()


@pytest.mark.usefixtures("signed_in")
def test_a_killed_push_to_a_bucket_goes_on_with_the_objects_that_arrived(
    registry: Server, name: str, tmp_path: Path
) -> None:
    env, size = environment(tmp_path / "home", registry.url, registry.token), 40 * MIB
    make_model(tmp_path / "home", f"{name}:v1", {"w.bin": size})
    blobs = ObjectBlobs(f"s3://{BUCKET}/registry", tmp_path)
    earlier = {item.digest for item in blobs.list_direct()}

    def sent() -> int:
        return sum(item.size for item in blobs.list_direct() if item.digest not in earlier)

    with start_modelsync("push", f"{name}:v1", "--rate-limit", "10MB", env=env) as child:
        wait_until(lambda: sent() > size // 5 or child.poll() is not None, "a fifth of the bytes")
        child.kill()
        child.communicate()
    there = sent()
    assert size // 5 < there < size
    again = json.loads(modelsync("push", f"{name}:v1", "-o", "json", env=env).stdout)
    assert again["bytes_sent"] <= size + MIB - there


@pytest.mark.usefixtures("signed_in")
def test_a_pull_goes_on_while_the_objects_that_it_reads_are_taken_apart(
    registry: Server, name: str, tmp_path: Path
) -> None:
    here = Registry.open(Settings(registry.data, blobs=f"s3://{BUCKET}/registry"))
    assert isinstance(here.blobs, ObjectBlobs)
    earlier = {item.digest for item in here.blobs.list_direct()}
    folder = make_model(tmp_path / "home", f"{name}:v1", {"w.bin": 3 * MIB})
    modelsync("push", f"{name}:v1", env=environment(tmp_path / "home", registry.url, registry.token))
    with closing(Http(Context("", registry.url, registry.token), Retry(lambda seconds: None))) as http:
        remote, tag = Remote(http), Tag(name, "v1")
        record = remote.model(tag)
        assert record
        archive = RemoteArchive(remote, record)
        objects = {item.digest for item in here.blobs.list_direct()} - earlier
        with here.database.read() as connection:
            held = garbage.parts_at(connection, list(objects))
        assert objects == held.keys() != set()
        for each, parts in held.items():
            space._rescue(here, each, parts)
        here.blobs.delete(list(objects))
        got = http.retry.run(lambda: b"".join(map(bytes, archive.views(0, archive.size, bytearray(MIB)))))
    here.database.close()
    assert (folder / "w.bin").read_bytes() in got


def test_a_pull_fetches_each_object_in_one_request_and_asks_for_nothing_before(
    registry: Server, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "home", f"{name}:v1", {"w.bin": 24 * MIB, "a.txt": b"a"})
    env = environment(tmp_path / "home", registry.url, registry.token)
    assert modelsync("push", f"{name}:v1", env=env).returncode == 0
    get, asked = Http.get, list[str]()

    def look(http: Http, url: str, headers: Mapping[str, str]) -> AbstractContextManager[requests.Response]:
        asked.append(url.partition("?")[0])
        return get(http, url, headers)

    monkeypatch.setattr(Http, "get", look)
    far = Near.at(tmp_path / "far", registry.url, registry.token)
    assert far.pull(f"{name}:v1", threads=1).status == "pulled"
    wanted = {"modelsync": {"direct": True, "spans": True}}
    told = registry.client().ok("PATCH", path(name, "v1", "presign_download_url"), wanted)["modelsync"]
    assert 2 < len(told["urls"]) < len(told["parts"])
    assert sorted(asked) == sorted(url.partition("?")[0] for url in told["urls"])
    assert differences(folder, far.folder(f"{name}:v1")) == []


def test_clients_are_sent_to_the_public_endpoint_of_the_bucket_or_not_at_all(
    s3: dict[str, str], launch: Callable[..., Server], name: str
) -> None:
    public = s3["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    bucket = ("--workers", "1", "--blobs", f"s3://{BUCKET}/public")
    archive = model_tar(name, "v1", os.urandom(100_000))
    extension = {"parts": parts_json([archive]), "direct": True}
    client = launch(*bucket, **s3, MODELSYNC_BLOBS_PUBLIC_ENDPOINT=public).client()
    register(client, name, "v1")
    begun = start(client, name, "v1", extension)
    url = begun["modelsync"]["urls"]["1"]
    assert url.startswith(f"{public}/")
    assert requests.put(url, data=archive, timeout=30).status_code == 200
    assert complete(client, name, "v1", begun["upload_id"], listed([archive])).status_code == 200
    assert finish(client, name, "v1").status_code == 200
    wanted = {"modelsync": {"direct": True}}
    reply = client.ok("PATCH", path(name, "v1", "presign_download_url"), wanted)["modelsync"]
    assert [link.startswith(f"{public}/") for link in reply["urls"]] == [True]
    assert requests.get(reply["urls"][0], timeout=30).content == archive
    client = launch(*bucket, **s3, MODELSYNC_DIRECT="0").client()
    register(client, name, "v1")
    assert "urls" not in start(client, name, "v1", extension)["modelsync"]
    assert pushing.push(client, f"{name}-2", "v1", archive=model_tar(f"{name}-2", "v1", os.urandom(100_000)))
    reply = client.ok("PATCH", path(f"{name}-2", "v1", "presign_download_url"), wanted)
    assert "urls" not in reply["modelsync"]
    assert reply["presigned_download_url"].startswith(client.url)


def test_clients_are_sent_to_a_bucket_only_where_its_urls_can_be_signed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Google's need the key of a service account, and its own host; without them, pushes would be refused."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    account = {"client_email": "a@b.c", "private_key": key.decode(), "private_key_id": "1"}
    (tmp_path / "account.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "account.json"))
    blobs = ObjectBlobs("gs://bucket/models", tmp_path)
    assert "X-Goog-Signature" in blobs.sign("PUT", ["direct/a/1"], 60)[0]
    monkeypatch.setattr(
        "modelsync_jupyter.registry.blobs.objects._SIGN_SECONDS", {"gs": 10.0, "az": 10.0}
    )  # on a busy machine
    assert blobs.signs()
    assert not ObjectBlobs("gs://bucket/models", tmp_path, "https://blobs.example.org").signs()
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=account1;AccountKey=a2V5")
    for endpoint, good in (("https://blobs.example.org", False), ("https://example.org/account1", True)):
        assert ObjectBlobs("az://models", tmp_path, endpoint).signs() is good

    def refuse(*_: object) -> None:
        raise StoreAway("you may not sign")

    monkeypatch.setattr(ObjectBlobs, "sign", refuse)
    assert not ObjectBlobs("gs://bucket/models", tmp_path).signs()
    assert "you may not sign" in caplog.text


@pytest.mark.usefixtures("signed_in")
def test_no_upload_to_the_bucket_is_left_half_done_by_a_kill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is sent in pieces, as by the bucket's library, would leave some that no list shows: one PUT leaves none."""
    blobs = ObjectBlobs(f"s3://{BUCKET}/whole", tmp_path)
    blobs.prepare()
    monkeypatch.setattr(obstore, "put", None)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("default login ann password secret")
    data = os.urandom(11_000_000)  # a library sends it in pieces
    blob = blobs.receive(io.BytesIO(data), len(data))
    assert b"".join(blobs.stream(blob.digest, 0, len(data))) == data
    monkeypatch.setattr(blobs, "_store", ObjectBlobs("s3://no-such-bucket", tmp_path)._store)
    with pytest.raises(StoreAway, match="HTTP 404") as raised:
        blobs.receive(io.BytesIO(data), len(data))
    assert "X-Amz" not in str(raised.value)
    assert answer(raised.value, "PUT", "/")[0] == 503


@pytest.mark.usefixtures("signed_in")
def test_what_one_put_cannot_hold_is_sent_in_pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """More than 5 GiB, for S3: here the limit is lower."""
    monkeypatch.setattr("modelsync_jupyter.registry.blobs.objects._ONE_PUT", 10 * MIB)
    blobs = ObjectBlobs(f"s3://{BUCKET}/pieces", tmp_path)
    blobs.prepare()
    monkeypatch.setattr(blobs, "_session", None)
    data = os.urandom(21 * MIB + 1)
    blob = blobs.receive(io.BytesIO(data), len(data))
    assert b"".join(blobs.stream(blob.digest, 0, len(data))) == data
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_two_registries_over_one_database_and_bucket_behind_nginx(
    s3: dict[str, str],
    cluster: Postgresql,  # noqa: F811
    tmp_path: Path,
) -> None:
    """Our client's bytes pass neither; each of the two answers for what the other has begun."""
    settings = {
        **s3,
        "MODELSYNC_DB": cluster.url,
        "MODELSYNC_BLOBS": f"s3://{BUCKET}/team",
        "MODELSYNC_URL_SECRET": "s" * 40,
    }
    servers = []
    for number in "12":
        (tmp_path / number).mkdir()
        servers.append(Server(tmp_path / number / "data", ("--workers", "1"), **settings).start())
    port = free_port()
    ports = [server.url.rpartition(":")[2] for server in servers]
    log = tmp_path / "access.log"
    upstream = "".join(f"server 127.0.0.1:{number};" for number in ports)
    http = f"""log_format n '$request_method $uri $request_length $bytes_sent'; upstream r {{ {upstream} }}
        server {{ listen 127.0.0.1:{port}; access_log {log} n;
        location / {{ proxy_pass http://r; proxy_set_header Host $http_host; proxy_request_buffering off; }} }}"""
    try:
        with nginx(port, http):
            url = f"http://127.0.0.1:{port}"
            ann, bob = (environment(tmp_path / who, url, servers[0].token) for who in ("ann", "bob"))
            made = make_model(tmp_path / "ann", "team:v1", {"w.bin": 40 * MIB, "a.txt": b"a"})
            assert modelsync("push", "team:v1", env=ann).returncode == 0
            pulled = modelsync("pull", "team:v1", "-o", "json", env=bob)
            assert json.loads(pulled.stdout)["bytes_received"] > 40 * MIB
            assert differences(made, tmp_path / "bob" / "models" / "team" / "v1") == []
            changed = (made / "w.bin").read_bytes()
            other = {"w.bin": changed[: 20 * MIB] + os.urandom(1000) + changed[20 * MIB :], "a.txt": b"a"}
            made = make_model(tmp_path / "ann", "team:v2", other)
            planned = modelsync("push", "team:v2", "--dry-run", "-o", "json", env=ann)
            second = json.loads(modelsync("push", "team:v2", "-o", "json", env=ann).stdout)
            assert second["bytes_sent"] < 6 * MIB
            assert json.loads(planned.stdout)["forecast"]["bytes_moved"] == second["bytes_sent"]
            pulled = modelsync("pull", "team:v2", "-o", "json", env=bob)
            assert json.loads(pulled.stdout)["bytes_received"] == second["bytes_sent"]
            assert differences(made, tmp_path / "bob" / "models" / "team" / "v2") == []
            client = Client(url, servers[0].token)
            stock = pushing.push(client, "stock", "v1", model_tar("stock", "v1", os.urandom(3_000_000)))
            assert requests.get(pushing.download_url(client, "stock", "v1"), timeout=30).content == stock
            client.session.close()
        moved = sum(int(number) for line in log.read_text().splitlines() for number in line.split()[2:])
        assert 6_000_000 < moved < 12_000_000, "only those of the stock client went through the registry"
    finally:
        codes = [server.stop() for server in servers]
    assert codes == [0, 0]
    for server in servers:
        assert "Traceback" not in server.log, server.log
