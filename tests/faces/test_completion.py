"""Completion in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.notebook import completion

from .fake_api import FakeApi


@pytest.fixture
def ip(tmp_path: Path, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension, and a store with `iris:v1`, `iris:v2` and `rose:a`."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path))
    monkeypatch.setattr("modelsync_jupyter.client", api, raising=False)
    for tag in ("iris/v1", "iris/v2", "rose/a"):
        (tmp_path / "models" / tag).mkdir(parents=True)
    (tmp_path / "models" / "iris" / "latest").write_text("v2")
    shell = InteractiveShell()
    shell.history_manager.enabled = False
    shell.run_line_magic("load_ext", "modelsync_jupyter")
    yield shell
    completion.remember([])
    shell.run_line_magic("unload_ext", "modelsync_jupyter")
    shell.history_manager.end_session()


def complete(ip: InteractiveShell, text: str) -> list[str]:
    """The whole texts that a completion at the end of `text` would make."""
    with provisionalcompleter():
        found = list(ip.Completer.completions(text, len(text)))
    return [text[: item.start] + item.text for item in found if item.type == "modelsync"]


def test_commands(ip: InteractiveShell) -> None:
    assert complete(ip, "%modelsync pu") == ["%modelsync pull", "%modelsync push"]
    assert len(complete(ip, "%modelsync ")) == 15


def test_commands_behind_an_assignment_and_in_a_later_line(ip: InteractiveShell) -> None:
    assert complete(ip, "x = %modelsync pus") == ["x = %modelsync push"]
    assert complete(ip, "a = 1\n%modelsync pus") == ["a = 1\n%modelsync push"]


def test_options_of_the_command(ip: InteractiveShell) -> None:
    assert complete(ip, "%modelsync push iris --ba") == ["%modelsync push iris --background"]
    assert complete(ip, "%modelsync get --ba") == []


def test_values_of_an_option(ip: InteractiveShell) -> None:
    assert complete(ip, "%modelsync push -o j") == ["%modelsync push -o json"]
    assert complete(ip, "%modelsync push --threads ") == []


def test_local_tags_across_the_colon(ip: InteractiveShell) -> None:
    assert complete(ip, "%modelsync push ") == [f"%modelsync push {tag}" for tag in ("iris:v1", "iris:v2", "rose:a")]
    assert complete(ip, "%modelsync push iris:") == ["%modelsync push iris:v1", "%modelsync push iris:v2"]
    assert complete(ip, "%modelsync push -f iris:v2") == ["%modelsync push -f iris:v2"]


def test_remote_tags_are_those_listed_last(ip: InteractiveShell, api: FakeApi) -> None:
    assert complete(ip, "%modelsync pull ") == []
    ip.run_cell("%modelsync list --remote")
    calls = list(api.calls)
    assert complete(ip, "%modelsync pull ir") == ["%modelsync pull iris:v3"]
    assert api.calls == calls


def test_transfers_and_contexts(ip: InteractiveShell) -> None:
    assert complete(ip, "%modelsync cancel p7") == ["%modelsync cancel p7k2m9qa"]
    assert complete(ip, "%modelsync push iris --context d") == ["%modelsync push iris --context default"]


def test_python_is_left_alone(ip: InteractiveShell) -> None:
    ip.user_ns["modelsync_value"] = 1
    with provisionalcompleter():
        found = [item.text for item in ip.Completer.completions("modelsync_v", len("modelsync_v"))]
    assert "modelsync_value" in found


def test_reload_adds_the_matcher_once_and_unload_takes_it_away(ip: InteractiveShell) -> None:
    before = len(ip.Completer.custom_matchers)
    ip.run_line_magic("reload_ext", "modelsync_jupyter")
    assert len(ip.Completer.custom_matchers) == before
    assert complete(ip, "%modelsync pus") == ["%modelsync push"]
    ip.run_line_magic("unload_ext", "modelsync_jupyter")
    assert len(ip.Completer.custom_matchers) == before - 1
