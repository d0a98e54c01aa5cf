"""Plan: what a transfer will do and why. Pure functions of facts; dry runs, tests and execution read the same plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from modelsync_jupyter.core.errors import Conflict, ModelNotFound
from modelsync_jupyter.core.outcome import Direction
from modelsync_jupyter.core.parts import Part
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.store.model import Model

Action = Literal["push", "pull", "skip", "replace"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a plan.

    Args:
        verb: What is done, in one word.
        subject: To what.
        reason: Why, or under which promise.
        size: Bytes that will travel at most.
    """

    verb: str
    subject: str
    reason: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a transfer will do.

    Args:
        direction: "push" or "pull".
        tag: The version, with `latest` resolved.
        action: "push", "pull", "replace" (by force), or "skip".
        reason: Why this version and this action, as a sentence.
        operations: The steps, in order.
        size: Bytes that will travel at most.
    """

    direction: Direction
    tag: Tag
    action: Action
    reason: str
    operations: tuple[Operation, ...] = ()
    size: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The plan as `--output json` prints it."""
        return {
            "direction": self.direction,
            "tag": str(self.tag),
            "action": self.action,
            "reason": self.reason,
            "size": self.size,
            "operations": [
                {"verb": each.verb, "subject": each.subject, "reason": each.reason, "size": each.size}
                for each in self.operations
            ],
        }


def plan_push(asked: Tag, local: Model, remote: RemoteModel | None, parts: Sequence[Part], *, force: bool) -> Plan:
    """Decide about a push.

    Args:
        asked: The tag as the user wrote it.
        local: The model it means.
        remote: What the registry has under that tag.
        parts: How its archive is cut.
        force: Whether to replace what is there.
    """
    tag, chosen = local.tag, _chosen(asked, local.tag, "the latest in the local store")
    there = remote is not None and remote.complete
    if remote and there and not force:
        differs = (
            local.size != remote.size or abs((local.info.creation_time - remote.creation_time).total_seconds()) > 1
        )
        reason = "The registry has it already."
        if differs:
            reason = "The registry has a different model under this tag."
        return Plan("push", tag, "skip", chosen + reason)
    size = local.source.size
    pieces = "1 part" if len(parts) == 1 else f"{len(parts)} parts"
    operations = (
        Operation("hash", pieces, "so that every byte can be checked at the other end"),
        Operation("send", pieces, "those the registry does not hold yet", size),
        Operation("publish", str(tag), "once all parts have arrived; until then readers see nothing of it"),
    )
    if there:
        return Plan("push", tag, "replace", f"{chosen}It replaces the registry's copy.", operations, size)
    state = f"Its upload there was `{remote.upload_status}`." if remote else "The registry did not have it."
    return Plan("push", tag, "push", chosen + state, operations, size)


def plan_pull(asked: Tag, local: Model | None, remote: RemoteModel | None, *, force: bool) -> Plan:
    """Decide about a pull.

    Args:
        asked: The tag as the user wrote it.
        local: What the local store has under the version that was chosen.
        remote: What the registry has: that version, or the newest complete one for `latest`.
        force: Whether to replace what is there.

    Raises:
        ModelNotFound: The registry has no such version.
        Conflict: It has it, but not all of its bytes, or none at all.
    """
    if local and not force and not asked.is_latest:
        return Plan("pull", local.tag, "skip", "The local store has it already.")
    if remote is None:
        what = f"complete version of `{asked.name}`" if asked.is_latest else f"model `{asked}`"
        step = Step("list-remote", "Check the name in the registry's list of models.")
        raise ModelNotFound(f"The registry has no {what}.", step)
    _check_pullable(remote)
    chosen = _chosen(asked, remote.tag, f"the newest in the registry, made {remote.creation_time:%Y-%m-%d %H:%M}")
    if local and not force:
        return Plan("pull", remote.tag, "skip", f"{chosen}The local store has it already.")
    operations = (
        Operation("receive", f"{format_size(remote.size)} of files", "into a hidden stage", remote.size),
        Operation("check", "every part", "against its digest, or the archive's structure where there is none"),
        Operation("install", str(remote.tag), "in one step, when all is on disk"),
    )
    action: Action = "replace" if local else "pull"
    reason = "It replaces the local copy." if local else "The local store did not have it."
    return Plan("pull", remote.tag, action, chosen + reason, operations, remote.size)


def _chosen(asked: Tag, tag: Tag, why: str) -> str:
    return f"`{tag}` is {why}. " if asked.is_latest else ""


def _check_pullable(remote: RemoteModel) -> None:
    if remote.metadata.get("registry") == "huggingface":
        hint = "Load it with `bentoml.models.HuggingFaceModel`."
        raise Conflict(f"`{remote.tag}` is a link to Hugging Face; the registry has no bytes of it.", step=hint)
    if not remote.complete:
        hint = "Wait for its upload, or push it again."
        raise Conflict(f"`{remote.tag}` is not complete in the registry: `{remote.upload_status}`.", step=hint)
