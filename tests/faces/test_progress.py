"""The progress bar: what it shows, and that it never stops a transfer."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from tqdm import tqdm

from modelsync_jupyter.client.bar import Bar
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.transfer.work import Counter

MB = 1_000_000


def draw(*looks: Progress) -> str:
    out = io.StringIO()
    with Bar("push iris:v1", partial(tqdm, file=out, ncols=100)) as bar:
        for look in looks:
            bar(look)
    return out.getvalue()


def test_nothing_is_drawn_before_there_is_something_to_count() -> None:
    assert draw(Progress("planning"), Progress("planning")) == ""


def test_bar_shows_title_bytes_step_and_what_was_reused() -> None:
    shown = draw(Progress("sending", 2 * MB, 8 * MB, 2 * MB), Progress("sending", 8 * MB, 8 * MB, 2 * MB))
    last = shown.rstrip().split("\r")[-1]
    assert last.startswith("push iris:v1: 100%")
    assert "8.00M/8.00M" in last
    assert "done, 2.0 MB reused" in last
    assert "sending, 2.0 MB reused" in shown


def test_done_may_go_down_again() -> None:
    assert "3.00M/8.00M" in draw(Progress("sending", 6 * MB, 8 * MB), Progress("sending", 3 * MB, 8 * MB))


def test_a_new_step_with_another_total_counts_anew() -> None:
    shown = draw(Progress("hashing", 8 * MB, 8 * MB), Progress("sending", 1 * MB, 4 * MB))
    assert "1.00M/4.00M" in shown


def test_a_bar_of_what_failed_keeps_the_step_it_failed_in() -> None:
    out = io.StringIO()

    def fail() -> None:
        with Bar("push iris:v1", partial(tqdm, file=out, ncols=100)) as bar:
            bar(Progress("sending", 3 * MB, 8 * MB))
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert "done" not in out.getvalue()
    assert "3.00M/8.00M" in out.getvalue()


def test_a_retry_shows_while_it_waits() -> None:
    counter = Counter()
    counter.begin("sending", 8 * MB)
    counter.add(2 * MB)
    with counter.retrying(), counter.retrying():
        waiting = counter.look()
    assert (waiting.step, counter.look().step) == ("retrying", "sending")
    assert "2.00M/8.00M" in draw(waiting)
    assert "retrying" in draw(waiting)


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
