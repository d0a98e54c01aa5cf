"""The progress bar: what it shows, and that it never stops a transfer."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from tqdm import tqdm

from modelsync_jupyter.client.bar import Bar, _Told, shorten
from modelsync_jupyter.core.errors import Paused
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.transfer.work import Counter

MB = 1_000_000


def draw(
    *looks: Progress, title: str = "push iris:v1", error: type[BaseException] | None = None, columns: int = 80
) -> list[str]:
    """The lines that a terminal shows one after another."""
    out = io.StringIO()
    with suppress(*filter(None, [error])), Bar(title, partial(tqdm, file=out, ncols=columns), follows=True) as bar:
        for look in looks:
            bar(look)
        if error:
            raise error
    return [line for line in out.getvalue().split("\r") if line.strip()]


def test_nothing_is_drawn_before_there_is_something_to_count() -> None:
    assert draw(Progress("planning"), Progress("planning")) == []


def test_bar_shows_title_bytes_and_how_it_ended() -> None:
    first, *_, last = draw(Progress("sending", 2 * MB, 8 * MB, 2 * MB), Progress("sending", 8 * MB, 8 * MB, 2 * MB))
    assert first.startswith("push iris:v1:  25% |")
    assert first.rstrip().endswith("| 2.0/8.0 MB")  # what was reused is no speed; how much it was, the outcome says
    assert last.startswith("push iris:v1: 100% |")
    assert "| 8.0/8.0 MB, done in " in last


def test_done_may_go_down_again() -> None:
    assert "3.0/8.0 MB" in draw(Progress("sending", 6 * MB, 8 * MB), Progress("sending", 3 * MB, 8 * MB))[1]


def test_a_new_step_with_another_total_counts_anew() -> None:
    assert "1.0/4.0 MB" in draw(Progress("hashing", 8 * MB, 8 * MB), Progress("sending", 1 * MB, 4 * MB))[1]


def test_where_bytes_come_in_lumps_speed_is_that_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """As over a line of 30 kB/s: a look in between says nothing new, and no lump is a speed of its own."""
    seconds, shown = iter(range(1000)), []
    monkeypatch.setattr("modelsync_jupyter.client.bar.time", SimpleNamespace(monotonic=lambda: next(seconds) / 2))
    told = _Told(False)
    for look in range(100):  # each asks twice what time it is
        shown.append(told.tell(Progress("sending", look // 8 * 240_000, 6 * MB)))
    rates = {found[1] for line in shown[40:] if (found := re.search(r"(\d+)\.\d kB/s", line))}
    assert len(rates) > 1
    assert all(20 <= int(rate) <= 40 for rate in rates)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (LookupError, "stopped while sending"),
        (Paused, "paused"),
        (KeyboardInterrupt, "not followed any more"),  # the transfer goes on elsewhere
    ],
)
def test_a_bar_of_what_did_not_end_well_says_how_far_it_was(error: type[BaseException], word: str) -> None:
    if error is Paused:
        error = type("Now", (Paused,), {"__init__": lambda self: Paused.__init__(self, "Paused.")})
    last = draw(Progress("sending", 3 * MB, 8 * MB), error=error)[-1]
    assert f"3.0/8.0 MB, {word}" in last


def test_a_retry_shows_while_it_waits() -> None:
    counter = Counter()
    counter.begin("sending", 8 * MB)
    counter.add(2 * MB)
    with counter.retrying(), counter.retrying():
        waiting = counter.look()
    assert (waiting.step, counter.look().step) == ("retrying", "sending")
    assert "2.0/8.0 MB, retrying" in draw(waiting)[0]


@pytest.mark.parametrize("step", ["sending", "hashing", "finishing", "retrying"])
@pytest.mark.parametrize("title", ["push a:1", f"export {'n' * 63}:{'v' * 63}", f"sync local file:///{'x' * 90}"])
def test_the_widest_line_fits_80_columns(monkeypatch: pytest.MonkeyPatch, title: str, step: str) -> None:
    times = iter(range(0, 10_000_000, 100_000))
    monkeypatch.setattr("modelsync_jupyter.client.bar.time.monotonic", lambda: float(next(times)))
    size, done = 999_900_000_000_000, 99_990_000_000_000
    shown = draw(Progress(step, 0, size), Progress(step, done, size), Progress(step, done + 10**12, size), title=title)
    for text in shown:
        assert len(text.rstrip()) <= 80
        assert text.rstrip().endswith((" left", "/s", "TB", step, " min")), "nothing is cut off"
    assert len(shorten(title, 27)) <= 27


@pytest.mark.parametrize("columns", [30, 40, 60, 79])
@pytest.mark.parametrize("title", ["push a:1", f"export {'n' * 63}:{'v' * 63}"])
def test_a_narrow_line_has_whole_figures_or_none(monkeypatch: pytest.MonkeyPatch, title: str, columns: int) -> None:
    times = iter(range(10_000))
    monkeypatch.setattr("modelsync_jupyter.client.bar.time.monotonic", lambda: float(next(times)))
    first, *later = draw(*(Progress("sending", done * MB, 8 * MB) for done in range(8)), title=title, columns=columns)
    assert first.startswith(title[:5])
    for text in later:
        said = re.search(r"% \|.+\| [78]?\S+/8\.0 MB(, \S+ kB/s(, \S+ left)?|, done in .+ s)?$", text.rstrip())
        assert said, f"something is cut off: {text}"
    assert ("kB/s" in "".join(later)) == (columns > 40)


def test_a_long_title_keeps_its_version() -> None:
    assert shorten("push customer-lifetime-value:k5yxqpc4v6xkyaiq", 27) == "push cust…:k5yxqpc4v6xkyaiq"
    assert shorten("push iris:v1", 27) == "push iris:v1"
    assert shorten(f"push a:{'v' * 60}w", 20) == "push a:vvvvvv…vvvvvw"
    assert shorten("push customer-lifetime-value:k5yxqpc4v6xkyaiq", 8) == "push …:…"


@pytest.mark.parametrize("broken", ["create", "draw"])
def test_a_bar_that_cannot_be_drawn_is_dropped(broken: str) -> None:
    calls = []

    class Broken:
        total = MB

        def __init__(self, **options: Any) -> None:
            calls.append("create")
            if broken == "create":
                raise LookupError("no parent header")

        def __getattr__(self, name: str) -> Callable[..., None]:
            calls.append(name)
            raise LookupError("no parent header")

    with Bar("push", Broken) as bar:
        for done in range(3):
            bar(Progress("sending", done, MB))
    assert calls.count("create") == 1
