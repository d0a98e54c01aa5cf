"""The magic in a cell: what is printed when, variables, and cells with a body."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import UsageError

from .conftest import Make

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("form", ["table", "json", "yaml"])
def test_an_assigned_list_is_data_and_prints_nothing(
    ip: InteractiveShell, make: Make, capsys: Captured, form: str
) -> None:
    make("iris:v1")
    assert ip.run_cell(f"for n in [1]:\n    x = %modelsync list -o {form}", store_history=True).success
    assert capsys.readouterr().out == ""
    (found,) = ip.user_ns["x"]
    assert str(found["tag"] if form != "table" else found.tag) == "iris:v1"


def test_the_same_line_alone_is_shown(ip: InteractiveShell, make: Make, capsys: Captured) -> None:
    make("iris:v1")
    ip.run_cell("for n in [1]:\n    %modelsync list -o json", store_history=True)
    assert '"tag": "iris:v1"' in capsys.readouterr().out
    ip.run_cell("%modelsync list -q -o json", store_history=True)
    assert "iris" not in capsys.readouterr().out


@pytest.mark.parametrize("magic", ["%%time", "%%capture --no-stderr said", "%%time\n%%capture said"])
def test_a_timed_cell_shows_a_value_once_and_what_is_assigned_not_at_all(
    ip: InteractiveShell, make: Make, capsys: Captured, magic: str
) -> None:
    make("iris:v1")

    def shown(body: str) -> int:
        assert ip.run_cell(f"{magic}\n{body}", store_history=True).success
        said = ip.user_ns.pop("said", None)  # what `%%capture` has kept
        return f"{said.stdout if said else ''}{capsys.readouterr().out}".count("iris:v1")

    assert shown("%modelsync list") == 1
    assert shown("x = 1\n%modelsync list") == 1
    assert shown("x = %modelsync list") == 0


def test_a_traceback_of_a_body_has_its_own_lines_and_none_of_ours(ip: InteractiveShell, capsys: Captured) -> None:
    ip.run_cell("%%modelsync create iris:v1\nx = 1\nx / 0", store_history=True)
    said = re.sub(r"\x1b\[[\d;]*m", "", "".join(capsys.readouterr()))
    assert "----> 3 x / 0" in said
    assert said.endswith("ZeroDivisionError: division by zero\n")
    assert "magic.py" not in said
    assert "models.py" not in said


@pytest.mark.parametrize("word", ["{nowhere}", "$nowhere"])
def test_a_variable_that_is_not_there_is_named(ip: InteractiveShell, capsys: Captured, word: str) -> None:
    result = ip.run_cell(f"%modelsync push {word}")
    assert isinstance(result.error_in_exec, UsageError)
    assert "There is no variable `nowhere`." in "".join(capsys.readouterr())


def test_the_body_of_a_cell_becomes_a_model(ip: InteractiveShell, home: Path, capsys: Captured) -> None:
    cell = (
        "%%modelsync create iris:v1 --label stage=candidate --metric f1=0.9\n"
        "content = 'x' * 3\n(path / 'w.txt').write_text(content)"
    )
    ip.user_ns["path"] = "mine"
    assert ip.run_cell(cell, store_history=True).success
    model = Client(home).get("iris:v1")
    assert (model.path / "w.txt").read_text() == "xxx"
    assert model.info.labels == {"stage": "candidate"}
    assert model.info.metadata["provenance"]["metrics"] == {"f1": 0.9}
    assert (ip.user_ns["path"], ip.user_ns["content"]) == ("mine", "xxx")
    assert "Saved `iris:v1`." in capsys.readouterr().out


def test_a_body_that_fails_leaves_no_model(ip: InteractiveShell, home: Path) -> None:
    result = ip.run_cell("%%modelsync create iris:v1\n(path / 'w').write_text('x')\n1 / 0")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert Client(home).list_models() == []
    assert "path" not in ip.user_ns


def test_files_are_kept_when_something_is_wrong_with_them(ip: InteractiveShell, capsys: Captured) -> None:
    cell = "%%modelsync create iris:v1\nimport os\n(path / 'w').write_text('x')\nos.mkfifo(path / 'pipe')"
    assert not ip.run_cell(cell).success
    assert "The files are kept in" in "".join(capsys.readouterr())


@pytest.mark.parametrize("line", ["push iris", "create iris:v1 some/path"])
def test_other_commands_have_no_body(ip: InteractiveShell, line: str) -> None:
    assert isinstance(ip.run_cell(f"%%modelsync {line}\npass").error_in_exec, UsageError)


def test_help_of_the_magic_has_examples_and_every_command(ip: InteractiveShell, capsys: Captured) -> None:
    ip.run_cell("%modelsync?")
    shown = capsys.readouterr().out
    assert "%modelsync push sentiment:v1" in shown
    assert "compare two versions" in shown
