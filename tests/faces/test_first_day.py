"""What somebody runs into on the first day: Ctrl-D, full disks, wrong names and tokens, an address that is taken."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pexpect
import pytest
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.cli.main import main
from modelsync_jupyter.cli.shell import Shell
from modelsync_jupyter.client import Client
from modelsync_jupyter.commands import run
from modelsync_jupyter.commands.tables import Table
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.demo.process import Served
from tests.harness.clock import LONG

from .conftest import Make

Captured = pytest.CaptureFixture[str]


def test_help_is_a_command_too(capsys: Captured) -> None:
    assert main(["help", "push"]) == 0
    assert capsys.readouterr().out.startswith("usage: modelsync push ")
    assert main(["help", "pusch"]) == 2
    assert "There is no command `pusch`. Did you mean `push`?" in capsys.readouterr().err


@pytest.mark.parametrize("group", ["registry", "registry user"])
def test_a_group_of_commands_alone_shows_them_as_the_program_alone_does(
    ip: InteractiveShell, capsys: Captured, group: str
) -> None:
    assert main(group.split()) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"usage: modelsync {group} ")
    assert "\ncommands:\n" in shown.out
    assert not shown.err
    assert ip.run_cell(f"%modelsync {group}").success
    assert capsys.readouterr().out.startswith(f"usage: %modelsync {group} ")
    assert main([*group.split(), "bogus"]) == 2


@pytest.mark.processes
def test_ctrl_d_at_the_prompt_for_a_token_is_a_no(home: Path) -> None:
    words = ["-m", "modelsync_jupyter", "login", "http://127.0.0.1:9"]
    typed = pexpect.spawn(sys.executable, words, encoding="utf-8", timeout=LONG)
    typed.expect("API token for http://127.0.0.1:9: ")
    typed.sendeof()
    typed.expect(pexpect.EOF)
    typed.close()
    assert typed.before
    assert typed.before.strip() == "modelsync: Cancelled."
    assert typed.exitstatus == 130


@pytest.mark.processes
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
def test_a_result_that_cannot_be_written_is_one_line(home: Path) -> None:
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "modelsync_jupyter", "list"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=LONG)
    assert done.returncode == 1
    assert done.stderr.startswith("modelsync: The output could not be written: No space left on device.")
    assert done.stderr.count("\n") == 1


def test_a_folder_that_is_read_only_is_named_and_not_the_temporary_file_in_it() -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system", "/home/ana/bentoml/.yatai.yaml.tmp-1")

    with pytest.raises(ModelSyncError, match=r"`/home/ana/bentoml`\. Make it writable, or set BENTOML_HOME"):
        run(argparse.Namespace(run=refuse), Shell())


def test_doctor_says_what_to_do_on_a_line_of_its_own_and_fails(
    home: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "✗ failed   context           There is no registry to talk to.\n" in out
    assert f"\n{'':29}→ Sign in to a registry" in out
    assert out.endswith("1 of 15 checks failed.\n")


def test_a_wrong_context_is_answered_with_those_there_are(client: Client, capsys: Captured) -> None:
    for words in (["logout", "nope"], ["contexts", "--use", "nope"], ["list", "--remote", "-c", "nope"]):
        assert main(words) == 1
        assert "There is no context `nope`. Available: default. Choose one" in capsys.readouterr().err


def test_a_wrong_version_is_answered_with_those_that_the_registry_has(
    client: Client, make: Make, name: str, capsys: Captured
) -> None:
    client.push(make(f"{name}:v1").tag)
    assert main(["pull", f"{name}:v9"]) == 1
    assert f"The registry has no model `{name}:v9`. Available: `v1`. Check" in capsys.readouterr().err
    assert main(["diff", f"{name}:v1", "--remote"]) == 0
    assert capsys.readouterr().out.startswith(f"Both copies of `{name}:v1` are equal (remote and local): ")


def test_a_wrong_token_of_the_environment_is_not_mended_by_signing_in(
    home: Path, served: Served, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", served.url)
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", "wrong")
    assert main(["list", "--remote"]) == 1
    assert "unset it to use your sign-in" in capsys.readouterr().err
    assert main(["login", served.url, "--token", served.token]) == 0
    assert capsys.readouterr().out.endswith("BENTO_CLOUD_API_KEY overrides it while it is set.\n")


def test_an_address_that_is_taken_is_refused_before_anything_is_made(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = pytest.importorskip("modelsync_jupyter.registry.server")
    monkeypatch.setattr(server, "_ATTEMPTS", 1)  # it is not left while this waits
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port), "--data", str(tmp_path / "registry")]) == 1
    said = f"modelsync: Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another with `--port`"
    assert capsys.readouterr().err.startswith(said)
    assert not (tmp_path / "registry").exists()


def test_a_tag_at_the_head_of_a_column_is_written_as_it_is() -> None:
    html = Table([("file", "8 B")], ("WHAT", "iris:v1 (local)"), lambda row: row)._repr_html_()
    assert ">What<" in html
    assert ">iris:v1 (local)<" in html
