"""A pull through a bad network: the model arrives whole, only what was lost is fetched again, and nobody sees half."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.core.errors import Conflict, IntegrityError, Unavailable
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry
from tests.harness.clock import within
from tests.harness.faults import Fault, FaultyProxy
from tests.harness.models import differences, make_model
from tests.harness.processes import TOKEN, RegistryProcess
from tests.harness.yatai import Yatai

from .scene import FILES, HEAD, LARGEST, MIB, Client, in_turn, struck

GET: dict[str, Any] = {"method": "GET", "path": "^/objects/"}
#: What may happen to a request for a range; at most `LARGEST` bytes are fetched again for each.
RANGE_FAULTS = {
    "reset-before": [Fault.reset(**GET, skip=1, times=3)],
    "reset-inside": [Fault.reset_response(after=MIB, **GET, times=9)],
    "truncated": [Fault.truncate(after=MIB, **GET, times=9)],
    "500": [Fault.unavailable(500, **GET, times=2)],
    "503": [Fault.unavailable(503, **GET, skip=2, times=2)],
    "408": [Fault.unavailable(408, **GET, skip=1, times=2)],
    "expired": [Fault.expired(**GET, times=3)],
    "stalled-before": [Fault.stall(**GET, skip=2)],
    "stalled-inside": [Fault.stall(after=MIB, **GET, times=2)],
    "flipped": [Fault.flip_response(MIB, **GET, skip=1, times=3)],
    "flipped-head": [Fault.flip_response(600, **GET, skip=1)],
}
#: Those after which the two kinds of server have to be asked for different things, or have told different digests.
BOTH = ("reset-inside", "expired", "flipped", "flipped-head")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("faults", "server"), in_turn(RANGE_FAULTS, BOTH), indirect=["server"])
def test_a_range_is_fetched_again(
    proxy: FaultyProxy, near: Client, to_pull: Path, tag: str, faults: list[Fault], far: Client
) -> None:
    proxy.script(*faults)
    pulled = near.pull(tag)
    assert (pulled.status, pulled.size) == ("pulled", far.size(tag))
    assert struck(proxy) >= 1
    assert proxy.log.received("^/objects/") <= pulled.size + HEAD + struck(proxy) * (LARGEST + HEAD)
    assert differences(to_pull, near.folder(tag)) == []


def test_a_broken_range_goes_on_from_its_offset(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    proxy.script(Fault.reset_response(after=4 * MIB, **GET, times=None))
    assert near.pull(tag).status == "pulled"
    assert struck(proxy) == 4
    # a block of 1 MiB that was cut is fetched again, not the part
    assert proxy.log.received("^/objects/") <= near.size(tag) + HEAD + 4 * MIB
    assert differences(to_pull, near.folder(tag)) == []


@pytest.mark.parametrize(
    ("status", "path", "server"),
    [(503, "^/objects/", "yatai"), (429, "/presign_", "registry")],
    indirect=["server"],
)
def test_the_wait_a_server_asks_for_is_kept(
    proxy: FaultyProxy, near: Client, to_pull: Path, tag: str, status: int, path: str
) -> None:
    proxy.script(Fault.unavailable(status, retry_after=1, path=path))
    began = time.monotonic()
    with within(6):
        assert near.pull(tag).status == "pulled"
    assert time.monotonic() - began >= 1
    assert struck(proxy) == 1


def test_a_server_that_ignores_ranges(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    proxy.script(Fault.ignore_range(**GET, times=None))
    assert near.pull(tag).status == "pulled"
    assert differences(to_pull, near.folder(tag)) == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    "fault",
    [
        Fault.reset_response(after=12 * MIB),
        Fault.truncate(after=12 * MIB),
        Fault.stall(after=12 * MIB),
        Fault.flip_response(12 * MIB),
    ],
    ids=lambda fault: fault.kind,
)
@pytest.mark.parametrize("strategy", ["proxy", None])
def test_one_stream_starts_again(tmp_path: Path, strategy: str | None, fault: Fault) -> None:
    """No ranges: through the API in chunks without a length, or from an object host that ignores them."""
    with Yatai(tmp_path / "yatai", strategy) as yatai, FaultyProxy(yatai.url) as proxy:
        yatai.objects.ignore_range = True
        near, far = Client.at(tmp_path / "near", proxy.url), Client.at(tmp_path / "far", yatai.url)
        made = make_model(far.home, "m:v1", FILES)
        far.push("m:v1")
        proxy.script(Fault(**{**vars(fault), "path": "/objects/|/download$", "skip": 1}))
        assert near.pull("m:v1").status == "pulled"
        assert struck(proxy) == 1
        assert differences(made, near.folder("m:v1")) == []
    assert (yatai.errors, yatai.objects.violations) == ([], [])


@pytest.mark.usefixtures("brisk")
@pytest.mark.parametrize("server", ["yatai"], indirect=True)
def test_ranges_that_come_and_go(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    """What an attempt with ranges left is of no use to one without, and the other way round."""
    ranged = [Fault.reset(**GET, skip=3, times=None)]
    whole = [Fault.ignore_range(**GET), Fault.reset_response(after=12 * MIB, **GET), Fault.reset(**GET, times=None)]
    for faults in (ranged, whole, ranged):
        proxy.script(*faults)
        with pytest.raises(Unavailable):
            near.pull(tag)
        assert proxy.log.received("^/objects/") > HEAD
        assert near.visible() == []
        proxy.heal()
        proxy.log.clear()
    near.pull(tag)
    assert differences(to_pull, near.folder(tag)) == []


def test_over_a_slow_line_bytes_come_in_small_pieces(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    """So that progress shows, and a stop is noticed: at 30 kB/s a full buffer would be half a minute."""
    proxy.script(Fault.throttle(MIB, **GET))
    with closing(Http(Context("", proxy.url, TOKEN), Retry())) as http:
        remote = Remote(http)
        record = remote.model(Tag.parse(tag))
        assert record
        sizes = [len(view) for view in RemoteArchive(remote, record).views(0, MIB, bytearray(4 * MIB))]
    assert sum(sizes) == MIB
    assert max(sizes) <= MIB // 2


def test_bits_that_stay_flipped_are_never_installed(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    proxy.script(Fault.flip_response(MIB // 2, **GET, times=None))  # in the first part of every request
    with pytest.raises(IntegrityError):
        near.pull(tag)
    assert near.visible() == []
    assert not any((near.home / "tmp").iterdir())
    proxy.heal()
    near.pull(tag)
    assert differences(to_pull, near.folder(tag)) == []


@pytest.mark.parametrize(("etag", "times"), [('"other"', 1), (None, None)])
def test_an_etag_that_is_lost_or_wrong(
    proxy: FaultyProxy, near: Client, to_pull: Path, tag: str, etag: str | None, times: int | None
) -> None:
    proxy.script(Fault.wrong_etag(etag, **GET, times=times))
    assert near.pull(tag).status == "pulled"
    assert differences(to_pull, near.folder(tag)) == []


@pytest.mark.parametrize("server", ["yatai"], indirect=True)  # a URL of ours is that of one archive
def test_an_etag_that_is_never_right_is_a_conflict(proxy: FaultyProxy, near: Client, to_pull: Path, tag: str) -> None:
    proxy.script(Fault.wrong_etag('"other"', **GET, times=None))
    with pytest.raises(Conflict):
        near.pull(tag)
    assert near.visible() == []


@pytest.mark.usefixtures("brisk")
def test_a_network_that_stays_away_is_given_up_and_the_pull_goes_on_later(
    proxy: FaultyProxy, server: RegistryProcess | Yatai, near: Client, to_pull: Path, tag: str
) -> None:
    proxy.script(Fault.reset(**GET, skip=1 + isinstance(server, Yatai), times=None))  # the beginning of a foreign one
    with pytest.raises(Unavailable):
        near.pull(tag, threads=1)
    assert near.visible() == []
    proxy.heal()
    again = near.pull(tag)
    assert again.reused > 0
    assert proxy.log.received("^/objects/") <= again.size + 2 * HEAD + LARGEST
    assert differences(to_pull, near.folder(tag)) == []


def test_urls_that_expire_while_a_model_is_pulled(tmp_path: Path) -> None:
    """Each URL lives a second, the pull takes three."""
    made = make_model(tmp_path / "far", "m:v1", FILES)
    registry = RegistryProcess(tmp_path / "data", env={"MODELSYNC_URL_TTL": "1"})
    with registry, FaultyProxy(registry.url) as proxy:
        Client.at(tmp_path / "far", registry.url).push("m:v1")
        near = Client.at(tmp_path / "near", proxy.url)
        proxy.script(Fault.throttle(7 * MIB, **GET))
        assert near.pull("m:v1", threads=1).status == "pulled"
        assert proxy.log.count("PATCH", "/presign_download_url$") >= 2
        assert proxy.log.received("^/objects/") <= near.size("m:v1") + 2 * HEAD
    assert differences(made, near.folder("m:v1")) == []


def test_an_archive_replaced_under_a_pull_is_never_mixed(registry: RegistryProcess, tmp_path: Path, tag: str) -> None:
    far = Client.at(tmp_path / "far", registry.url)
    make_model(far.home, tag, FILES)
    far.push(tag)
    other = Client.at(tmp_path / "other", registry.url)
    new = make_model(other.home, tag, {**FILES, "layer-0.bin": b"new"}, metadata={"new": True})
    with FaultyProxy(registry.url) as proxy:
        near = Client.at(tmp_path / "near", proxy.url)
        proxy.script(Fault.call(lambda: other.push(tag, force=True), "response", MIB, **GET, skip=1))
        near.pull(tag, threads=1)
        assert struck(proxy) == 1
    assert any(differences(folder, near.folder(tag)) == [] for folder in (new, far.folder(tag)))
