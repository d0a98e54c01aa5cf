"""What the benchmark says of what it measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.benchmarks.compare import save
from tests.benchmarks.limits import Results, is_small, verdicts
from tests.benchmarks.measure import Usage
from tests.benchmarks.report import main, times


def usage(wall: float) -> Usage:
    return Usage(wall=wall, cpu=wall / 2, rss=50_000_000, anon=30_000_000, written=0, wire=1_000_000)


RESULTS = {
    ("one big file", "push", "modelsync"): [usage(1.0), usage(4.0), usage(2.0)],
    ("one big file", "push", "<other>"): [usage(3.0), usage(8.0), usage(6.0)],
    ("wide area", "pull", "alone"): [usage(5.0)],
}


def test_ratios_are_taken_within_each_round() -> None:
    assert times(RESULTS) == {
        ("one big file", "push", "modelsync"): 1.0,
        ("one big file", "push", "<other>"): 3.0,
    }


def test_table_and_plot_say_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured, drawn = tmp_path / "bench.json", tmp_path / "bench.svg"
    save(RESULTS, measured, size=2 * 10**9, files=100)
    assert [row["rounds"] for row in json.loads(measured.read_text())["rows"]] == [3, 3, 1]
    monkeypatch.setattr(sys, "argv", ["report", str(measured), "--svg", str(drawn)])
    main()
    printed = capsys.readouterr().out
    assert "| one big file, push | modelsync | 2.00 | 1.00 | 0.50 | 30 | 0 | 1 |" in printed
    assert "| <other> | 6.00 | 3.00 | 1.50 |" in printed
    text = drawn.read_text()
    assert text.count("<rect") == 3
    assert "&lt;other&gt;" in text
    assert "<other>" not in text


def test_a_target_that_even_its_floor_misses_says_so() -> None:
    rows: Results = {
        ("push", "and digests"): [usage(1.6), usage(1.6)],
        ("push", "curl -T"): [usage(2.0), usage(2.0)],
        ("push", "modelsync"): [usage(2.2), usage(2.4)],
    }
    lines = list(verdicts(rows, 10**9))
    assert lines[0].split(maxsplit=7)[-1] == "1.15, reached; `and digests` takes 0.80"
    assert lines[1].endswith(" 1.15, not reached; `and digests` takes 0.80, which is too much as well")
    assert lines[2].split()[-2:] == ["50,", "reached"]
    assert len(lines) == 3  # nothing of what was not measured
    assert is_small(rows)
    rows["push", "modelsync"].append(Usage(1.0, 1.0, 151_000_000, 1, 0))
    assert not is_small(rows)
