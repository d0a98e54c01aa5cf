"""Editing labels and descriptions of local models: atomic, beside others, and nothing else changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.client import Client
from modelsync_jupyter.core.errors import ModelChanged, ModelNotFound, UsageError
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.folders import remove_tree
from modelsync_jupyter.store import edit as editing


@pytest.fixture
def client(tmp_path: Path) -> Client:
    client = Client(tmp_path / "home")
    with client.create("iris:v1", labels={"stage": "test"}, metadata={"accuracy": 0.9}) as draft:
        (draft.path / "weights.bin").write_bytes(b"12")
    return client


def test_edits_at_once_are_all_kept(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: client.edit("iris", labels={f"k{n}": str(n)}), range(8)))
    assert dict(client.get("iris").info.labels) == {"stage": "test", **{f"k{n}": str(n) for n in range(8)}}
    assert list(client.home.tmp.glob("*")) == list((client.home.state / "locks").glob("*")) == []


def test_only_what_is_named_changes_and_the_digest_with_it(client: Client) -> None:
    before, digest = client.get("iris:v1"), client.digest(client.get("iris:v1"))
    after = client.edit("iris:v1", description="good", remove=["stage"])
    assert after.info == before.info._replace(labels={}, metadata={"accuracy": 0.9, "description": "good"})
    assert None is not client.digest(after) != digest
    assert client.digest(client.edit("iris:v1", labels={"stage": "test"}, description="")) == digest
    assert (after.path / "weights.bin").read_bytes() == b"12"


def test_what_no_registry_takes_is_refused(client: Client) -> None:
    wrongs: list[Any] = [{"labels": {"k": "v" * 1025}}, {"labels": {"k" * 129: ""}}, {"description": "d" * 70_000}]
    for wrong in wrongs:
        with pytest.raises(UsageError):
            client.edit("iris:v1", **wrong)
    with pytest.raises(ModelNotFound):
        client.edit("iris:v2", labels={"a": "b"})
    assert dict(client.get("iris").info.labels) == {"stage": "test"}


def test_a_copy_that_came_meanwhile_keeps_its_own_labels(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def come(data: bytes, info: object) -> str:
        folder = client.get("iris:v1").path
        folder.rename(folder.with_name(".old"))
        with client.create("iris:v1", labels={"stage": "new"}):
            pass
        return data.decode() + "# edited\n"

    monkeypatch.setattr(editing, "edited_yaml", come)
    with pytest.raises(ModelChanged):
        client.edit(Tag("iris", "v1"), labels={"stage": "edited"})
    assert "stage: new" in (client.get("iris:v1").path / "model.yaml").read_text()
    remove_tree(client.home.models / "iris" / ".old")


def test_a_model_says_what_was_in_it_when_it_was_asked_for(client: Client) -> None:
    assert client.digest(client.get("iris:v1"))  # from now on, a model.yaml is read only where it has to be
    before = client.get("iris:v1")
    client.edit("iris:v1", labels={"stage": "edited"})
    assert dict(before.info.labels) == {"stage": "test"}
