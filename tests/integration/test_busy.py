"""A far end that takes few requests at a time is asked for few, and gets them all."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.harness.httpd import Handler
from tests.harness.models import differences, make_model
from tests.harness.yatai import Yatai

from .scene import MIB, Client

TAKES, THREADS = 2, 6


class Door:
    """Lets so many requests into an object host at a time, and answers 429 to others; counts all that are under way.

    The first ones wait inside until another was refused, and all later ones for a moment: whether a client sends too
    many does not depend on the speed of this machine.

    Args:
        yatai: Whose object host.
        takes: How many.
        alone: How many requests come before those that come together.
    """

    def __init__(self, yatai: Yatai, takes: int, alone: int = 0) -> None:
        self._lock, self._full = threading.Condition(), threading.Event()
        self._takes, self._alone, self._answer = takes, alone, yatai.objects.handle
        self.inside = self.most = self.refused = self.taken = 0
        yatai.objects.handle = self.handle  # type: ignore[method-assign]

    def handle(self, handler: Handler) -> None:
        """Answer a request, or refuse it."""
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            refused = self.inside > self._takes
            self.refused += refused
            self.taken += not refused
            if refused:
                self._full.set()
                self._lock.notify_all()
        begin, left = handler.begin, [True]

        def leave() -> None:
            with self._lock:
                self.inside -= left.pop() if left else 0

        def begin_answer(status: int, headers: dict[str, str]) -> None:
            if handler.command == "PUT":  # the client cannot send another before this one is answered
                leave()
            begin(status, headers)

        handler.begin = begin_answer  # type: ignore[method-assign]
        try:
            if refused:
                handler.reply(429, b"Too many requests.", {"Retry-After": "0"})
            else:
                assert self.taken <= self._alone or self._full.wait(60)
                with self._lock:
                    self._lock.wait(0.05)
                self._answer(handler)
        finally:
            leave()


def test_a_push_is_whole_after_few_refusals(yatai: Yatai, tmp_path: Path) -> None:
    near, far = Client.at(tmp_path / "near", yatai.url), Client.at(tmp_path / "far", yatai.url)
    made = make_model(near.home, "m:v1", {"w.bin": 120 * MIB})
    door = Door(yatai, TAKES)
    assert near.push("m:v1", threads=THREADS).status == "pushed"
    assert TAKES < door.most <= THREADS
    assert 0 < door.refused <= door.taken // 2, door.refused
    far.pull("m:v1", threads=1)
    assert differences(made, far.folder("m:v1")) == []


def test_a_pull_is_whole_after_few_refusals(yatai: Yatai, tmp_path: Path) -> None:
    near, far = Client.at(tmp_path / "near", yatai.url), Client.at(tmp_path / "far", yatai.url)
    made = make_model(near.home, "m:v1", {"w.bin": 40 * MIB})
    near.push("m:v1")
    door = Door(yatai, TAKES, alone=1)  # for the head of the archive
    assert far.pull("m:v1", threads=THREADS).status == "pulled"
    assert 0 < door.refused <= door.taken // 2, door.refused
    assert differences(made, far.folder("m:v1")) == []
