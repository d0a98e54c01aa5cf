"""`kill -9` of exports and imports: no half file under the final name, no half model, and a rerun goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelsync_jupyter.client import Client
from tests.harness.halting import kill_at
from tests.harness.models import MIB, Entry, differences, make_model
from tests.harness.processes import environment

pytestmark = pytest.mark.processes
FILES: dict[str, Entry] = {"a.json": b"{}", "w.bin": 10 * MIB, "sub/v.bin": 6 * MIB}
NOTE = "modelsync_jupyter.transfer.journal:Journal.add"


def kill_after(notes: int, home: Path, *words: str) -> None:
    """Kill it when its journal has so many notes more: the first names its hidden file, the others a part each."""
    kill_at(NOTE, notes, [*words, "-t", "2"], environment(home))


@pytest.mark.parametrize(("name", "notes"), [("m.tar", 20), ("m.zst", 3), ("folder", 20)])
def test_a_killed_export_goes_on(tmp_path: Path, name: str, notes: int) -> None:
    home, path = tmp_path / "near", tmp_path / "out" / name
    made = make_model(home, "m:v1", FILES)
    near, format = Client(home), "folder" if name == "folder" else None
    for more in (0, 3) if name == "m.tar" else (0,):
        kill_after(notes + more, home, "export", "m:v1", str(path), *(("--format", "folder") if format else ()))
        assert not path.exists()
    outcome = near.export_model("m:v1", path, format=format)
    assert outcome.status == "exported"
    assert outcome.reused > MIB
    assert os.listdir(path.parent) == [name]  # nothing hidden is left either
    assert differences(made, Client(tmp_path / "far").import_model(path).path) == []
    assert not list((home / ".modelsync" / "journals").iterdir())


def test_a_killed_import_goes_on(tmp_path: Path) -> None:
    near, home = Client(tmp_path / "near"), tmp_path / "far"
    made = make_model(near.home.path, "m:v1", FILES)
    near.export_model("m:v1", tmp_path / "m.tar")
    for notes in (12, 14):
        kill_after(notes, home, "import", str(tmp_path / "m.tar"))
        assert not list(home.glob("models/*/*"))
    outcome = Client(home).run_import(tmp_path / "m.tar")
    assert outcome.status == "imported"
    assert outcome.reused > MIB
    assert differences(made, home / "models/m/v1") == []
    assert not list((home / "tmp").iterdir())


def test_a_killed_import_of_a_stream_begins_anew(tmp_path: Path) -> None:
    near, home = Client(tmp_path / "near"), tmp_path / "far"
    made = make_model(near.home.path, "m:v1", FILES)
    near.export_model("m:v1", tmp_path / "m.zst")
    kill_after(4, home, "import", str(tmp_path / "m.zst"))
    assert not list(home.glob("models/*/*"))
    assert Client(home).run_import(tmp_path / "m.zst").status == "imported"
    assert differences(made, home / "models/m/v1") == []
    assert not list((home / "tmp").iterdir())
