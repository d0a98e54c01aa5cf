"""Importing the package, its command or its magic costs nothing that is not used yet."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.processes
HEAVY = {"IPython", "ipywidgets", "tornado", "sqlalchemy", "flask", "gunicorn", "jupyterlab", "jupyter_server", "numpy"}
HEAVY |= {"pandas", "sklearn", "bentoml", "ipykernel", "asyncio"}
UNUSED = HEAVY | {"requests", "urllib3", "yaml", "blake3", "tqdm"}


def loaded(code: str, folder: Path) -> set[str]:
    """Top-level modules that are loaded after some code has run in a fresh interpreter."""
    code += "\nimport json, sys\nprint(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import modelsync_jupyter",
        "import modelsync_jupyter; modelsync_jupyter.__version__; dir(modelsync_jupyter)",
        "import modelsync_jupyter.cli.main",
        "from modelsync_jupyter.cli.main import main; main(['completion', '--of', 'modelsync push '])",
        "import modelsync_jupyter.core.errors, modelsync_jupyter.core.tags, modelsync_jupyter.core.parts",
    ],
)
def test_nothing_is_loaded_before_it_is_used(code: str, tmp_path: Path) -> None:
    assert loaded(code, tmp_path) & UNUSED == set()


@pytest.mark.parametrize(
    "code",
    [
        "import modelsync_jupyter.client",
        "from modelsync_jupyter import push, pull, list_models; list_models()",
        "import modelsync_jupyter.jobs.child",
        "import contextlib, modelsync_jupyter.cli.main as m\nwith contextlib.suppress(SystemExit): m.main(['list'])",
    ],
)
def test_the_client_loads_neither_notebook_nor_server(code: str, tmp_path: Path) -> None:
    found = loaded(code, tmp_path)
    assert found & HEAVY == set()
    assert "modelsync_jupyter" in found


def test_the_registry_loads_no_notebook(tmp_path: Path) -> None:
    found = loaded("import modelsync_jupyter.registry.server", tmp_path)
    assert found & {"IPython", "ipywidgets", "jupyterlab", "tornado", "numpy", "bentoml"} == set()
