"""The magic in a real IPython shell."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.commands.tables import Table
from modelsync_jupyter.core.errors import Cancelled, Unavailable, UsageError
from modelsync_jupyter.core.outcome import Options, Outcome

from .fake_api import V1, FakeApi, FakeModel

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def ip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension loaded."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "modelsync_jupyter")
    yield shell
    shell.run_line_magic("unload_ext", "modelsync_jupyter")
    shell.history_manager.end_session()


def test_push_shows_the_sentence_and_returns_the_outcome(ip: InteractiveShell, api: FakeApi, capsys: Captured) -> None:
    result = ip.run_cell("x = %modelsync push iris:v1 -f")
    assert result.success
    assert ip.user_ns["x"] == api.outcome
    assert api.calls == [("run", "push", "iris:v1", Options(force=True), None)]
    assert capsys.readouterr().out.startswith("Pushed `iris:v1`: 1.0 MB in 2.0 s")


def test_pull_returns_the_model(ip: InteractiveShell, api: FakeApi) -> None:
    api.outcome = Outcome("pull", V1, "pulled", "", moved=1, seconds=1)
    ip.run_cell("model = %modelsync pull iris")
    assert ip.user_ns["model"] == FakeModel(V1)


def test_variables_are_expanded(ip: InteractiveShell, api: FakeApi) -> None:
    ip.run_cell("tag = 'iris:v1'\n%modelsync push {tag}\n%modelsync push $tag")
    assert [call[2] for call in api.calls] == ["iris:v1", "iris:v1"]


def test_background_returns_the_handle(ip: InteractiveShell, api: FakeApi, capsys: Captured) -> None:
    ip.run_cell("t = %modelsync push iris:v1 --background")
    assert ip.user_ns["t"].id == "p7k2m9qa"
    assert "`%modelsync attach p7k2m9qa`" in capsys.readouterr().out


def test_json_is_printed(ip: InteractiveShell, api: FakeApi, capsys: Captured) -> None:
    ip.run_cell("%modelsync push iris:v1 -o json")
    assert json.loads(capsys.readouterr().out) == api.outcome.to_dict()


def test_list_is_a_list_with_a_table_for_a_face(ip: InteractiveShell, api: FakeApi, capsys: Captured) -> None:
    ip.run_cell("models = %modelsync list")
    models = ip.user_ns["models"]
    assert [str(model.tag) for model in models] == ["iris:v1", "iris:v2"]
    assert "iris:v2" in capsys.readouterr().out
    assert models._repr_html_().count("<tr>") == 3


def test_a_table_escapes_html() -> None:
    table = Table(["<script>"], ("TAG",), lambda item: (item,))
    assert "<script>" not in table._repr_html_()
    assert "&lt;script&gt;" in table._repr_html_()
    assert Table([], ("TAG",), lambda item: (item,), "None & none.")._repr_html_() == "<p>None &amp; none.</p>"


def test_a_value_is_shown_once_in_its_cell_and_again_where_it_is_asked_for(
    ip: InteractiveShell, api: FakeApi, capsys: Captured
) -> None:
    ip.run_cell("%modelsync list", store_history=True)
    assert capsys.readouterr().out.count("iris:v2") == 1
    ip.run_cell("_", store_history=True)
    assert capsys.readouterr().out.count("iris:v2") == 1


def test_an_error_fails_the_cell_and_shows_message_and_hint_only(
    ip: InteractiveShell, api: FakeApi, capsys: Captured
) -> None:
    api.error = Unavailable("No answer from http://r.", step="Check it with `modelsync contexts`.")
    result = ip.run_cell("%modelsync push iris:v1")
    assert isinstance(result.error_in_exec, Unavailable)
    out, err = capsys.readouterr()
    assert (out + err).splitlines() == ["No answer from http://r.", "Check it with `%modelsync contexts`."]


def test_an_error_can_be_caught_by_its_class(ip: InteractiveShell, api: FakeApi) -> None:
    api.error = Unavailable("No answer.")
    ip.run_cell(
        "from modelsync_jupyter.core.errors import Unavailable\n"
        "try:\n    %modelsync push iris:v1\nexcept Unavailable as error:\n    caught = error.code"
    )
    assert ip.user_ns["caught"] == "unavailable"


@pytest.mark.parametrize("error", [Cancelled("Cancelled."), KeyboardInterrupt()])
def test_an_interrupt_says_cancelled_and_what_next(
    ip: InteractiveShell, api: FakeApi, capsys: Captured, error: BaseException
) -> None:
    api.error = error
    result = ip.run_cell("%modelsync push iris:v1")
    assert isinstance(result.error_in_exec, Cancelled)
    shown = "".join(capsys.readouterr())
    assert shown.splitlines() == ["Cancelled.", "Run the same command again: it goes on where it stopped."]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("pusj iris", "Did you mean `push`?"),
        ("push 'iris", "cannot be split into words"),
        ("login http://r --token s3cret", "A notebook keeps what is written in it"),
        ("serve", "busy for ever"),
    ],
)
def test_wrong_words_are_usage(ip: InteractiveShell, api: FakeApi, capsys: Captured, line: str, said: str) -> None:
    result = ip.run_cell(f"%modelsync {line}")
    assert isinstance(result.error_in_exec, UsageError)
    shown = "".join(capsys.readouterr())
    assert said in shown
    assert "Traceback" not in shown
    assert "s3cret" not in shown
    assert api.calls == []


def test_help_is_shown_and_nothing_exits(ip: InteractiveShell, capsys: Captured) -> None:
    assert ip.run_cell("%modelsync").success
    assert ip.run_cell("%modelsync push -h").success
    assert "usage: %modelsync push" in capsys.readouterr().out


def test_login_asks_without_echo(ip: InteractiveShell, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: "typed")
    assert ip.run_cell("%modelsync login http://r").success
    assert api.tokens == ["typed"]


def test_nobody_to_ask_is_usage(ip: InteractiveShell, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    result = ip.run_cell("%modelsync delete iris")
    assert isinstance(result.error_in_exec, UsageError)
    assert api.calls == []


def test_unload_takes_the_magic_away(ip: InteractiveShell) -> None:
    ip.run_line_magic("unload_ext", "modelsync_jupyter")
    assert ip.find_line_magic("modelsync") is None
    ip.run_line_magic("load_ext", "modelsync_jupyter")
    assert ip.find_line_magic("modelsync") is not None
