"""The quickstart notebook runs from end to end in a real kernel, and holds no outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

QUICKSTART = Path(__file__).parents[2] / "notebooks" / "quickstart.ipynb"


def texts(cell: nbformat.NotebookNode) -> str:
    """What a cell shows, as text."""
    outputs = cell.get("outputs", [])
    return "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outputs)


def test_quickstart_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(QUICKSTART, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = {cell.source.splitlines()[-1]: texts(cell) for cell in notebook.cells if cell.cell_type == "code"}
    assert "Pushed `digits:v1`" in shown["%modelsync push digits:v1"]
    assert "Skipped `digits:v1`" in shown['assert again.status == "skipped"']
    assert "digits:v1" in shown["%modelsync list --remote"]
    assert "Pushed" in shown["transfer.wait()"]
    assert "succeeded" in shown["%modelsync transfers"]
    assert not list(tmp_path.glob("modelsync-quickstart-*"))


def test_quickstart_is_stored_without_outputs() -> None:
    notebook = nbformat.read(QUICKSTART, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
