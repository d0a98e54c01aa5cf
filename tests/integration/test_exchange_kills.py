"""`kill -9` of exports and imports: no half file under the final name, no half model, and a rerun goes on."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from modelsync_jupyter.client import Client
from tests.harness.models import MIB, differences, make_model
from tests.harness.processes import environment, start_modelsync

from .scene import wait_for

pytestmark = pytest.mark.processes
FILES = {"a.json": b"{}", "w.bin": 10 * MIB, "sub/v.bin": 6 * MIB}
RATE = "12MB"


def started(home: Path, *words: str) -> subprocess.Popen[str]:
    return start_modelsync(*words, "--rate-limit", RATE, "-t", "2", env=environment(home))


def kill_at(child: subprocess.Popen[str], home: Path, key: str, parts: int) -> None:
    """Kill it as soon as its journal has so many notes of parts."""

    def noted() -> int:
        files = list((home / ".modelsync" / "journals").glob(f"{key}-*.jsonl"))
        return sum(path.read_text().count('"part"') for path in files)

    wait_for(lambda: noted() >= parts, f"{parts} parts", child=child)
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


@pytest.mark.parametrize(("name", "parts"), [("m.tar", 8), ("m.zst", 2), ("folder", 8)])
def test_a_killed_export_goes_on(tmp_path: Path, name: str, parts: int) -> None:
    home, path = tmp_path / "near", tmp_path / "out" / name
    made = make_model(home, "m:v1", FILES)
    near, format = Client(home), "folder" if name == "folder" else None
    for more in (0, 3) if name == "m.tar" else (0,):
        with started(home, "export", "m:v1", str(path), *(("--format", "folder") if format else ())) as child:
            kill_at(child, home, "export", parts + more)
        assert not path.exists()
    outcome = near.export_model("m:v1", path, format=format)
    assert outcome.status == "exported"
    assert outcome.reused > 4 * MIB
    assert os.listdir(path.parent) == [name]  # nothing hidden is left either
    assert differences(made, Client(tmp_path / "far").import_model(path).path) == []
    assert not list((home / ".modelsync" / "journals").iterdir())


def test_a_killed_import_goes_on(tmp_path: Path) -> None:
    near, home = Client(tmp_path / "near"), tmp_path / "far"
    made = make_model(near.home.path, "m:v1", FILES)
    near.export_model("m:v1", tmp_path / "m.tar")
    for parts in (3, 8):
        with started(home, "import", str(tmp_path / "m.tar")) as child:
            kill_at(child, home, "import", parts)
        assert not list(home.glob("models/*/*"))
    outcome = Client(home).run_import(tmp_path / "m.tar")
    assert outcome.status == "imported"
    assert outcome.reused > 3 * MIB
    assert differences(made, home / "models/m/v1") == []
    assert not list((home / "tmp").iterdir())


def test_a_killed_import_of_a_stream_begins_anew(tmp_path: Path) -> None:
    near, home = Client(tmp_path / "near"), tmp_path / "far"
    made = make_model(near.home.path, "m:v1", FILES)
    near.export_model("m:v1", tmp_path / "m.zst")
    with started(home, "import", str(tmp_path / "m.zst")) as child:
        kill_at(child, home, "import", 3)
    assert not list(home.glob("models/*/*"))
    assert Client(home).run_import(tmp_path / "m.zst").status == "imported"
    assert differences(made, home / "models/m/v1") == []
    assert not list((home / "tmp").iterdir())
