"""What `bentoml` pushes to our registry we pull, and what we push it pulls and loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.models import MIB, ODD_FILES, Executable, Link, differences, make_model

from .conftest import Person

#: Stock clients make copies of links and lose exec bits, so these have neither.
PLAIN = {path: entry for path, entry in ODD_FILES.items() if not isinstance(entry, (Link, Executable))}
#: Two parts of a stock client, of 100 MiB and the rest.
BIG = 101 * MIB


@pytest.mark.parametrize("tool", ["command", "API"])
def test_what_they_push_we_pull(ann: Person, bob: Person, tool: str) -> None:
    """Both sides then agree on its content digest, however stock clients cut it into parts."""
    tag = f"theirs-{tool.lower()}:v1"
    made = make_model(
        ann.home, tag, {**ODD_FILES, "large.bin": 5 * MIB}, labels={"stage": "prod"}, metadata={"accuracy": 0.9}
    )
    if tool == "command":
        ann.bentoml("models", "push", tag)
    else:
        ann.python(f"bentoml.models.push({tag!r})")
    pulled = json.loads(bob.modelsync("pull", tag, "-o", "json"))
    assert (pulled["tag"], pulled["status"]) == (tag, "pulled")
    assert differences(made, bob.folder(tag)) == []
    (row,) = json.loads(bob.modelsync("list", tag, "--remote", "-o", "json"))
    assert row["digest"].startswith("blake3:")
    assert (pulled["digest"], pulled["state"]) == (row["digest"], "in sync")
    assert (row["tag"], row["labels"]) == (tag, {"stage": "prod"})


@pytest.mark.parametrize("tool", ["command", "API"])
def test_what_we_push_they_pull_and_load(ann: Person, bob: Person, tool: str) -> None:
    tag = f"ours-{tool.lower()}:v1"
    made = make_model(ann.home, tag, {**PLAIN, "w.bin": 20 * MIB}, labels={"stage": "prod"})
    ann.modelsync("push", tag)
    if tool == "command":
        bob.bentoml("models", "pull", tag)
        said = bob.python(f"m = bentoml.models.get({tag!r}); print(m.tag, m.info.labels['stage'], m.path)")
    else:
        code = f"m = bentoml.models.BentoModel({tag!r}).resolve(); print(m.tag, m.info.labels['stage'], m.path)"
        said = bob.python(code)
    assert said.split()[-3:] == [tag, "prod", str(bob.folder(tag))]
    assert differences(made, bob.folder(tag)) == []


def test_a_big_model_goes_both_ways(ann: Person, bob: Person, tmp_path: Path) -> None:
    """They send two parts; we send what we got under another name, and they fetch it."""
    made = make_model(ann.home, "big:v1", size=BIG)
    ann.bentoml("models", "push", "-t", "3", "big:v1")
    pulled = json.loads(bob.modelsync("pull", "big:v1", "-o", "json"))
    assert (pulled["bytes_received"] > BIG, pulled["state"]) == (True, "in sync")
    assert differences(made, bob.folder("big:v1")) == []
    again = make_model(bob.home, "big:v2", size=BIG + 3)
    bob.modelsync("push", "big:v2")
    ann.bentoml("models", "pull", "big:v2")
    assert differences(again, ann.folder("big:v2")) == []
    assert json.loads(bob.modelsync("push", "big:v1", "--force", "-o", "json"))["status"] == "pushed"
    carol = Person(tmp_path / "carol", ann.url)
    carol.bentoml("models", "pull", "big:v1")
    assert differences(made, carol.folder("big:v1")) == []


def test_both_skip_what_is_there_and_replace_it_by_force(ann: Person, bob: Person) -> None:
    make_model(ann.home, "again:v1", {"w": b"old"})
    ann.bentoml("models", "push", "again:v1")
    assert "already exists" in ann.bentoml("models", "push", "again:v1").stdout
    assert json.loads(ann.modelsync("push", "again:v1", "-o", "json"))["status"] == "skipped"
    new = make_model(bob.home, "again:v1", {"w": b"new", "more": b"1"}, labels={"by": "us"})
    bob.modelsync("push", "again:v1", "--force")
    ann.bentoml("models", "pull", "--force", "again:v1")
    assert differences(new, ann.folder("again:v1")) == []
    (ann.folder("again:v1") / "w").write_bytes(b"newer")
    ann.bentoml("models", "push", "--force", "again:v1")
    bob.modelsync("pull", "again:v1", "--force")
    assert (bob.folder("again:v1") / "w").read_bytes() == b"newer"


def test_a_trained_model_works_at_the_other_end(ann: Person, bob: Person) -> None:
    train = """
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
saved = bentoml.sklearn.save_model("iris", model, labels={"kind": "demo"}, metadata={"accuracy": 1.0})
bentoml.models.push(saved.tag)
print(saved.tag)
"""
    tag = ann.python(train).split()[-1]
    path = Path(bob.modelsync("pull", "iris:latest", "-o", "path").strip())
    assert path == bob.folder(tag)
    said = bob.python("print(bentoml.sklearn.load_model('iris:latest').predict([[0.2], [2.9]]).tolist())")
    assert said.strip() == "[0, 1]"
    (row,) = json.loads(bob.modelsync("list", "iris", "--remote", "-o", "json"))
    assert (row["module"], row["labels"]) == ("bentoml.sklearn", {"kind": "demo"})
    shown = json.loads(bob.modelsync("get", tag, "-o", "json"))
    assert shown["metadata"] == {"accuracy": 1.0}
