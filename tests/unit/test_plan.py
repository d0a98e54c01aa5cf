"""Plans: every action, its reason and its steps, out of facts alone."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from modelsync_jupyter.core.errors import Conflict, ModelNotFound
from modelsync_jupyter.core.states import State
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer.plan import Chosen, Facts, Plan, plan_pull, plan_push
from tests.harness.models import CREATED, make_model

TAG, LATEST = Tag("m", "v1"), Tag("m")


@pytest.fixture
def local(tmp_path: Path) -> Model:
    return Model.load(make_model(tmp_path, "m:v1", size=5000))


def remote(local: Model | None = None, **facts: Any) -> RemoteModel:
    """What the registry has: the same model, whole, unless told otherwise."""
    size, time = (local.size, local.info.creation_time) if local else (5000, CREATED)
    return RemoteModel(TAG, "uid", "success", size, time)._replace(**facts)


def push(
    local: Model,
    there: RemoteModel | None,
    *,
    force: bool = False,
    asked: Tag = TAG,
    local_digest: str = "",
    remote_digest: str = "",
) -> Plan:
    facts = Facts(local, there, local_digest, remote_digest)
    return plan_push(Chosen("push", asked, TAG), facts, force=force)


def pull(local: Model | None, there: RemoteModel | None, *, force: bool = False, asked: Tag = TAG) -> Plan:
    return plan_pull(Chosen("pull", asked, TAG, there), Facts(local, there), force=force)


def verbs(plan: Plan) -> list[str]:
    return [operation.verb for operation in plan.operations]


def test_push_of_what_the_registry_lacks(local: Model) -> None:
    plan = push(local, None)
    assert (plan.direction, plan.tag, plan.action) == ("push", TAG, "push")
    assert plan.reason == "New in the registry."
    assert verbs(plan) == ["hash", "send", "publish"]
    assert plan.size == plan.operations[1].size == local.archive.layout.size


@pytest.mark.parametrize("status", ["pending", "uploading", "failed"])
@pytest.mark.parametrize("force", [False, True])
def test_push_of_what_never_arrived_whole(status: str, force: bool, local: Model) -> None:
    plan = push(local, remote(local, upload_status=status), force=force)
    assert (plan.action, plan.reason) == ("push", "It completes an earlier upload.")


def test_push_of_what_is_there_is_skipped(local: Model) -> None:
    plan = push(local, remote(local))
    assert (plan.action, plan.operations, plan.size) == ("skip", (), 0)
    assert plan.reason == "The registry has it already."


def test_a_skip_says_when_the_content_there_is_different(local: Model) -> None:
    plan = push(local, remote(local), local_digest="blake3:aa", remote_digest="blake3:bb")
    assert (plan.action, plan.facts.state) == ("skip", State.DIFFERENT)
    assert plan.reason == "The registry has a different model under this tag."
    assert push(local, remote(local), local_digest="blake3:aa", remote_digest="blake3:aa").facts.state is State.IN_SYNC


@pytest.mark.parametrize("facts", [{"size": 1}, {"creation_time": CREATED + timedelta(seconds=2)}])
def test_sizes_and_times_tell_no_difference(facts: dict[str, Any], local: Model) -> None:
    plan = push(local, remote(local, **facts))
    assert (plan.facts.state, plan.reason) == (State.UNKNOWN, "The registry has it already.")


def test_a_forced_push_replaces(local: Model) -> None:
    plan = push(local, remote(local), force=True)
    assert (plan.action, plan.reason) == ("replace", "It replaces the registry's copy.")
    assert verbs(plan) == ["hash", "send", "publish"]


@pytest.mark.parametrize(("there", "force"), [(False, False), (True, False), (True, True)])
def test_a_push_of_latest_says_what_it_chose(there: bool, force: bool, local: Model) -> None:
    plan = push(local, remote(local) if there else None, force=force, asked=LATEST)
    assert plan.tag == TAG
    assert plan.reason.startswith("`m:v1` is the latest in the local store. ")


def test_pull_of_what_is_not_here() -> None:
    plan = pull(None, remote(), force=False)
    assert (plan.direction, plan.tag, plan.action, plan.size) == ("pull", TAG, "pull", 5000)
    assert plan.reason == "New in the local store."
    assert verbs(plan) == ["receive", "install"]


def test_pull_of_what_is_here_needs_no_registry(local: Model) -> None:
    plan = pull(local, None, force=False)
    assert (plan.action, plan.operations, plan.reason) == ("skip", (), "The local store has it already.")


def test_pull_of_latest_says_what_it_chose_and_skips_what_is_here(local: Model) -> None:
    chosen = "`m:v1` is the newest in the registry, created 2024-05-17 09:30. "
    assert pull(None, remote(), force=False, asked=LATEST).reason == chosen + "New in the local store."
    plan = pull(local, remote(), force=False, asked=LATEST)
    assert (plan.action, plan.reason) == ("skip", chosen + "The local store has it already.")


def test_a_forced_pull_replaces_or_pulls(local: Model) -> None:
    plan = pull(local, remote(), force=True)
    assert (plan.action, plan.reason) == ("replace", "It replaces the local copy.")
    assert pull(None, remote(), force=True).action == "pull"


@pytest.mark.parametrize("force", [False, True])
def test_pull_of_what_nobody_has(force: bool, local: Model) -> None:
    with pytest.raises(ModelNotFound, match="has no model `m:v1`"):
        pull(local if force else None, None, force=force)
    with pytest.raises(ModelNotFound, match="no complete version of `m`"):
        pull(None, None, force=force, asked=LATEST)


@pytest.mark.parametrize("status", ["pending", "uploading", "failed", ""])
def test_pull_of_what_never_arrived_whole_is_refused_even_by_force(status: str, local: Model) -> None:
    with pytest.raises(Conflict, match=f"`{status}`"):
        pull(local, remote(upload_status=status), force=True)


def test_pull_of_a_link_to_hugging_face_is_refused() -> None:
    with pytest.raises(Conflict, match="Hugging Face") as caught:
        pull(None, remote(metadata={"registry": "huggingface"}), force=False)
    assert "HuggingFaceModel" in caught.value.hint


def test_the_same_facts_give_the_same_plan(local: Model) -> None:
    for force in (False, True):
        assert push(local, remote(local), force=force) == push(local, remote(local), force=force)
    assert pull(local, remote(), force=True) == pull(local, remote(), force=True)


def test_a_plan_is_frozen_and_speaks_json(local: Model) -> None:
    plan = push(local, None)
    data = json.loads(json.dumps(plan.to_dict()))
    assert data["tag"] == "m:v1"
    assert [step["verb"] for step in data["operations"]] == verbs(plan)
    assert all(step["reason"] for step in data["operations"])
    with pytest.raises(AttributeError):
        plan.action = "skip"  # type: ignore[misc]
