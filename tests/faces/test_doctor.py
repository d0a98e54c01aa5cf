"""Doctor: each thing that can be wrong shows, with what to do; and all is well where all is well."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.client import Check, Client
from modelsync_jupyter.client.checks import _clock
from modelsync_jupyter.demo.process import Served
from tests.harness.clock import within

from .conftest import Make, Shell

pytestmark = pytest.mark.processes


def checks(client: Client) -> dict[str, Check]:
    return {each.name: each for each in client.doctor()}


def test_all_is_well_with_a_registry_that_has_a_model(client: Client, make: Make, name: str) -> None:
    client.push(make(f"{name}:v1").tag)
    found = checks(client)
    own = {"server extension", "sidebar"}  # whether they are built depends on how the package was installed
    assert {each.name for each in found.values() if each.mark != "ok"} <= own
    assert found["endpoint"].text.startswith("It answers in ")
    assert found["ranges"].text == "Downloads run in parallel and resume."


def test_without_a_registry_the_rest_is_looked_at(home: Path) -> None:
    found = checks(Client(home))
    assert (found["context"].mark, found["context"].step.verb) == ("failed", "login")
    assert (found["token"].mark, found["store"].mark, found["widgets"].mark) == ("skipped", "ok", "ok")


def test_a_wrong_token_is_told_from_a_silent_address(home: Path, served: Served, monkeypatch: Any) -> None:
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", served.url)
    monkeypatch.setenv("BENTO_CLOUD_API_KEY", "wrong")
    found = checks(Client(home))
    assert (found["endpoint"].mark, found["token"].mark, found["clock"].mark) == ("ok", "failed", "skipped")
    monkeypatch.setenv("BENTO_CLOUD_API_ENDPOINT", "http://127.0.0.1:9")
    with within(5):
        found = checks(Client(home))
    assert (found["endpoint"].mark, found["token"].mark) == ("failed", "skipped")


def test_tokens_that_others_can_read_are_told(client: Client) -> None:
    client.home.contexts.chmod(0o644)
    found = checks(client)["permissions"]
    assert found.mark == "failed"
    assert "chmod 600" in found.step.text


def test_a_proxy_is_named_without_its_password(client: Client, monkeypatch: Any) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://ana:hunter2@127.0.0.1:9")
    found = checks(client)
    assert found["proxy"].text == "Requests go through http://127.0.0.1:9."
    assert "hunter2" not in str(found)


@pytest.mark.parametrize(("seconds", "mark"), [(0, "ok"), (60, "warning"), (-4000, "failed")])
def test_clocks_are_compared(seconds: int, mark: str) -> None:
    assert _clock(formatdate(time.time() + seconds, usegmt=True)).mark == mark


def test_the_command_prints_marks_with_words_and_json(signed_in: Shell, served: Served) -> None:
    done = signed_in("doctor")
    assert done.returncode == 0
    assert "✓ ok" in done.stdout
    assert served.token not in done.stdout
    data = json.loads(signed_in("doctor", "-o", "json").stdout)
    assert {each["name"] for each in data} >= {"store", "disk", "clock", "proxy", "versions", "widgets"}
