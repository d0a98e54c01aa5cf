"""The magic in a real IPython shell, on a real home and a real registry."""

from __future__ import annotations

import io
import json
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.client import Client, Model, Transfer
from modelsync_jupyter.commands.tables import Table
from modelsync_jupyter.core.errors import Cancelled, ModelNotFound, NotAuthenticated, UsageError
from modelsync_jupyter.demo.process import Served
from modelsync_jupyter.jobs.execution import Execution
from modelsync_jupyter.notebook.magic import split

from .conftest import Make

Captured = pytest.CaptureFixture[str]


def test_push_shows_the_sentence_and_returns_the_outcome(
    ip: InteractiveShell, client: Client, make: Make, name: str, capsys: Captured
) -> None:
    make(f"{name}:v1")
    assert ip.run_cell(f"x = %modelsync push {name}:v1 -f").success
    assert (str(ip.user_ns["x"].tag), ip.user_ns["x"].status) == (f"{name}:v1", "pushed")
    assert capsys.readouterr().out.startswith(f"Pushed `{name}:v1`: ")


def test_pull_returns_the_model_which_is_shown_where_it_is_asked_for(
    ip: InteractiveShell, client: Client, make: Make, name: str, capsys: Captured
) -> None:
    client.push(make(f"{name}:v1").tag)
    assert ip.run_cell(f"model = %modelsync pull {name}\nmodel", store_history=True).success
    assert isinstance(ip.user_ns["model"], Model)
    assert f"Model({name}:v1" in capsys.readouterr().out
    assert ip.run_cell(f"%modelsync pull {name}", store_history=True).success
    assert "Model(" not in capsys.readouterr().out


def test_variables_are_expanded(ip: InteractiveShell, make: Make, capsys: Captured) -> None:
    make("iris:v1")
    ip.run_cell("tag = 'iris:v1'\na = %modelsync get {tag}\nb = %modelsync get $tag")
    assert str(ip.user_ns["a"].tag) == str(ip.user_ns["b"].tag) == "iris:v1"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("push iris:v1   # Tab completes commands", ["push", "iris:v1"]),
        ("# nothing but a comment", []),
        ("list --query 'label:a #1' # b", ["list", "--query", "label:a #1"]),
        ("list --query label:a#1", ["list", "--query", "label:a#1"]),
        ("list # it's a comment with a quote", ["list"]),
    ],
)
def test_comments_behind_a_line_are_left_out(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_background_returns_the_handle(
    ip: InteractiveShell, client: Client, make: Make, name: str, capsys: Captured
) -> None:
    make(f"{name}:v1")
    ip.run_cell(f"t = %modelsync push {name}:v1 --background  # returns at once")
    handle = ip.user_ns["t"]
    assert isinstance(handle, Transfer)
    assert handle.id in capsys.readouterr().out
    handle.wait(60)


def test_nothing_is_left_of_what_cannot_be_begun_in_the_background(
    ip: InteractiveShell, client: Client, make: Make, name: str, capsys: Captured
) -> None:
    """A typo is said in the cell, as the sidebar says it, and no failed transfer is kept of it."""
    client.push(make(f"{name}:v1").tag)
    for line, said in (
        (f"pull {name}:v9", f"The registry has no model `{name}:v9`"),
        (f"pull {name}x", "Did you mean"),
        (f"push {name}:v9", f"No model `{name}:v9`"),
        (f"export {name}:v9 nowhere", f"No model `{name}:v9`"),
        ("import nowhere/m.tar", "There is nothing at"),
        ("sync local nowhere", "`nowhere` is not the name of a context"),
    ):
        assert not ip.run_cell(f"%modelsync {line} -b").success
        out, err = capsys.readouterr()
        assert said in " ".join((out + err).split())
    client.logout()
    assert not ip.run_cell(f"%modelsync pull {name}:v9 -b").success
    assert len(client.transfers()) == 1, "the push"


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_json_is_printed_and_its_data_returned(ip: InteractiveShell, make: Make, capsys: Captured, output: str) -> None:
    make("iris:v1")
    ip.run_cell(f"x = %modelsync list -o {output}")
    (row,) = ip.user_ns["x"]
    assert row["tag"] == "iris:v1"
    out = capsys.readouterr().out
    assert "iris:v1" in out
    if output == "json":
        assert json.loads(out) == ip.user_ns["x"]
    ip.run_cell(f"%modelsync list -o {output}", store_history=True)
    again = capsys.readouterr().out
    assert again.startswith(out)
    assert again.count("iris:v1") == out.count("iris:v1")


def test_path_is_a_text(ip: InteractiveShell, make: Make) -> None:
    model = make("iris:v1")
    ip.run_cell("x = %modelsync get iris -o path")
    assert ip.user_ns["x"] == str(model.path)


def test_list_is_a_list_with_a_table_for_a_face(ip: InteractiveShell, make: Make, capsys: Captured) -> None:
    make("iris:v1")
    make("iris:v2")
    ip.run_cell("models = %modelsync list")
    models = ip.user_ns["models"]
    assert [str(model.tag) for model in models] == ["iris:v2", "iris:v1"]
    assert "iris:v2" in capsys.readouterr().out
    assert models._repr_html_().count("<tr>") == 3


def test_a_table_escapes_html_and_control_characters() -> None:
    table = Table(["<script>\x1b\u202e\n"], ("TAG",), lambda item: (item,))
    for drawn in (table._repr_html_(), repr(table)):
        assert not set("\x1b\u202e") & set(drawn)
    assert "<script>" not in table._repr_html_()
    assert "&lt;script&gt;\\u001b\\u202e\\n" in table._repr_html_()
    assert Table([], ("TAG",), lambda item: (item,), "None & none.")._repr_html_() == "<p>None &amp; none.</p>"


def test_a_value_is_shown_once_in_its_cell_and_again_where_it_is_asked_for(
    ip: InteractiveShell, make: Make, capsys: Captured
) -> None:
    make("iris:v2")
    ip.run_cell("%modelsync list", store_history=True)
    assert capsys.readouterr().out.count("iris:v2") == 1
    ip.run_cell("_", store_history=True)
    assert capsys.readouterr().out.count("iris:v2") == 1


def test_an_error_fails_the_cell_and_shows_message_and_step_only(
    ip: InteractiveShell, home: object, served: Served, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "wrong")
    result = ip.run_cell(f"%modelsync login {served.url}")
    assert isinstance(result.error_in_exec, NotAuthenticated)
    message, *step, more = "".join(capsys.readouterr()).splitlines()
    assert more == "To find the cause: `%modelsync doctor`."
    assert message == f"{served.url} refuses this token."
    assert " ".join(step).endswith(f"(`%modelsync login {served.url}`).")


def test_an_error_can_be_caught_by_its_class(ip: InteractiveShell) -> None:
    ip.run_cell(
        "from modelsync_jupyter import ModelNotFound\n"
        "try:\n    %modelsync push iris:v1\nexcept ModelNotFound as error:\n    caught = error.code"
    )
    assert ip.user_ns["caught"] == ModelNotFound.code


@pytest.mark.parametrize("error", [Cancelled("Cancelled."), KeyboardInterrupt()])
def test_an_interrupt_says_cancelled_and_what_next(
    ip: InteractiveShell, capsys: Captured, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def interrupt(_: Execution) -> None:
        raise error

    monkeypatch.setattr(Execution, "run", interrupt)
    result = ip.run_cell("%modelsync push iris:v1")
    assert isinstance(result.error_in_exec, Cancelled)
    said = "".join(capsys.readouterr()).splitlines()
    assert said == (["Cancelled."] if isinstance(error, KeyboardInterrupt) else ["Cancelled.", Cancelled.step.text])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pusj iris", "Did you mean `push`?"),
        ("push iris --thread 5", "Did you mean `--threads`?"),
        ("push 'iris", "cannot be split into words"),
        ("login http://r --token s3cret", "A notebook stores what is written in it"),
        ("serve", "`serve` would block this cell."),
        ("contexts --use", "`%modelsync contexts --help`"),
    ],
)
def test_wrong_words_are_usage(ip: InteractiveShell, capsys: Captured, line: str, said: str) -> None:
    result = ip.run_cell(f"%modelsync {line}")
    assert isinstance(result.error_in_exec, UsageError)
    shown = " ".join("".join(capsys.readouterr()).split())
    assert said in shown
    assert "Traceback" not in shown
    assert "s3cret" not in shown


def test_help_is_shown_and_nothing_exits(ip: InteractiveShell, capsys: Captured) -> None:
    assert ip.run_cell("%modelsync").success
    assert "Exit codes" not in capsys.readouterr().out
    assert ip.run_cell("%modelsync push -h").success
    assert "usage: %modelsync push" in capsys.readouterr().out


def test_login_asks_without_echo(ip: InteractiveShell, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: served.token)
    assert ip.run_cell(f"x = %modelsync login {served.url}").success
    assert ip.user_ns["x"].endpoint == served.url


def test_nobody_to_ask_is_usage(
    ip: InteractiveShell, make: Make, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("iris:v1")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    result = ip.run_cell("%modelsync delete iris")
    assert isinstance(result.error_in_exec, UsageError)
    assert "(option `--yes`)" in "".join(capsys.readouterr())


def test_unload_takes_the_magic_away(ip: InteractiveShell) -> None:
    ip.run_line_magic("unload_ext", "modelsync_jupyter")
    assert ip.find_line_magic("modelsync") is None
    ip.run_line_magic("load_ext", "modelsync_jupyter")
    assert ip.find_line_magic("modelsync") is not None
