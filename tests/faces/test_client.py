"""`Client`: options by keyword, both sides compared, and what it says when something does not fit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import modelsync_jupyter
from modelsync_jupyter.client import Client, State
from modelsync_jupyter.commands.views import outcome_text
from modelsync_jupyter.commands.words import CELL, SHELL
from modelsync_jupyter.core.errors import InvalidTag, ModelNotFound, UsageError
from modelsync_jupyter.core.outcome import Outcome
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.contexts import resolve
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry

from .conftest import Make

OTHER = Outcome("push", Tag("iris", "v1"), "skipped", "It is there.", state=State.DIFFERENT)


def test_the_home_and_the_registry_are_those_of_the_client(client: Client, make: Make, name: str) -> None:
    make(f"{name}:v1")
    assert Client(client.home.path, "default").push(f"{name}:v1", rate_limit="20MB/s", threads=2).status == "pushed"
    with pytest.raises(Exception, match="no context `other`"):
        Client(client.home.path, "other").push(f"{name}:v1")
    assert [each.record.options.rate_limit for each in client.transfers() if each.state == "succeeded"] == [20_000_000]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threads": 0}, "`threads` must be between 1 and 64."),
        ({"threads": 65}, "`threads` must be between 1 and 64."),
        ({"threads": "4"}, "`threads` must be between 1 and 64."),
        ({"rate_limit": 99_999}, "`rate_limit` must be at least 100.0 kB per second."),
        ({"rate_limit": "fast"}, "`fast` is not a size such as `20MB`."),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_done(home: Path, options: Any, said: str) -> None:
    for act in (
        Client(home).push,
        Client(home).pull_in_background,
        lambda tag, **o: Client(home).plan("push", tag, **o),
    ):
        with pytest.raises(UsageError) as caught:
            act("iris:v1", **options)
        assert caught.value.message == said
    assert not home.exists()


def test_a_name_that_is_nearly_right_is_suggested_and_a_wrong_version_is_not(make: Make, home: Path) -> None:
    make("sentiment:v1")
    with pytest.raises(ModelNotFound, match=r"Did you mean `sentiment`\?"):
        Client(home).get("sentimnet:v1")
    with pytest.raises(ModelNotFound) as caught:
        Client(home).get("sentiment:v2")
    assert "Did you mean" not in caught.value.message
    with pytest.raises(InvalidTag):
        Client(home).get("no good")


def test_status_tells_each_version_by_what_both_sides_have(client: Client, make: Make, name: str) -> None:
    client.push(make(f"{name}:v1").tag)
    make(f"{name}:v2")
    client.push(make(f"{name}:v3").tag)
    client.delete(f"{name}:v3")
    remote = Remote(Http(resolve(client.home), Retry()))
    half = make(f"{name}:v4")
    remote.create_model(half.tag, _body(half.tag))
    (pending,) = client.status(str(half.tag))
    found = {status.tag.version: status for status in client.status(name)}
    assert found["v2"].state is State.LOCAL_ONLY
    assert found["v3"].state is State.REMOTE_ONLY
    assert pending.state is State.PARTIAL
    assert (found["v2"].remote, found["v3"].local) == (None, None)
    assert [status.tag.version for status in client.status(f"{name}:v2")] == ["v2"]


def test_status_hashes_only_when_it_is_told_to_and_never_guesses(client: Client, make: Make, name: str) -> None:
    client.push(make(f"{name}:v1").tag)
    for path in (client.home.state / "digests").glob("*"):
        path.unlink()  # as for a model that stock bentoml saved
    (status,) = client.status(name)
    assert (status.state, client.digest(client.get(name))) == (State.UNKNOWN, None)
    seen: list[Progress] = []
    (status,) = client.status(name, hash=True, progress=seen.append)
    assert (seen[-1].step, seen[-1].done > 10_000) == ("hashing", True)
    assert status.digest == client.digest(client.get(name)) != None  # noqa: E711


def test_status_is_in_pages_and_tells_how_many_there_are(client: Client, make: Make, name: str) -> None:
    for number in range(5):
        make(f"{name}:v{number}")
    page = client.status(search=name[:-1], start=1, limit=2)
    assert ([str(status.tag) for status in page], page.total) == ([f"{name}:v3", f"{name}:v2"], 5)


def test_a_push_that_left_a_different_model_alone_warns_in_python(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "run", lambda *_, **__: OTHER)
    for push in (Client(home).push, modelsync_jupyter.push):
        with pytest.warns(UserWarning, match="iris:v1 was not pushed: the registry has a different model") as caught:
            push("iris:v1")
        assert caught[0].filename == __file__


def test_a_face_says_one_sentence_instead_in_its_own_words() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        said = outcome_text(OTHER, SHELL)
    assert said.startswith("Skipped `iris:v1`. The registry has a different model under this tag. ")
    assert said.endswith("(option `--force`).")
    assert outcome_text(OTHER, CELL) == said


def _body(tag: Tag) -> Any:
    return {
        "description": "",
        "version": tag.version,
        "build_at": "2026-01-02 03:04:05.000000+0000",
        "labels": [],
        "manifest": {
            **{"module": "", "api_version": "v1", "bentoml_version": "", "size_bytes": 1, "metadata": {}},
            **{"context": {}, "options": {}},
        },
    }
