"""How long the way of a push is: it is easily lengthened, and hardly ever shortened.

In files and functions of ours where it sends something, and in what it loads where there is nothing to do.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.models import make_model
from tests.harness.processes import RegistryProcess, environment, modelsync
from tests.harness.yatai import Yatai

FILES, FUNCTIONS = 34, 158
#: What takes a tenth of the time of a command that has nothing to do, and is of no use to it.
USELESS = {"dataclasses", "inspect", "yaml", "tqdm", "concurrent.futures"}


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


@pytest.mark.processes
def test_a_push_with_nothing_to_do_loads_only_what_it_needs(
    server: RegistryProcess | Yatai, tmp_path: Path, tag: str
) -> None:
    env = environment(tmp_path / "home", server.url)
    make_model(tmp_path / "home", tag, {"weights.bin": 10_000})
    assert modelsync("push", tag, env=env).stdout.startswith("Pushed")
    code = "import json, sys, requests\nneeded = {*sys.modules}\nfrom modelsync_jupyter.cli.main import main\n"
    code += f"assert main(['push', {tag!r}]) == 0\nprint(json.dumps([*{{*sys.modules}} - needed]))"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=100)
    assert done.stdout.startswith("Skipped"), done.stderr
    assert USELESS & set(json.loads(done.stdout.splitlines()[-1])) == set()
