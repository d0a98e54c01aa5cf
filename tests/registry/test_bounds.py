"""Large requests of many at once do not add up."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.registry import body, presence
from modelsync_jupyter.wire import PRESENT

from .people import ADMIN, House


def test_few_large_bodies_are_held_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parsed, a list of 30 MB takes 150: all threads with one each would take all memory."""
    house = House(tmp_path / "data", monkeypatch)
    parts = [{"size": 1, "digest": f"blake3:{number:064x}"} for number in range(12_000)]
    lock, more, held, most = threading.Lock(), threading.Event(), 0, 0
    find = presence.find_present

    def count(*args: Any) -> list[int]:
        nonlocal held, most
        with lock:
            held += 1
            most = max(most, held)
            if held > body._AT_ONCE:
                more.set()
        more.wait(0.2)  # for one more than there may be
        found = find(*args)
        with lock:
            held -= 1
        return found

    monkeypatch.setattr(presence, "find_present", count)

    def ask(number: int) -> int:
        headers = {"X-YATAI-API-TOKEN": ADMIN if number % 3 else "refused"}
        client = house.app.test_client()
        return client.post(PRESENT, json={"modelsync": {"parts": parts}}, headers=headers, buffered=True).status_code

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [401, 200, 200, 401, 200, 200]
    assert 0 < most <= body._AT_ONCE
    house.registry.database.close()
