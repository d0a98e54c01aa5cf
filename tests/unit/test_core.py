"""Parts, progress, units, outcomes and places: plain values."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from modelsync_jupyter.archive.description import Hasher, digest_of
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import IntegrityError
from modelsync_jupyter.core.outcome import Outcome
from modelsync_jupyter.core.parts import Part, check_digest, from_sizes, gather, split
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_age, format_seconds, format_size, parse_size
from modelsync_jupyter.transfer.work import Counter

DIGEST = "blake3:" + "0f" * 32


def test_parts_lie_one_behind_another() -> None:
    assert from_sizes([3, 1, 2]) == (Part(1, 0, 3), Part(2, 3, 4), Part(3, 4, 6))
    assert [part.digest for part in from_sizes([1, 1], [DIGEST, ""])] == [DIGEST, ""]
    assert from_sizes([]) == ()


@pytest.mark.parametrize(
    ("size", "part_size", "sizes"), [(0, 4, []), (1, 4, [1]), (4, 4, [4]), (5, 4, [4, 1]), (8, 4, [4, 4])]
)
def test_split_is_even_but_for_the_last(size: int, part_size: int, sizes: list[int]) -> None:
    assert [part.size for part in split(size, part_size)] == sizes


@pytest.mark.parametrize(
    ("sizes", "how", "runs"),
    [
        ([1] * 128, (2, 4, 100), [32, 32, 16, 16, 8, 8, 4, 4, 4, 4]),  # each wave takes half of what is left
        ([1] * 64, (2, 4, 10), [10] * 4 + [6, 6, 3, 3, 3, 3]),
        ([1] * 40, (10, 4, 10), [4] * 10),  # one wave
        ([3] * 6, (2, 4, 4), [3, 6, 3, 3, 3]),  # the edge that is nearest
        ([5] * 4, (2, 1, 1), [5] * 4),
        ([1] * 10, (4, 1, 9, 5), [5, 5]),
        ([50, 1, 1], (2, 4, 100), [50, 2]),
        ([], (2, 4, 100), []),
    ],
)
def test_runs_get_shorter_so_that_threads_end_together(sizes: list[int], how: tuple[int, ...], runs: list[int]) -> None:
    assert [sum(part.size for part in run) for run in gather(from_sizes(sizes), *how)] == runs


def test_a_run_has_no_gaps() -> None:
    parts = from_sizes([1] * 9)
    assert list(gather([*parts[:3], *parts[4:6], parts[8]], 1, 50, 100)) == [parts[:3], parts[4:6], parts[8:]]


def test_only_digests_are_digests() -> None:
    assert check_digest(DIGEST) == DIGEST
    for bad in (None, 5, "", DIGEST[:-1], DIGEST + "0", DIGEST.upper(), DIGEST.replace("blake3", "md5"), DIGEST + "\n"):
        with pytest.raises(IntegrityError):
            check_digest(bad)


def test_digests_are_blake3() -> None:
    hasher = Hasher()
    assert hasher.digest() == "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    hasher.update(memoryview(b"ab"))
    hasher.update(memoryview(b"c"))
    assert hasher.digest() == "blake3:6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"


def test_the_archives_digest_depends_on_every_part() -> None:
    parts = from_sizes([1, 2], [DIGEST, DIGEST])
    others = [from_sizes([2, 1], [DIGEST, DIGEST]), parts[:1], from_sizes([1, 2], [DIGEST, "blake3:" + "00" * 32])]
    assert digest_of(parts) == digest_of(list(parts))
    assert digest_of(parts) not in [digest_of(other) for other in others]


def test_progress_counts_from_zero_in_each_step_with_a_total() -> None:
    counter = Counter()
    assert counter.look() == Progress("planning", 0, 0, 0)
    counter.begin("sending", 100)
    counter.add(30)
    counter.add(20, reused=True)
    counter.begin("finishing")
    assert counter.look() == Progress("finishing", 50, 100, 20)
    counter.begin("receiving", 70)
    assert counter.look() == Progress("receiving", 0, 70, 0)


def test_progress_is_a_signed_sum_that_stays_between_zero_and_the_total() -> None:
    counter = Counter()
    counter.begin("sending", 100)
    for size, shown in ((80, 80), (40, 100), (-40, 80), (-90, 0), (20, 10)):
        counter.add(size)
        assert counter.look().done == shown


def test_progress_without_a_total_is_not_bounded_above() -> None:
    counter = Counter()
    counter.add(-5)
    assert counter.look().done == 0
    counter.add(12)
    assert counter.look() == Progress("planning", 7, 0, 0)


def test_threads_lose_no_bytes() -> None:
    counter = Counter()
    counter.begin("sending", 4000)
    threads = [threading.Thread(target=lambda: [counter.add(1) for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counter.look().done == 4000


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_234_567, "1.2 MB"), (5e9, "5.0 GB"), (7.25e12, "7.2 TB")],
)
def test_sizes(size: float, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (200, "3 min 20 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (7300, "2 h ago"),
        (86400, "1 day ago"),
        (2e5, "2 days ago"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    now = datetime(2024, 1, 1, tzinfo=timezone.utc)
    assert format_age(now - timedelta(seconds=seconds), now) == text


def test_outcomes_name_their_bytes_by_direction() -> None:
    sent = Outcome("push", Tag("m", "v1"), "pushed", "Because.", 10, 7, 3, 0.12345).to_dict()
    assert sent == {
        **{"tag": "m:v1", "status": "pushed", "reason": "Because.", "bytes_sent": 7, "bytes_reused": 3},
        **{"size": 10, "seconds": 0.123, "digest": "", "state": "unknown", "different": False},
    }
    assert Outcome.from_dict("push", sent).to_dict() == sent
    assert Outcome("push", Tag("m", "v1"), "pushed", "Because.", page="http://r/models/m/v1").to_dict()["page"]
    assert "bytes_received" in Outcome("pull", Tag("m", "v1"), "skipped", "There.").to_dict()


def test_home_is_what_was_named_else_the_environments_else_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Home.find().path == Path.home() / "bentoml"
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    assert Home.find().path == tmp_path
    assert Home.find("~/other").path == Path.home() / "other"
    monkeypatch.chdir(tmp_path)
    assert Home.find("here").models == tmp_path / "here" / "models"


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500", 500), ("500kB", 500_000), ("20 MB", 20_000_000), ("1.5G", 1_500_000_000), ("64MiB", 64 << 20)],
)
def test_sizes_are_read_as_they_are_written(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "MB", "-1", "1.2.3", "5 apples", "1e9", "3iB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_a_transfer_that_is_stopped_counts_what_is_kept_and_not_what_is_on_its_way() -> None:
    counter = Counter()
    counter.begin("sending", 100, lambda: 40)
    counter.add(90)
    counter.settle()
    counter.add(-50)  # a request that broke when nobody waited for it any more
    assert counter.look().done == 40
