"""The magic in a real kernel: what a notebook stores of an error, and what the Stop button does."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

from modelsync_jupyter import client as api
from modelsync_jupyter.demo.process import Served
from tests.harness.clock import within

from .kernels import Kernel, run, shell_reply
from .test_end_to_end import wait_for_bytes


def test_run_all_stops_at_a_failure_and_stores_no_traceback(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cells = ["%load_ext modelsync_jupyter", "%modelsync push nothing:v1", "print('not reached')"]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, timeout=60).execute()
    _, failed, after = notebook.cells
    (error,) = failed.outputs
    assert (error.output_type, error.ename) == ("error", "ModelNotFound")
    shown = " ".join(error.traceback)  # code is in bold type, not in backticks
    assert shown.startswith("No model \x1b[1mnothing:v1\x1b[22m in ")
    assert shown.endswith("(\x1b[1m%modelsync list\x1b[22m).")
    assert after.outputs == []


def test_a_value_is_shown_once(kernel: Kernel) -> None:
    outputs = run(kernel, "%modelsync contexts")
    assert [message["msg_type"] for message in outputs] == ["display_data"]
    for tag in ("iris:v1", "iris:v2"):
        with api.create(tag):
            pass
    outputs = run(kernel, "%modelsync list --limit 1")  # the remark is no red block either
    assert [message["msg_type"] for message in outputs] == ["display_data", "display_data"]
    outputs = run(kernel, "_")
    assert [message["msg_type"] for message in outputs] == ["execute_result"]


def test_stop_button_cancels_within_two_seconds(kernel: Kernel, held: Served, home: Path, name: str) -> None:
    api.login(held.url, held.token)
    with api.create(f"{name}:v1") as model:
        (Path(model.path) / "weights.bin").write_bytes(os.urandom(2_000_000))
    manager, client = kernel
    asked = client.execute(f"%modelsync push {name}:v1")
    wait_for_bytes(home)
    with within(2):
        manager.interrupt_kernel()
        reply = shell_reply(client, asked)
    assert reply["ename"] == "Cancelled"
    said = " ".join(reply["traceback"])
    kept = r"(; at least \S+ k?M?B of 2\.0 MB are kept)?"
    assert re.search(rf"cancelled{kept}\. Start it again to resume where it left off\.$", said)
    assert "2.0 MB of" not in said  # the last bytes were sent, and never answered


def test_completion_through_the_kernel(kernel: Kernel) -> None:
    _, client = kernel
    line = "x = %modelsync pus"
    reply = client.complete(line, len(line), reply=True, timeout=60)["content"]
    assert (reply["matches"], reply["cursor_start"]) == (["push"], len("x = %modelsync "))
