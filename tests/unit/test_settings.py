"""Settings: one file, weaker than the environment, and never half believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import UsageError


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def options(client: Client, **given: Any) -> tuple[int, int | None]:
    found = client._options(given)  # type: ignore[arg-type]
    return found.threads, found.rate_limit


def test_what_is_set_holds_until_it_is_set_back(client: Client) -> None:
    assert options(client) == (10, None)
    assert {each.source for each in client.settings()} == {"default"}
    assert not list(client.home.path.iterdir())  # looking writes nothing
    client.configure("threads", "4")
    client.configure("rate_limit", "20MB")
    assert options(client) == (4, 20_000_000)
    assert options(client, threads=2, rate_limit=0) == (2, None)
    assert repr(client.setting("threads")) == "Setting(threads: 4, file)"
    assert client.configure("threads", "default").value == 10
    assert options(client) == (10, 20_000_000)


def test_the_environment_is_stronger_and_text_means_the_same_there(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.configure("background", True)
    monkeypatch.setenv("MODELSYNC_BACKGROUND", "off")
    monkeypatch.setenv("MODELSYNC_RATE_LIMIT", "none")
    found = {each.name: (each.value, each.source) for each in client.settings()}
    assert found["background"] == (False, "$MODELSYNC_BACKGROUND")
    assert found["rate_limit"] == (None, "$MODELSYNC_RATE_LIMIT")
    monkeypatch.setenv("MODELSYNC_THREADS", "many")
    with pytest.raises(UsageError, match=r"\$MODELSYNC_THREADS: `threads` must be between 1 and 64"):
        options(client)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("thread", 4, "no setting `thread`"),
        ("threads", 0, "between 1 and 64"),
        ("threads", True, "between 1 and 64"),
        ("rate_limit", "1kB", "at least 100.0 kB"),
        ("rate_limit", "fast", "not a size"),
        ("notifications", "maybe", "neither true nor false"),
    ],
)
def test_what_cannot_be_is_refused(client: Client, name: str, value: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        client.configure(name, value)
    assert not list(client.home.path.iterdir())


def test_a_file_that_somebody_edited_keeps_what_is_not_known_and_is_never_overwritten_when_broken(
    client: Client,
) -> None:
    file = client.home.state / "config.json"
    file.parent.mkdir()
    file.write_text('{"of a later version": 1, "threads": 65}')
    with pytest.raises(UsageError, match=r"config.json`: `threads` must be") as wrong:
        options(client)
    assert "Set `threads` anew" in wrong.value.hint
    client.configure("threads", 3)
    assert json.loads(file.read_text()) == {"of a later version": 1, "threads": 3}
    file.write_text("threads: 3")
    with pytest.raises(UsageError, match="cannot be read"):
        client.configure("threads", 4)
    assert file.read_text() == "threads: 3"
