"""How an archive is cut into the units that a foreign registry takes: an interruption loses little."""

from __future__ import annotations

import heapq

import pytest

from modelsync_jupyter.archive.cut import target_size
from modelsync_jupyter.core.parts import MIB, MIN_UPLOAD, Part, split
from modelsync_jupyter.remotes.bentocloud.units import cut_units, later_size

THREADS = [1, 4, 10, 16]


def cut(megabytes: int, threads: int) -> tuple[list[tuple[Part, ...]], int]:
    """The units of an archive of one large file, and how many threads `copy` sends them with."""
    size = megabytes * MIB
    units = cut_units(split(size, target_size(size)), threads)
    return units, max(1, min(threads, round(size / (4 * later_size(units)))))


@pytest.mark.parametrize("megabytes", [33, 64, 160, 500, 1024, 3000, 4096, 20_000])
@pytest.mark.parametrize("threads", THREADS)
def test_who_stops_at_three_quarters_keeps_two_thirds(megabytes: int, threads: int) -> None:
    """With connections of equal speed; a byte takes one second."""
    units, running = cut(megabytes, threads)
    now, total = megabytes * MIB * 3 / 4 / running, 0.0
    free = [0.0] * running
    for unit in units:
        begin = heapq.heappop(free)
        end = begin + unit[-1].stop - unit[0].start
        total += end - begin if end <= now else 0
        heapq.heappush(free, end)
    assert total >= megabytes * MIB * 3 / 4 * 0.66


@pytest.mark.parametrize("megabytes", [320, 1024, 2048, 3000, 4096, 20_000])
def test_a_large_archive_is_sent_by_nearly_all_threads(megabytes: int) -> None:
    for threads in THREADS:
        units, running = cut(megabytes, threads)
        assert running >= threads * 0.8
        assert len(units) >= 3 * running


@pytest.mark.parametrize("megabytes", [1, 33, 1024, 1_500_000])
def test_s3_takes_every_unit(megabytes: int) -> None:
    units, _ = cut(megabytes, 10)
    sizes = [unit[-1].stop - unit[0].start for unit in units]
    assert len(units) <= 10_000
    assert min(sizes[:-1], default=MIN_UPLOAD) >= MIN_UPLOAD
    assert max(sizes) <= 5 << 30
