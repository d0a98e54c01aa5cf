"""Tab in a real bash: what readline puts into the line, and what the script asks of the command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from modelsync_jupyter.cli.main import main
from modelsync_jupyter.client import Context, names
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.remotes import contexts
from tests.harness.clock import LONG, wait_until

from .conftest import Make, Shell

BASH = shutil.which("bash")


@pytest.fixture(autouse=True)
def _store(home: Path) -> None:
    """A store with the folders of `iris:v1`, `iris:v2` and `rose:a`, and a registry that is not there."""
    for tag in ("iris/v1", "iris/v2", "rose/a"):
        (home / "models" / tag).mkdir(parents=True)
    contexts.save(Home(home), Context("team", "http://127.0.0.1:9", "t"))
    names.remember(Home(home), None, ["lily:v7", "lily:v8"])


@pytest.fixture
def typed(home: Path, tmp_path: Path) -> Iterator[pexpect.spawn[str]]:
    """An interactive bash that has read the script, in a folder with `models.tar` in it."""
    assert BASH
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "models.tar").touch()
    script = subprocess.run(
        [sys.executable, "-m", "modelsync_jupyter", "completion", "bash"], capture_output=True, text=True, check=True
    )
    (tmp_path / "script").write_text(script.stdout)
    (tmp_path / "inputrc").write_text("set bell-style none\nset enable-bracketed-paste off\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "TERM": "dumb", "INPUTRC": str(tmp_path / "inputrc"), "PS1": "ready> "}
    shell = pexpect.spawn(
        BASH,
        ["--norc", "--noprofile", "-i"],
        env=env,
        cwd=str(tmp_path / "here"),
        encoding="utf-8",
        timeout=LONG,
        dimensions=(50, 200),
    )
    shell.expect("ready> ")
    shell.sendline(f"source {tmp_path / 'script'}")
    shell.expect("\nready> ")
    yield shell
    shell.close(force=True)


@pytest.mark.processes
@pytest.mark.skipif(BASH is None, reason="there is no bash")
def test_what_readline_puts_into_the_line(typed: pexpect.spawn[str]) -> None:
    """Bash breaks words at colons and equals signs; what was typed before the last of them must not be there twice."""
    for begun, whole in (
        ("modelsync pus", "modelsync push "),
        ("modelsync push ro", "modelsync push rose:a "),
        ("modelsync push iris:v2", "modelsync push iris:v2 "),
        ("modelsync pull li", "modelsync pull lily:v"),
        ("modelsync push rose:a --output=j", "modelsync push rose:a --output=json "),
        ("modelsync registry user dis", "modelsync registry user disable "),
        ("modelsync push rose:a --context te", "modelsync push rose:a --context team "),
        ("modelsync import mo", "modelsync import models.tar "),
    ):
        typed.send(f"{begun}\t")
        typed.expect_exact(whole)
        typed.send("\x15")  # the line is empty again
    typed.send("modelsync push iris:\t\t\t")
    typed.expect(r"v1 +v2")


def answer(capsys: pytest.CaptureFixture[str], line: str) -> list[str]:
    """The words that the command answers to a script."""
    assert main(["completion", "--of", line]) == 0
    return [each.partition(" ")[0] for each in capsys.readouterr().out.splitlines()]


def test_what_fits(capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "modelsync push ir") == ["iris:v1", "iris:v2"]
    assert answer(capsys, "~/venv/bin/modelsync push iris:v2") == ["iris:v2"]
    assert answer(capsys, "modelsync diff iris:v1 ro") == ["rose:a"]
    assert answer(capsys, "modelsync push iris:v1 ro") == [], "it has one argument"
    assert answer(capsys, "modelsync -q push ir") == ["iris:v1", "iris:v2"]
    assert answer(capsys, "modelsync pull --rate-limit 5MB li") == ["lily:v7", "lily:v8"]
    assert answer(capsys, "modelsync pull -c nobody li") == []
    assert answer(capsys, "modelsync registry grant add lily bob ") == ["reader", "writer", "owner"]
    assert answer(capsys, "modelsync export iris:v1 ") == [":files"]
    assert answer(capsys, "modelsync serve --data ") == [":files"]
    assert answer(capsys, "modelsync sync lo") == ["local"]
    assert answer(capsys, "modelsync config thr") == ["threads"]
    assert answer(capsys, "modelsync completion ") == ["bash", "zsh", "fish"]
    assert answer(capsys, "modelsync completion --") == ["--help", "--home", "--quiet"], "what scripts use is not shown"
    assert answer(capsys, "ls ") == []


def test_another_home_is_completed_from_another_home(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "other" / "models" / "moss" / "v1").mkdir(parents=True)
    assert answer(capsys, f"modelsync --home {tmp_path / 'other'} push ") == ["moss:v1"]


def test_nobody_sees_a_traceback_while_typing(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """Whatever is broken: the command answers nothing, and says nothing."""
    (home / ".yatai.yaml").write_text("contexts: [")
    (home / ".modelsync" / "names").rename(home / "away")
    (home / ".modelsync" / "names").write_text("a file")
    for line in ("pull ", "push -c ", "push 'ir", 'push "', "pull \\"):
        answer(capsys, f"modelsync {line}")
        assert capsys.readouterr().err == ""
    assert answer(capsys, "modelsync push ir") == ["iris:v1", "iris:v2"]


@pytest.mark.processes
def test_a_registry_is_asked_by_a_process_that_nobody_waits_for(
    signed_in: Shell, make: Make, name: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signed_in("push", str(make(f"{name}:v1").tag)).returncode == 0
    answer(capsys, f"modelsync pull {name}")
    assert wait_until(lambda: answer(capsys, f"modelsync pull {name}"), "an answer") == [f"{name}:v1"]
