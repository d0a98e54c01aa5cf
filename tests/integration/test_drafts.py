"""A large model travels to a foreign registry while it is hashed: all digests arrive with it, and nothing is lost."""

from __future__ import annotations

import json
import random
import struct
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import ModelChanged, Unavailable
from modelsync_jupyter.remotes.bentocloud.uploading import MultipartUpload
from modelsync_jupyter.remotes.http import Session
from modelsync_jupyter.store.index import Index
from modelsync_jupyter.transfer import draft
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.httpd import Handler
from tests.harness.models import differences, make_model
from tests.harness.yatai import Yatai

from .scene import MIB, Client

TAG = "large:v1"
TENSORS, TENSOR = 12, 2 * MIB


def tensors() -> bytes:
    """A safetensors file."""
    spans = {
        f"t{i}": {"dtype": "U8", "shape": [TENSOR], "data_offsets": [i * TENSOR, (i + 1) * TENSOR]}
        for i in range(TENSORS)
    }
    head = json.dumps(spans).encode()
    return struct.pack("<Q", len(head)) + head + random.Random(3).randbytes(TENSORS * TENSOR)


@pytest.fixture(autouse=True)
def soon_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft, "LARGE_MODEL", MIB)


@pytest.fixture
def proxy(yatai: Yatai) -> Any:
    with FaultyProxy(yatai.url) as proxy:
        yield proxy


@pytest.fixture
def made(near: Client) -> Path:
    """A model of 24 MiB, in five units, and small files."""
    return make_model(near.home, TAG, {"w.safetensors": tensors(), "config.json": b"{}", "vocab/words.txt": 9_000})


@pytest.fixture
def hash_late(yatai: Yatai, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Lets hashing begin when the registry has a unit, and after what the test does then."""
    arrived, describe, answer = threading.Event(), Index.describe, yatai.objects.handle

    def handle(handler: Handler) -> None:
        answer(handler)
        if handler.command == "PUT":
            arrived.set()

    def delay(then: Callable[[], None]) -> None:
        def late(index: Index, *args: Any, **keywords: Any) -> Any:
            assert arrived.wait(60), "no unit travelled before its digests were known"
            then()
            return describe(index, *args, **keywords)

        monkeypatch.setattr(Index, "describe", late)

    yatai.objects.handle = handle  # type: ignore[method-assign]
    return delay


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_units_travel_before_their_digests_are_known(
    yatai: Yatai,
    near: Client,
    tmp_path: Path,
    made: Path,
    threads: int,
    hash_late: Callable[[Callable[[], None]], None],
) -> None:
    hash_late(lambda: None)
    pushed = near.push(TAG, threads=threads)
    assert (pushed.status, pushed.state.value) == ("pushed", "in sync")
    far = Client.at(tmp_path / "other", yatai.url)
    pulled = far.pull(TAG)
    assert (pulled.digest, pulled.state) == (pushed.digest, pushed.state)
    assert differences(made, far.folder(TAG)) == []
    assert near.push(TAG).status == "skipped"


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("known", [True, False], ids=["hashed", "not-hashed"])
def test_what_has_arrived_is_not_sent_again(
    proxy: FaultyProxy, yatai: Yatai, near: Client, tmp_path: Path, made: Path, known: bool
) -> None:
    """Whether the digests were known when the first attempt ended, or not."""
    proxy.script(Fault.reset(method="PUT", path="^/objects/", skip=3, times=None))
    with pytest.raises(Unavailable):
        near.push(TAG, threads=1)
    if not known:
        for path in (near.home / ".modelsync").glob(f"**/{TAG.replace(':', '@')}.json"):
            path.unlink()
    proxy.heal()
    again = near.push(TAG, threads=4)
    assert again.reused >= 2 * 5 * MIB
    far = Client.at(tmp_path / "other", yatai.url)
    assert far.pull(TAG).digest == again.digest
    assert differences(made, far.folder(TAG)) == []


def test_a_file_that_changes_while_it_is_hashed_fails_the_push(
    yatai: Yatai, near: Client, made: Path, hash_late: Callable[[Callable[[], None]], None]
) -> None:
    def change() -> None:
        (made / "config.json").write_text('{"changed": true}')

    hash_late(change)
    with pytest.raises(ModelChanged):
        near.push(TAG, threads=2)
    assert "success" not in [each.upload_status for each in api.list_remote(name="large", home=near.home)]


def test_what_is_cut_in_another_way_than_foreseen_is_sent_anew(
    yatai: Yatai, near: Client, tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft, "cut_soon", lambda file, most: [file.size // 2, file.size - file.size // 2])
    pushed = near.push(TAG)
    assert pushed.status == "pushed"
    far = Client.at(tmp_path / "other", yatai.url)
    assert far.pull(TAG).digest == pushed.digest
    assert differences(made, far.folder(TAG)) == []


def test_urls_are_asked_for_ahead_and_no_host_has_more_requests_than_there_are_threads(
    near: Client, yatai: Yatai, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of each thread is asked for by itself, the others while it sends, where that is another host."""
    send, lock, now, most = Session.send, threading.Lock(), Counter[str](), Counter[str]()
    askers = list[str]()

    def count(session: Session, request: Any, **keywords: Any) -> Any:
        host = urlsplit(request.url).netloc
        with lock:
            now[host] += 1
            most[host] = max(most[host], now[host])
            if request.url.endswith("/presign_multipart_upload_url"):
                askers.append(threading.current_thread().name)
        try:
            return send(session, request, **keywords)
        finally:
            with lock:
                now[host] -= 1

    monkeypatch.setattr(Session, "send", count)
    assert near.push(TAG, threads=2).status == "pushed"
    assert len(most) == 1  # the proxy stands for both
    assert max(most.values()) <= 2
    assert set(askers) == {"modelsync"}
    direct = Client.at(near.home, yatai.url)
    for threads in (2, 1):
        most.clear()
        askers.clear()
        assert direct.push(TAG, threads=threads, force=True).status == "pushed"
        assert len(most) == 2
        assert max(most.values()) <= threads
    assert len(askers) > 2
    assert askers == ["modelsync"] + ["modelsync-ask"] * (len(askers) - 1)


class FoundAtOnce(dict[int, threading.Thread]):
    """Threads that ask for URLs, each waited for as soon as others can see it, which may send its unit next."""

    count = 0

    def __setitem__(self, number: int, asking: threading.Thread) -> None:
        asking.join()
        self.count += 1
        super().__setitem__(number, asking)


def test_a_unit_whose_url_has_just_been_asked_for_can_be_sent_at_once(
    near: Client, yatai: Yatai, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, seen = MultipartUpload.begin, FoundAtOnce()

    def begun(upload: MultipartUpload) -> None:
        begin(upload)
        upload._asking = seen

    monkeypatch.setattr(MultipartUpload, "begin", begun)
    assert Client.at(near.home, yatai.url).push(TAG, threads=2).status == "pushed"
    assert seen.count


def test_what_has_to_be_read_to_be_cut_is_hashed_first(near: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft.Draft, "hash", lambda *args: pytest.fail("it was sent before it was hashed"))
    make_model(near.home, TAG, {"weights.bin": 11 * MIB, "more.npy": b"\x93NUMPY" + bytes(MIB)})
    assert near.push(TAG).status == "pushed"
