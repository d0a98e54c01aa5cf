"""The demonstration runs for real, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
import yaml

from tests.harness import zygote
from tests.harness.clock import LONG, within
from tests.harness.processes import environment

from .conftest import Shell, command


@pytest.mark.timeout(300)  # it trains a model, on a machine that may be busy
def test_demo_tells_the_whole_story(modelsync: Shell, home: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = modelsync("demo", "--keep", kept, timeout=180)
    assert done.returncode == 0, done.stderr
    for said in ("% right", "Pushed `sentiment:", "Skipped `sentiment:", "Pulled `sentiment:", "all the same", "STEP"):
        assert said in done.stdout
    assert "positive (" in done.stdout
    (saved,) = kept.glob("maker/models/sentiment/*/saved_model.pkl")
    (pulled,) = kept.glob("user/models/sentiment/*/saved_model.pkl")
    assert saved.stat().st_size > 50_000_000
    assert saved.read_bytes() == pulled.read_bytes()
    assert not home.exists()
    assert yaml.safe_load(pulled.with_name("model.yaml").read_text())["metadata"]["accuracy"] > 0.85
    assert loaded_by_bentoml(kept / "user") == "['positive' 'negative']"
    assert modelsync("demo", "--keep", kept).returncode == 2


def loaded_by_bentoml(home: Path) -> str:
    """What BentoML's own loader makes of the pulled model."""
    code = "import bentoml; print(bentoml.sklearn.load_model('sentiment:latest').predict(['great stuff', 'awful']))"
    return zygote.run("bentoml", ["-c", code], environment(home)).stdout.strip()


@pytest.mark.timeout(300)
def test_interrupted_demo_removes_its_folder_and_its_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    process = subprocess.Popen(command("demo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Train"):
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.splitlines()[-1].startswith("modelsync: ")
    assert not list(tmp_path.glob("modelsync-demo-*"))
    assert psutil.wait_procs(children, timeout=LONG)[1] == []


def test_missing_packages_are_named_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['vaderSentiment'] = None\n")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with within(10):
        done = subprocess.run(command("demo"), env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "`vaderSentiment`" in done.stderr
    assert "pip install 'modelsync_jupyter[demo]'" in done.stderr
