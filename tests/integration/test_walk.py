"""How long the way of a push is, in files and functions of ours: it is easily lengthened, and hardly ever shortened."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

FILES, FUNCTIONS = 33, 174


@pytest.mark.processes
def test_a_push_enters_few_files_and_functions_before_the_first_bytes() -> None:
    words = [sys.executable, "-m", "tests.benchmarks.walk", "--list"]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = re.search(r"to first bytes of the model: (\d+) files, (\d+) functions called", done.stdout)
    assert found, done.stdout
    assert int(found[1]) <= FILES, done.stdout
    assert int(found[2]) <= FUNCTIONS, done.stdout
