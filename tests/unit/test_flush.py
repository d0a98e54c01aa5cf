"""Large files go to disk while more of them arrives."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from modelsync_jupyter.archive.layout import Entry
from modelsync_jupyter.archive.stage import Stage
from modelsync_jupyter.archive.writer import Flusher
from modelsync_jupyter.core.parts import MIB

LARGE = Entry("weights.bin", "file", 0, 512, 100 * MIB)
SMALL = Entry("config.json", "file", 0, 512, MIB)


def test_a_large_file_is_flushed_once_enough_was_written() -> None:
    flushed, done = [], threading.Event()

    def sync(entry: Entry) -> None:
        flushed.append(entry)
        done.set()

    flusher = Flusher(sync)
    for _ in range(31):
        flusher.wrote(LARGE, MIB)
        flusher.wrote(SMALL, MIB)
    assert flushed == []
    flusher.wrote(LARGE, MIB)
    assert done.wait(60)
    assert flushed == [LARGE]


def test_one_thread_flushes_what_came_meanwhile() -> None:
    flushed, go_on, done = [], threading.Event(), threading.Event()

    def sync(entry: Entry) -> None:
        flushed.append(threading.current_thread())
        go_on.wait(60)
        if len(flushed) == 2:
            done.set()

    flusher = Flusher(sync)
    flusher.wrote(LARGE, 40 * MIB)
    flusher.wrote(LARGE, 40 * MIB)
    go_on.set()
    assert done.wait(60)
    assert len(set(flushed)) == 1


def test_a_lost_write_fails_the_stage(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage")
    stage.add(LARGE)
    failed = threading.Event()

    def sync(entry: Entry) -> None:
        failed.set()
        raise OSError(5, "Input/output error")

    stage._flusher = Flusher(sync)
    stage.write(LARGE.offset, memoryview(bytes(40 * MIB)))
    assert failed.wait(60)
    with pytest.raises(OSError, match="Input/output"):
        stage.seal()
