"""Both tools read and write one store and one file of logins."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.harness.models import differences, make_model
from tests.harness.processes import TOKEN, RegistryProcess

from .conftest import Person

_CREATE = """
import pathlib
for name in ("one", "two", "two"):
    with bentoml.models.create(name, labels={"by": "them"}, metadata={"n": [1, 2.5]}) as model:
        pathlib.Path(model.path_of("w.bin")).write_bytes(name.encode() * 1000)
    print(model.tag)
"""


def test_one_store(tmp_path: Path) -> None:
    ann = Person(tmp_path / "ann", "")
    one, two, latest = ann.python(_CREATE).split()
    (tmp_path / "weights").write_bytes(b"weights")
    ours = json.loads(ann.modelsync("create", "two", str(tmp_path / "weights"), "--label", "by=us", "-o", "json"))
    assert ann.tags() == {
        "theirs": sorted([one, two, latest, ours["tag"]]),
        "ours": sorted([one, two, latest, ours["tag"]]),
    }

    get = "m = bentoml.models.get('two'); print(m.tag, m.info.labels['by'], open(m.path_of('weights')).read())"
    assert ann.python(get).split() == [ours["tag"], "us", "weights"]
    shown = json.loads(ann.modelsync("get", one, "-o", "json"))
    assert (shown["labels"], shown["metadata"]) == ({"by": "them"}, {"n": [1, 2.5]})
    assert json.loads(ann.modelsync("get", "two", "-o", "json"))["tag"] == ours["tag"]

    ann.modelsync("delete", ours["tag"], "--yes")
    assert ann.python("print(bentoml.models.get('two:latest').tag)").strip() == latest
    ann.bentoml("models", "delete", "-y", latest)
    assert json.loads(ann.modelsync("get", "two", "-o", "json"))["tag"] == two
    ann.modelsync("delete", "two", "--yes")
    assert ann.tags() == {"theirs": [one], "ours": [one]}


def test_a_stage_is_no_model(tmp_path: Path) -> None:
    """What lies half done in our corners of the home is nothing to `bentoml`."""
    ann = Person(tmp_path / "ann", "")
    made = make_model(ann.home, "whole:v1", {"w": b"1"})
    for corner in ("tmp/modelsync-pull-half--v1/model", ".modelsync/journals", ".modelsync/transfers"):
        (ann.home / corner).mkdir(parents=True)
    assert ann.tags() == {"theirs": ["whole:v1"], "ours": ["whole:v1"]}
    assert made.exists()


def test_their_login_is_ours(registry: RegistryProcess, tmp_path: Path) -> None:
    ann = Person(tmp_path / "ann", "")
    ann.bentoml("cloud", "login", "--endpoint", registry.url, "--api-token", TOKEN)
    (context,) = json.loads(ann.modelsync("contexts", "-o", "json"))
    assert (context["endpoint"], context["current"]) == (registry.url, True)
    make_model(ann.home, "login-theirs:v1", {"w": b"1"})
    assert ann.modelsync("push", "login-theirs:v1").startswith("Pushed")


def test_our_login_is_theirs(registry: RegistryProcess, tmp_path: Path) -> None:
    ann, bob = Person(tmp_path / "ann", ""), Person(tmp_path / "bob", "")
    for person in (ann, bob):
        person.modelsync("login", registry.url, "--token", TOKEN, "--name", "team")
    assert "team" in ann.bentoml("cloud", "list-context").stdout
    made = make_model(ann.home, "login-ours:v1", {"w": b"1"})
    ann.bentoml("models", "push", "login-ours:v1")
    bob.bentoml("models", "pull", "login-ours:v1")
    assert differences(made, bob.folder("login-ours:v1")) == []


def test_a_login_beside_the_others_spoils_none(registry: RegistryProcess, tmp_path: Path) -> None:
    ann = Person(tmp_path / "ann", "")
    ann.bentoml("cloud", "login", "--endpoint", registry.url, "--api-token", TOKEN)
    before = yaml.safe_load((ann.home / ".yatai.yaml").read_text())["contexts"]
    ann.modelsync("login", registry.url, "--token", TOKEN, "--name", "team")
    data = yaml.safe_load((ann.home / ".yatai.yaml").read_text())
    assert data["current_context_name"] == "team"
    assert data["contexts"][0] == before[0]
    assert ann.bentoml("cloud", "update-current-context", "default").returncode == 0
    assert [c["name"] for c in json.loads(ann.modelsync("contexts", "-o", "json")) if c["current"]] == ["default"]
    ann.modelsync("logout", "team")
    assert json.loads(ann.bentoml("cloud", "list-context").stdout) == ["default"]
