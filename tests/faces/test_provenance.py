"""Provenance: what a notebook notes with a model; and never a secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.client import Client
from modelsync_jupyter.client.origins import Provenance, fingerprint
from modelsync_jupyter.client.redaction import redact
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.demo.process import Served

TOKEN = "s3cr3t-Tok3n-of-nobody-0123456789"
CREATE = """
import numpy as np
from modelsync_jupyter import create
with create("iris:v1", metrics={"accuracy": 0.97}, datasets={"train": np.arange(10)}) as draft:
    (draft.path / "w").write_text("x")
"""


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook in a git repository, as Jupyter's server tells its kernel."""
    folder = tmp_path / "project"
    folder.mkdir()
    path = folder / "train.ipynb"
    path.write_text("{}")
    who = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    address = "https://ana:hunter2hunter2@example.com/p.git"
    subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", address], check=True)
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    return path


@pytest.mark.processes
def test_a_notebook_notes_itself_the_cell_git_and_packages(ip: InteractiveShell, notebook: Path, home: Path) -> None:
    notebook.write_text("{ }")
    assert ip.run_cell(CREATE, store_history=True).success
    found = Client(home).provenance("iris:v1")
    assert found
    assert (found.notebook, found.cell, found.source) == ("~/project/train.ipynb", 1, CREATE.strip())
    assert found.notebook_path == notebook
    commit = subprocess.run(["git", "-C", str(notebook.parent), "rev-parse", "HEAD"], capture_output=True, text=True)
    assert found.git == {
        "commit": commit.stdout.strip(),
        "branch": "main",
        "dirty": True,
        "path": "train.ipynb",
        "remote": "https://…@example.com/p.git",
    }
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.packages["numpy"] == np.__version__
    assert found.metrics == {"accuracy": 0.97}
    assert found.datasets["train"]["digest"].startswith("blake3:")


@pytest.mark.processes
def test_get_shows_it(ip: InteractiveShell, notebook: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ip.run_cell(CREATE)
    ip.run_line_magic("modelsync", "get iris:v1")
    shown = capsys.readouterr().out
    assert "notebook" in shown
    assert "~/project/train.ipynb" in shown
    assert "metric.accuracy" in shown


@pytest.mark.processes
def test_no_secret_of_a_cell_is_kept(
    ip: InteractiveShell, home: Path, served: Served, notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The registry's token, one of the environment, and those that only look like one."""
    Client(home).login(served.url, served.token)
    monkeypatch.setenv("SOME_API_KEY", TOKEN)
    lines = [
        f"a = '{served.token}'  # of the registry",
        f"b = '{TOKEN}'",
        "password = 'hunter2hunter2'",
        "os.environ['HF_TOKEN'] = 'hf_abcdefghijkl'",
        "connect('postgres://ana:hunter2hunter2@db/x', api_key=\"hunter2hunter2\")",
        CREATE,
    ]
    assert ip.run_cell("import os\nconnect = lambda *_, **__: None\n" + "\n".join(lines), store_history=True).success
    text = (Client(home).get("iris:v1").path / "model.yaml").read_text()
    assert "create(" in text
    for secret in (served.token, TOKEN, "hunter2hunter2", "hf_abcdefghijkl"):
        assert secret not in text


@pytest.mark.parametrize(
    "line",
    [
        "login('https://r.example.com', '@')",
        "client.login(url, token='@')",
        "headers = {'Authorization': 'Bearer @'}",
        "%env MY_TOKEN=@",
        "!curl --token @ https://x",
        "!curl -H 'X-Api-Key: @'",
        'secret = """@"""',
        "requests.get('https://x/y?X-Amz-Signature=@&b=1')",
        "db = 'mysql://ana:@@host/x'",
        "os.environ['AWS_SECRET_ACCESS_KEY'] = f'@'",
        "x = 'sk-proj-abcdefgh12345678'  # @",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(line: str) -> None:
    secret = "q9Zt4-Wv8xLm2Pf7Rs1Yd6"
    assert secret not in redact(line.replace("@", secret, 1))
    assert "sk-proj" not in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        "model.fit(X_train, y_train, epochs=100)",
        "tokens = tokenizer(text)",
        "labels = {'stage': 'candidate'}",
        "from sklearn.feature_extraction.text import CountVectorizer",
        "push('sentiment_classifier:v20251127')",
    ],
)
def test_other_code_stays_as_it_is(line: str) -> None:
    assert redact(line) == line


def test_nothing_is_noted_outside_a_notebook_or_when_not_wanted(
    ip: InteractiveShell, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(home).create("plain:v1", metadata={"a": 1}) as draft:
        (draft.path / "w").write_text("x")
    assert Client(home).get("plain:v1").info.metadata == {"a": 1}
    monkeypatch.setenv("MODELSYNC_PROVENANCE", "0")
    ip.run_cell("from modelsync_jupyter import create\nwith create('off:v1') as d: (d.path / 'w').write_text('x')")
    assert Client(home).provenance("off:v1") is None


def test_what_others_wrote_is_read_with_care() -> None:
    assert Provenance.of({"provenance": "text"}) is None
    found = Provenance.of({"provenance": {"notebook": 3, "cell": "x", "git": [], "metrics": {"a": 1}}})
    assert found == Provenance(notebook="3", metrics={"a": 1})


def test_datasets_have_fingerprints(tmp_path: Path) -> None:
    file = tmp_path / "d" / "train.csv"
    file.parent.mkdir()
    file.write_text("a,b\n1,2\n")
    one = fingerprint("x", file)
    assert one == fingerprint("x", str(file))
    assert one["size"] == 8
    assert fingerprint("x", file.parent)["files"] == 1
    assert fingerprint("x", np.arange(3)) != fingerprint("x", np.arange(4))
    assert fingerprint("x", np.arange(4)) != fingerprint("x", np.arange(4).reshape(2, 2))
    assert fingerprint("x", "sha256:abc") == {"digest": "sha256:abc"}
    assert os.fspath(file)
    with pytest.raises(UsageError, match="`x`"):
        fingerprint("x", 3.5)
