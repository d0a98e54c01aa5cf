"""The teaching notebooks run from end to end in a real kernel, and are kept with what they show."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from .notebooks import FOLDER, NAMES, run
from .test_quickstart import texts

SAID = {
    "team_workflow": ["in sync", "('ben', 'aliased', 'v2')", "('saved_model.pkl', 'known')", "digits", "True"],
    "compare_and_roll_back": ["model.safetensors: head", "accuracy", "✓ safe", "Saved `digits:v2`", "(256, 10)"],
    "background_transfers": ["is paused", "done in", "succeeded", "Forgot", "weights:v1", "50.0 MB/s"],
}


@pytest.mark.processes
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shown = "\n".join(texts(cell) for cell in run(name, tmp_path).cells if cell.cell_type == "code")
    for text in SAID[name]:
        assert text in shown
    assert not list(tmp_path.glob("modelsync-notebook-*"))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_kept_with_what_it_shows_and_with_nothing_of_the_machine_it_ran_on(name: str) -> None:
    file = FOLDER / f"{name}.ipynb"
    notebook = nbformat.read(file, as_version=4)
    shown = "\n".join(texts(cell) for cell in notebook.cells if cell.cell_type == "code")
    for text in SAID[name]:
        assert text in shown
    assert not re.search(r'"error"|/tmp/|/home/|/root/|token=', file.read_text(encoding="utf-8"))
    for image in re.findall(r"!\[[^]]*\]\(([^)]+)\)", "".join(cell.source for cell in notebook.cells)):
        assert (FOLDER / image).exists()
