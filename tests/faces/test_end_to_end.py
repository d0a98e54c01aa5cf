"""The command in processes of its own against a real registry."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from modelsync_jupyter.demo.process import Served
from tests.harness.clock import wait_until, within

from .conftest import Shell, command

HEAVY = ("IPython", "ipywidgets", "tornado", "sqlalchemy", "flask", "requests", "tqdm", "yaml")
MODEL = 2_000_000


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with a file worth pushing."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(os.urandom(MODEL))
    return folder


def test_the_way_of_a_model(signed_in: Shell, served: Served, weights: Path, tmp_path: Path, name: str) -> None:
    made = signed_in("create", f"{name}:v1", weights, "--label", "stage=prod", "--metadata", "acc=0.5", "-o", "json")
    assert json.loads(made.stdout)["labels"] == {"stage": "prod"}

    pushed = json.loads(signed_in("push", f"{name}:v1", "-o", "json").stdout)
    assert (pushed["tag"], pushed["status"]) == (f"{name}:v1", "pushed")
    assert pushed["bytes_sent"] > MODEL
    again = signed_in("push", f"{name}:v1")
    assert again.stdout.startswith(f"Skipped `{name}:v1`. ")
    assert json.loads(signed_in("push", f"{name}:v1", "-o", "json").stdout)["bytes_sent"] == 0

    rows = json.loads(signed_in("list", "--remote", "--search", name, "-o", "json").stdout)
    assert [(row["tag"], row["labels"]) for row in rows] == [(f"{name}:v1", {"stage": "prod"})]

    other = ("--home", tmp_path / "other")
    assert signed_in("login", served.url, "--token-stdin", *other, input=served.token).returncode == 0
    path = Path(signed_in("pull", name, "-o", "path", *other).stdout.strip())
    assert path == tmp_path / "other" / "models" / name / "v1"
    assert (path / "weights.bin").read_bytes() == (weights / "weights.bin").read_bytes()
    assert signed_in("pull", f"{name}:v1", *other).stdout.startswith(f"Skipped `{name}:v1`. ")

    said = signed_in("delete", name, "-y", *other).stdout
    assert said.startswith(f"Deleted `{name}:v1`. For a week `modelsync restore --local {name}:v1` undoes that")
    assert json.loads(signed_in("list", "-o", "json", *other).stdout) == []
    assert f"{name}:v1" in signed_in("restore", "--local", *other).stdout
    assert signed_in("restore", "--local", f"{name}:v1", *other).stdout == f"Restored `{name}:v1`.\n"
    assert (path / "weights.bin").read_bytes() == (weights / "weights.bin").read_bytes()
    assert signed_in("delete", name, "-y", "--permanently", *other).stdout == f"Deleted `{name}:v1`.\n"
    assert "nothing to restore" in signed_in("restore", "--local", *other).stdout


def test_the_bar_is_for_a_terminal_only(signed_in: Shell, weights: Path, name: str) -> None:
    signed_in("create", f"{name}:v1", weights)
    assert signed_in("push", f"{name}:v1").stderr == ""
    for width in (0, 100):
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        with os.fdopen(slave, "wb") as terminal:
            subprocess.run(command("push", f"{name}:v1", "-f"), stdout=subprocess.DEVNULL, stderr=terminal, timeout=60)
        with os.fdopen(master, "rb") as screen:
            pieces: list[bytes] = []
            with suppress(OSError):  # how a terminal says that nobody writes to it any more
                while piece := screen.read1(65536):
                    pieces.append(piece)
            drawn = b"".join(pieces).decode()
            assert f"push {name}:v1: 100%" in drawn
            assert "done" in drawn


def test_dry_run_touches_nothing(signed_in: Shell, weights: Path, name: str) -> None:
    signed_in("create", f"{name}:v1", weights)
    shown = signed_in("push", f"{name}:v1", "--dry-run")
    assert shown.stdout.startswith(f"Would push `{name}:v1`")
    assert json.loads(signed_in("list", name, "--remote", "-o", "json").stdout) == []
    assert json.loads(signed_in("transfers", "-o", "json").stdout) == []


def test_background_push_is_followed_from_another_process(signed_in: Shell, weights: Path, name: str) -> None:
    signed_in("create", f"{name}:v1", weights)
    handle = json.loads(signed_in("push", f"{name}:v1", "--background", "-o", "json").stdout)
    assert handle["tag"] == f"{name}:v1"
    ended = json.loads(signed_in("attach", handle["id"], "-o", "json").stdout)
    assert ended["status"] == "pushed"
    (record,) = json.loads(signed_in("transfers", "-o", "json").stdout)
    assert (record["id"], record["state"]) == (handle["id"], "succeeded")


def test_background_push_is_cancelled_and_resumed_from_another_process(
    modelsync: Shell, held: Served, served: Served, weights: Path, name: str
) -> None:
    modelsync("login", held.url, "--token-stdin", input=held.token)
    modelsync("create", f"{name}:v1", weights)
    handle = json.loads(modelsync("push", f"{name}:v1", "-b", "-o", "json").stdout)
    cancelled = modelsync("cancel", handle["id"])
    assert "cancelled" in cancelled.stdout
    assert modelsync("attach", handle["id"]).returncode == 130
    modelsync("login", served.url, "--token-stdin", input=served.token)
    resumed = modelsync("resume", handle["id"])
    assert resumed.stdout.startswith(f"Pushed `{name}:v1`")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("push", "nothing:v1"), 1, "nothing:v1"),
        (("pull", "nothing:v1"), 1, "nothing:v1"),
        (("push", "No Tag!"), 1, "not a valid name"),
        (("attach", "zzzzzzzz"), 1, "zzzzzzzz"),
        (("push", "a:v1", "-c", "nowhere"), 1, "a:v1"),
        (("pull", "a:v1", "-c", "nowhere"), 1, "nowhere"),
        (("create", "a:v1", "/no/such/file"), 2, "/no/such/file"),
        (("pusj", "a:v1"), 2, "Did you mean `push`?"),
        (("login", "not-a-url", "--token", "t"), 2, "endpoint"),
    ],
)
def test_what_a_user_can_cause_is_one_line(signed_in: Shell, words: tuple[str, ...], status: int, said: str) -> None:
    done = signed_in(*words)
    assert (done.returncode, done.stdout) == (status, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("modelsync: ")
    assert said in done.stderr


def test_a_wrong_token_is_refused_and_not_shown(modelsync: Shell, served: Served) -> None:
    done = modelsync("login", served.url, "--token", "wr0ng-t0ken")
    assert done.returncode == 1
    assert "wr0ng-t0ken" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_without_a_context_the_next_step_is_named(modelsync: Shell) -> None:
    done = modelsync("list", "--remote")
    assert done.returncode == 1
    assert "`modelsync login ENDPOINT`" in done.stderr


def test_interrupt_ends_with_130_within_two_seconds(
    modelsync: Shell, held: Served, weights: Path, home: Path, name: str
) -> None:
    modelsync("login", held.url, "--token-stdin", input=held.token)
    modelsync("create", f"{name}:v1", weights)
    process = subprocess.Popen(command("push", f"{name}:v1"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for_bytes(home)
    with within(2):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert len(err.splitlines()) == 1
    assert "resume where it left off" in err


def wait_for_bytes(home: Path) -> None:
    """Until a transfer has moved something."""

    def moves() -> bool:
        records = [json.loads(path.read_text()) for path in (home / ".modelsync" / "transfers").glob("*.json")]
        return any(record["state"] == "running" and record["done"] for record in records)

    wait_until(moves, "bytes")


def test_a_reader_that_goes_away_is_no_error(signed_in: Shell) -> None:
    process = subprocess.Popen(command("--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        assert stderr.read() == b""
    assert process.wait(60) == 0


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from modelsync_jupyter.cli.main import main; main(['push', '--help'])\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
