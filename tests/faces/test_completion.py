"""Completion in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.client import Client
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.notebook import completion

from .conftest import Make


@pytest.fixture(autouse=True)
def _store(home: Path) -> Iterator[None]:
    """A store with the folders of `iris:v1`, `iris:v2` and `rose:a`."""
    for tag in ("iris/v1", "iris/v2", "rose/a"):
        (home / "models" / tag).mkdir(parents=True)
    (home / "models" / "iris" / "latest").write_text("v2")
    yield
    completion.remember([])


def complete(ip: InteractiveShell, text: str) -> list[str]:
    """The whole texts that a completion at the end of `text` would make."""
    with provisionalcompleter():
        found = list(ip.Completer.completions(text, len(text)))
    return [text[: item.start] + item.text for item in found if item.type == "modelsync"]


def test_commands(ip: InteractiveShell) -> None:
    assert complete(ip, "%modelsync pu") == ["%modelsync pull", "%modelsync push"]
    assert len(complete(ip, "%modelsync ")) == len(build_parser().commands)
    assert complete(ip, "%modelsync registry u") == ["%modelsync registry user"]
    assert complete(ip, "%modelsync registry user d") == ["%modelsync registry user disable"]
    assert complete(ip, "%modelsync registry user add --ro") == [
        f"%modelsync registry user add {option}" for option in ("--robot", "--role")
    ]


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


def test_remote_tags_are_those_listed_last(ip: InteractiveShell, client: Client, make: Make, name: str) -> None:
    assert complete(ip, "%modelsync pull ") == []
    client.push(make(f"{name}:v3").tag)
    ip.run_cell(f"%modelsync list {name} --remote")
    client.logout()  # from here on nothing can be asked of the registry
    assert complete(ip, f"%modelsync pull {name}") == [f"%modelsync pull {name}:v3"]


def test_transfers_that_can_be_cancelled_or_resumed_and_contexts(ip: InteractiveShell, client: Client) -> None:
    for id, state in (("aaaaaaaa", "running"), ("bbbbbbbb", "failed"), ("cccccccc", "succeeded")):
        Records(client.home).save(Record(id, "push", "iris:v1", state=state))
    assert complete(ip, "%modelsync cancel ") == ["%modelsync cancel aaaaaaaa"]
    assert complete(ip, "%modelsync attach ") == ["%modelsync attach aaaaaaaa"]
    assert complete(ip, "%modelsync resume ") == ["%modelsync resume bbbbbbbb"]
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
