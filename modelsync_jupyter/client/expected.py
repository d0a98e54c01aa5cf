"""How long a transfer will take, by what earlier ones of this home took with the same registry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median

from modelsync_jupyter.core.outcome import Direction
from modelsync_jupyter.core.states import SUCCEEDED
from modelsync_jupyter.jobs.records import Record
from modelsync_jupyter.transfer.forecast import Forecast

#: Bytes that tell a speed, and transfers that are asked at most, the last ones first.
_ENOUGH, _ASKED = 4_000_000, 5


def expect_seconds(
    forecast: Forecast, records: Iterable[Record], direction: Direction, endpoint: str, rate_limit: int | None
) -> float | None:
    """Return the seconds that a transfer will take, or None where no earlier transfer tells.

    Two speeds tell it: that of the line, from transfers whose bytes travelled for the most part, and that of what is
    done with bytes that are there already, from those that reused most. Each is a median of the last few.

    Args:
        forecast: What will be moved.
        records: Earlier transfers, newest first.
        direction: "push" or "pull".
        endpoint: The registry.
        rate_limit: Bytes a second that may travel at most, or None.
    """
    known = [
        each for each in records if (each.direction, each.endpoint, each.state) == (direction, endpoint, SUCCEEDED)
    ]
    line = _typical(taken / moved for moved, reused, taken in _told(known) if moved >= max(reused, _ENOUGH))
    if rate_limit:
        line = max(line or 0.0, 1 / rate_limit)
    if line is None:
        return None
    here = _typical(
        max(0.0, taken - moved * line) / reused for moved, reused, taken in _told(known) if reused > max(moved, _ENOUGH)
    )
    if here is None and forecast.reused > max(forecast.moved, _ENOUGH):
        return None
    return forecast.moved * line + forecast.reused * (here or 0.0)


def _told(records: Iterable[Record]) -> Iterator[tuple[int, int, float]]:
    """Yield of each transfer the bytes that travelled, those that were reused, and the seconds it took."""
    for record in records:
        outcome = record.outcome or {}
        size, reused, seconds = (outcome.get(key) for key in ("size", "bytes_reused", "seconds"))
        if isinstance(size, int) and isinstance(reused, int) and isinstance(seconds, (int, float)):
            yield size - reused, reused, seconds


def _typical(values: Iterable[float]) -> float | None:
    some = [value for value, _ in zip(values, range(_ASKED), strict=False)]
    return median(some) if some else None
