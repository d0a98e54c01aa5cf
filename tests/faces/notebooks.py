"""The teaching notebooks: run in a real kernel, and saved with what they show.

python -m tests.faces.notebooks        runs them anew and saves their outputs
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
#: Those that are kept with their outputs; the quickstart is kept without, so that people see them appear.
NAMES = ("team_workflow", "background_transfers", "compare_and_roll_back")


def run(name: str, folder: Path) -> Any:
    """Run a notebook in a folder; returns it with its outputs."""
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def main() -> None:
    """Run all and save them: without times of execution, states of widgets and places on this machine."""
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            notebook = run(name, Path(folder))
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            for output in cell.get("outputs", []):
                output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
        text = nbformat.writes(notebook)
        text = re.sub(r"(?:/[\w.-]+)+/modelsync-notebook-\w+", "~", text)
        (FOLDER / f"{name}.ipynb").write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
