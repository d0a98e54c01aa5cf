"""Completion in a real IPython shell."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from modelsync_jupyter.client import Client, Context, names
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.notebook import completion
from modelsync_jupyter.remotes import contexts
from tests.harness.clock import wait_until, within

from .conftest import Make

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def _store(home: Path) -> None:
    """A store with the folders of `iris:v1`, `iris:v2` and `rose:a`."""
    for tag in ("iris/v1", "iris/v2", "rose/a"):
        (home / "models" / tag).mkdir(parents=True)
    (home / "models" / "iris" / "latest").write_text("v2")


def complete(ip: InteractiveShell, text: str) -> list[str]:
    """The whole texts that a completion at the end of `text` would make."""
    with provisionalcompleter():
        found = list(ip.Completer.completions(text, len(text)))
    ours = [item for item in found if item.type in ("modelsync", "variable") or "·" in (item.type or "")]
    return [text[: item.start] + item.text for item in ours]


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
    assert complete(ip, "%modelsync push --output=js") == ["%modelsync push --output=json"]
    assert complete(ip, "%modelsync push -t 1") == [f"%modelsync push -t {number}" for number in (1, 10)]


def test_local_tags_across_the_colon(ip: InteractiveShell) -> None:
    assert complete(ip, "%modelsync push ") == [f"%modelsync push {tag}" for tag in ("iris:v1", "iris:v2", "rose:a")]
    assert complete(ip, "%modelsync push iris:") == ["%modelsync push iris:v1", "%modelsync push iris:v2"]
    assert complete(ip, "%modelsync push -f iris:v2") == ["%modelsync push -f iris:v2"]


def test_remote_tags_are_remembered_for_all_kernels(
    ip: InteractiveShell, client: Client, make: Make, name: str
) -> None:
    """The first key asks in the background, and no key waits for it; another kernel reads the same file."""
    client.push(make(f"{name}:v3").tag)
    assert complete(ip, f"%modelsync pull {name}") == []
    found = wait_until(lambda: complete(ip, f"%modelsync pull {name}"), "an answer")
    assert found == [f"%modelsync pull {name}:v3"]
    client.push(make(f"{name}:v4").tag)
    ip.run_cell(f"%modelsync list {name} --remote")  # what has just been seen is known at once
    code = (
        "from modelsync_jupyter.notebook.completion import complete; print(complete('%modelsync pull "
        + name
        + "', {}))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert f"{name}:v4" in other.stdout
    assert complete(ip, f"%modelsync get --remote {name}:v4") == [f"%modelsync get --remote {name}:v4"]
    assert complete(ip, f"%modelsync registry describe {name}") == [f"%modelsync registry describe {name}"]


def test_no_key_waits_for_a_registry_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("BENTO_CLOUD_API_KEY", "x")
        completion.complete("%modelsync pull i", {})  # imports what it needs
        with within(1):
            for _ in range(5):
                completion.complete("%modelsync pull i", {})


def test_variables_stand_for_words(ip: InteractiveShell) -> None:
    ip.user_ns |= {"my_tag": "iris:v1", "my_number": 3}
    assert complete(ip, "%modelsync push {my") == ["%modelsync push {my_tag}"]
    assert complete(ip, "%modelsync push $my") == ["%modelsync push $my_tag"]


def test_tags_in_calls_of_this_package_alone(ip: InteractiveShell) -> None:
    ip.run_cell("import modelsync_jupyter as ms\nfrom modelsync_jupyter import push, Client\nclient = Client()\nd = {}")
    assert complete(ip, 'push("iris:') == ['push("iris:v1', 'push("iris:v2']
    assert complete(ip, "x = ms.push('ro") == ["x = ms.push('rose:a"]
    assert complete(ip, 'client.diff("iris:v1", "iris:v2') == ['client.diff("iris:v1", "iris:v2']
    assert complete(ip, 'd.get("ir') == []
    assert complete(ip, 'pull("ir') == []


def test_transfers_that_can_be_cancelled_or_resumed_and_contexts(ip: InteractiveShell, client: Client) -> None:
    for id, state in (("aaaaaaaa", "running"), ("bbbbbbbb", "failed"), ("cccccccc", "succeeded")):
        Records(client.home).save(Record.new(id, "push", "iris:v1", state=state))
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


def test_what_the_registry_has_for_the_verbs_about_it(ip: InteractiveShell, home: Path) -> None:
    contexts.save(Home(home), Context("team", "http://127.0.0.1:9", "t"))
    names.remember(Home(home), None, ["lily:v1"])
    for words in ("alias", "history", "restore"):
        assert complete(ip, f"%modelsync {words} li") == [f"%modelsync {words} lily", f"%modelsync {words} lily:v1"]
    assert complete(ip, "%modelsync label iris:v1 --lo") == ["%modelsync label iris:v1 --local"]
    assert complete(ip, "%modelsync label ro") == ["%modelsync label rose:a"]
    assert complete(ip, "%modelsync registry grant add li") == ["%modelsync registry grant add lily"]
    assert complete(ip, "%modelsync registry user show li") == []
