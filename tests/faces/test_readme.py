"""The README is true: its cells and commands run as printed, and its tables name all there is."""

from __future__ import annotations

import ast
import json
import os
import pty
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import modelsync_jupyter
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.parser import HelpShown
from modelsync_jupyter.lab.app import ModelSyncApp
from tests.harness.ports import free_port

ROOT = Path(__file__).parents[2]
PACKAGE = Path(modelsync_jupyter.__file__).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATING = (ROOT / "docs/registry.md").read_text(encoding="utf-8")
PORT = 8642
VARIABLE = re.compile(r"(?:MODELSYNC|BENTO|BENTOML|YATAI)_[A-Z_]+")
#: What `requests` reads; the README names it because its users look for it.
OF_REQUESTS = {"REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines(start: str) -> list[str]:
    """The shell commands that start like this."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith(start)]


@pytest.fixture
def environment(home: Path, tmp_path: Path) -> dict[str, str]:
    """What a newcomer's shell has: the installed commands, and an empty home."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "IPYTHONDIR": str(tmp_path / "ipython"), "BENTOML_DO_NOT_TRACK": "1"}


def shell(line: str, folder: Path, env: dict[str, str]) -> str:
    """Run one line of the README in bash; returns what it printed."""
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def serving(line: str, folder: Path, env: dict[str, str]) -> Iterator[Path]:
    """Run the README's registry; yields the file that its stderr names for the admin token."""
    process = subprocess.Popen(
        ["bash", "-c", f"exec {line}"], cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        try:
            assert "http://127.0.0.1:" in process.stdout.readline()
            named = re.search(r"[`\s](\S*admin-token)", process.stderr.readline())
            assert named
            yield folder / named[1]
        finally:
            process.terminate()


def typed(line: str, answer: str, folder: Path, env: dict[str, str]) -> str:
    """Run one line at a terminal on which somebody types the answer to its question."""
    terminal, ours = pty.openpty()
    with subprocess.Popen(
        ["bash", "-c", line], cwd=folder, env=env, stdin=ours, stdout=ours, stderr=ours, start_new_session=True
    ) as process:
        os.close(ours)
        shown = b""
        while b"token" not in shown:
            shown += os.read(terminal, 1000)
        os.write(terminal, f"{answer}\n".encode())
        try:
            while more := os.read(terminal, 1000):
                shown += more
        except OSError:  # Linux says so when the other side is closed
            pass
    os.close(terminal)
    assert process.returncode == 0, shown
    return shown.decode()


def cells(folder: Path, env: dict[str, str]) -> str:
    """Run the README's Python blocks in one kernel; returns all they print."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(block) for block in blocks("python")])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        NotebookClient(notebook, timeout=100, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    return "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.timeout(300)  # a dozen processes and a kernel, on a machine that may be busy
def test_the_cells_and_commands_run_as_printed(tmp_path: Path, environment: dict[str, str]) -> None:
    """From the first command to the last; only the port differs, where somebody else has it."""
    (serve,), (login,) = shell_lines("modelsync serve"), shell_lines("modelsync login")
    port = PORT if _is_free(PORT) else free_port()
    if port != PORT:
        serve, login = serve.replace("#", f"--port {port} #", 1), login.replace(str(PORT), str(port))
    with serving(serve, tmp_path, environment) as token:
        assert token.stat().st_mode & 0o777 == 0o600
        assert "Signed in" in typed(login, token.read_text().strip(), tmp_path, environment)
        shown = cells(tmp_path, environment)
        for text in ("Pushed `sentiment:", "0.1 0.2 0.7", "in sync", "succeeded"):
            assert text in shown, shown
        printed = {line: shell(line, tmp_path, environment) for line in shell_lines("modelsync ")[2:]}
    assert len(printed) >= 7
    assert all("sentiment:" in text for text in printed.values()), printed


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_the_targets_exist() -> None:
    lines = shell_lines("make")
    inline = re.findall(r"`(make [\w-]+)`", README)
    assert lines
    assert inline
    for line in [*lines, *inline]:
        done = subprocess.run(
            ["bash", "-c", line.replace("make", "make -n", 1)], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"


def test_commands_that_are_not_run_are_understood() -> None:
    lines = [line for block in blocks("text") for line in block.splitlines()]
    lines += re.findall(r"`(modelsync (?!serve)[^`]+)`", README)
    for text in re.findall(r"^```sh\n(.*?)^```$", OPERATING, re.MULTILINE | re.DOTALL):
        lines += [line for line in text.splitlines() if line.startswith("modelsync ")]
    assert len(lines) > 20
    for line in lines:
        words = shlex.split(re.sub(r"\[.*?\]", "", line), comments=True)[1:]
        with suppress(HelpShown):
            build_parser().read(words)


def test_the_extras_exist() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = re.findall(r"pip install '?\.\[(\w+)\]", README)
    assert named
    for extra in named:
        assert f"\n{extra} = [" in project


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert "notebooks/quickstart.ipynb" in links
    for link in links:
        assert (ROOT / link).exists(), link


def test_every_environment_variable_is_in_the_table_and_no_other() -> None:
    read = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
                read.add(node.value)
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", README, re.MULTILINE)
    named = {name.strip("`") for row in rows for name in row.split(", ")}
    assert named == read | OF_REQUESTS


def test_every_setting_is_named() -> None:
    for name in ModelSyncApp.class_own_traits(config=True):
        assert f"`ModelSyncApp.{name}`" in README
    schema = json.loads((ROOT / "labextension" / "schema" / "plugin.json").read_text(encoding="utf-8"))
    for name in schema["properties"]:
        assert f"`{name}`" in README, name


def test_the_picture_of_the_layers_shows_every_part() -> None:
    parts = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} | {"wire.py", "files.py"}
    (picture,) = re.findall(r"^```\n(core/.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for part in parts:
        assert part in picture, part
