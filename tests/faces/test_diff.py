"""Diff: what really differs, locally and from a real registry, of which only slices are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from modelsync_jupyter.client import Change, Client, Diff
from modelsync_jupyter.commands.insight import diff_text
from modelsync_jupyter.core.errors import ModelNotFound, UsageError
from modelsync_jupyter.core.states import State
from modelsync_jupyter.demo.process import Served
from tests.harness.faults import FaultyProxy
from tests.harness.models import MIB

pytestmark = pytest.mark.processes
Save = Callable[..., None]


@pytest.fixture
def save(home: Path) -> Save:
    """Save a model of files: text, or arrays as safetensors."""

    def save(tag: str, files: dict[str, Any], **options: Any) -> None:
        with Client(home).create(tag, **options) as draft:
            for name, content in files.items():
                if isinstance(content, dict):
                    save_file(content, draft.path / name)
                else:
                    (draft.path / name).write_bytes(content)

    return save


def arrays(seed: int = 0, **changed: Any) -> dict[str, Any]:
    """Six megabytes of weights in three tensors."""
    random = np.random.default_rng(seed)
    names = ("embed", "attention", "head")
    return {name: random.random((512, 1024), np.float32) for name in names} | changed


def named(found: Diff, kind: str) -> dict[str, str]:
    return {each.name: each.how for each in found.changes if each.kind == kind}


def test_equal_sizes_and_other_bytes_differ(save: Save, home: Path) -> None:
    save("round:a", {"model.bin": b"x" * 5_000_000})
    save("round:b", {"model.bin": b"x" * 4_999_999 + b"y"})
    found = Client(home).diff("round:a", "round:b")
    assert (found.equal, found.state, named(found, "file")) == (False, State.DIFFERENT, {"model.bin": "changed"})


def test_the_same_files_are_equal_though_tag_and_time_are_not(save: Save, home: Path) -> None:
    for version in ("a", "b"):
        save(f"same:{version}", {"w.bin": b"abc"}, labels={"stage": "prod"}, metadata={"f1": 0.5})
    found = Client(home).diff("same:a", "same:b")
    assert (found.equal, found.state, found.changes) == (True, State.IN_SYNC, ())
    assert diff_text(found) == "`same:a` and `same:b` are equal: files, labels, metadata and environment."


def test_facts_stand_old_beside_new(save: Save, home: Path) -> None:
    save("facts:a", {"w": b"1", "gone": b""}, labels={"stage": "dev"}, metadata={"f1": 0.5, "deep": {"x": [1]}})
    labels = {"stage": "prod", "team": "nlp"}
    save("facts:b", {"w": b"1", "new": b""}, labels=labels, metadata={"f1": 0.6}, metrics={"auc": 1})
    found = Client(home).diff("facts:a", "facts:b")
    facts = found.of("label", "metadata", "metric")
    assert {(each.kind, each.name, each.how, str(each.old), str(each.new)) for each in facts} == {
        ("label", "stage", "changed", "dev", "prod"),
        ("label", "team", "added", "None", "nlp"),
        ("metadata", "f1", "changed", "0.5", "0.6"),
        ("metadata", "deep.x", "removed", "[1]", "None"),
        ("metric", "auc", "added", "None", "1"),
    }
    assert named(found, "file") == {"gone": "removed", "new": "added"}


@pytest.fixture(params=["local", "remote"])
def pair(request: pytest.FixtureRequest, save: Save, client: Client, served: Served, name: str) -> Any:
    """Two versions of which one tensor changed, one grew and one was added; in the store, or in the registry alone."""
    old = arrays()
    head = old["head"].copy()
    head[100, 7] += 1
    save(f"{name}:a", {"m.safetensors": old})
    save(f"{name}:b", {"m.safetensors": {**old, "head": head, "bias": np.ones(8, np.float32)}})
    if request.param == "remote":
        for version in "ab":
            client.push(f"{name}:{version}")
    return client, name, request.param == "remote"


def test_only_the_tensors_that_changed_are_named(pair: Any) -> None:
    client, name, remote = pair
    found = client.diff(f"{name}:a", f"{name}:b", remote=remote)
    assert named(found, "tensor") == {"head": "changed", "bias": "added"}
    (head,) = (each for each in found.changes if each.name == "head")
    assert head == Change("tensor", "head", "changed", head.old, head.new, "m.safetensors")
    assert head.new == {"dtype": "F32", "shape": [512, 1024], "size": 2 * MIB}
    assert "F32 512 x 1024" in diff_text(found)


def test_a_local_version_is_compared_with_its_copy_without_a_download(
    save: Save, client: Client, served: Served, name: str
) -> None:
    """The registry has 36 MB; of those, headers and the one slice that differs travel."""
    old = {f"t{n}": np.random.default_rng(n).random((1024, 1024), np.float32) for n in range(9)}
    save(f"{name}:a", {"m.safetensors": old}, labels={"stage": "dev"})
    client.push(f"{name}:a")
    client.delete(f"{name}:a")
    old["t3"][500, 500] += 1
    save(f"{name}:a", {"m.safetensors": old}, labels={"stage": "prod"})
    with FaultyProxy(served.url) as line:
        there = Client(client.home.path)
        there.login(line.url, served.token)
        found = there.diff(f"{name}:a", remote=True)
        travelled = sum(each.received for each in line.log)
    assert named(found, "tensor") == {"t3": "changed"}
    assert (found.old.where, found.new.where) == ("remote", "local")
    assert found.of("label") == [Change("label", "stage", "changed", "dev", "prod")]
    assert travelled < 4 * MIB


def test_a_version_that_only_the_registry_has_is_taken_from_there(save: Save, client: Client, name: str) -> None:
    save(f"{name}:a", {"w": b"1"})
    client.push(f"{name}:a")
    client.delete(f"{name}:a")
    save(f"{name}:b", {"w": b"2"})
    found = client.diff(f"{name}:a", f"{name}:b")
    assert (found.old.where, found.new.where, named(found, "file")) == ("remote", "local", {"w": "changed"})


def test_what_is_not_there_is_said(save: Save, client: Client, name: str) -> None:
    save(f"{name}:a", {"w": b"1"})
    with pytest.raises(UsageError, match="needs two versions"):
        client.diff(f"{name}:a")
    with pytest.raises(ModelNotFound, match="Neither"):
        client.diff(f"{name}:a", f"{name}:zzz")
    with pytest.raises(ModelNotFound, match="no complete"):
        client.diff(f"{name}:a", remote=True)
