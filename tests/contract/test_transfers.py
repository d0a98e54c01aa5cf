"""What a push and a pull promise, whichever registry is between them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import Conflict, ModelNotFound
from modelsync_jupyter.core.outcome import DifferentContentWarning
from modelsync_jupyter.core.states import State
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from tests.harness.models import CREATED, ODD_FILES, differences, make_model

from .plainly import create


class TestTransfers:
    """One class, every registry."""

    def test_a_model_arrives_as_it_was(self, here: Path, name: str, tmp_path: Path) -> None:
        made = make_model(here, f"{name}:v1", ODD_FILES, labels={"stage": "dev"}, metadata={"acc": [1, None, "é"]})
        pushed = api.push(f"{name}:v1", home=here)
        assert (pushed.status, pushed.moved > 0) == ("pushed", True)
        model = api.pull(f"{name}:v1", home=tmp_path / "there")
        assert differences(made, model.path) == []
        assert model.info.labels == {"stage": "dev"}

    def test_the_second_time_nothing_travels(self, here: Path, name: str, tmp_path: Path) -> None:
        make_model(here, f"{name}:v1", size=300_000)
        api.push(f"{name}:v1", home=here)
        again = api.push(f"{name}:v1", home=here)
        assert (again.status, again.moved, again.reason) == ("skipped", 0, "The registry has it already.")
        for status in ("pulled", "skipped"):
            outcome = api.run("pull", f"{name}:v1", home=tmp_path / "there")
            assert outcome.status == status

    def test_latest_is_asked_of_the_registry(self, here: Path, name: str, tmp_path: Path) -> None:
        for version, day in (("new", 2), ("old", 1)):
            make_model(here, f"{name}:{version}", size=1000, created=CREATED + timedelta(days=day))
            api.push(f"{name}:{version}", home=here)
        there = tmp_path / "there"
        api.pull(f"{name}:old", home=there)
        outcome = api.run("pull", name, home=there)
        assert (str(outcome.tag), outcome.status) == (f"{name}:new", "pulled")
        assert "the newest in the registry" in outcome.reason
        assert str(api.get(name, home=there)) == f"{name}:new"

    def test_what_the_registry_does_not_hold_is_not_found(self, here: Path, name: str, remote: Remote) -> None:
        for tag in (name, f"{name}:v1"):
            with pytest.raises(ModelNotFound):
                api.pull(tag, home=here)
        with pytest.raises(ModelNotFound):
            api.push(f"{name}:v1", home=here)
        assert remote.versions(name) == []
        assert api.list_models(home=here) == []

    def test_a_prefix_is_no_match(self, here: Path, name: str, tmp_path: Path) -> None:
        make_model(here, f"{name}:abc123", size=10)
        api.push(f"{name}:abc123", home=here)
        with pytest.raises(ModelNotFound):
            api.pull(f"{name}:abc", home=tmp_path / "there")

    def test_force_replaces_there_and_here(self, here: Path, name: str, tmp_path: Path) -> None:
        """With a new creation time: a foreign registry's record keeps that of the first bytes for ever."""
        there = tmp_path / "there"
        make_model(here, f"{name}:v1", {"f": b"old", "gone": b"x"})
        api.push(f"{name}:v1", home=here)
        api.pull(f"{name}:v1", home=there)
        api.delete(f"{name}:v1", home=here)
        new = make_model(here, f"{name}:v1", {"f": b"new"}, created=CREATED + timedelta(days=1))
        with pytest.warns(DifferentContentWarning, match="different model"):
            assert api.push(f"{name}:v1", home=here).state is State.DIFFERENT
        assert api.push(f"{name}:v1", force=True, home=here).status == "pushed"
        assert (api.pull(f"{name}:v1", home=there).path / "f").read_bytes() == b"old"
        model = api.pull(f"{name}:v1", force=True, home=there)
        assert differences(new, model.path) == []

    def test_a_plan_changes_nothing_and_says_what_will_happen(self, here: Path, name: str, remote: Remote) -> None:
        make_model(here, f"{name}:v1", size=1000)
        plan = api.plan("push", f"{name}:v1", home=here)
        assert (plan.action, plan.size > 1000) == ("push", True)
        assert remote.versions(name) == []
        left = {str(path.relative_to(here)) for path in here.rglob("*") if not path.is_relative_to(here / "models")}
        assert left == {".modelsync", ".modelsync/digests", f".modelsync/digests/{name}@v1.json"}, "digests alone"
        api.push(f"{name}:v1", home=here)
        assert api.plan("push", f"{name}:v1", home=here).action == "skip"

    def test_an_upload_that_never_ended_is_not_pulled(self, here: Path, name: str, remote: Remote) -> None:
        create(remote, Tag(name, "v1"))
        with pytest.raises(Conflict, match="not complete"):
            api.pull(f"{name}:v1", home=here)
        with pytest.raises(ModelNotFound):
            api.pull(name, home=here)
        make_model(here, f"{name}:v1", size=1000)
        assert api.push(f"{name}:v1", home=here).status == "pushed"
