"""Plan: what a transfer will do and why. Pure functions of facts; dry runs, tests and execution read the same plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from modelsync_jupyter.core.errors import NOT_LISTED, Conflict, ModelNotFound
from modelsync_jupyter.core.outcome import Direction
from modelsync_jupyter.core.states import State, compare
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.store.model import Model

if TYPE_CHECKING:
    from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel

    from .forecast import Forecast

Action = Literal["push", "pull", "skip", "replace"]
Verb = Literal["hash", "send", "receive", "publish", "install"]


class Chosen(NamedTuple):  # here and below: a tuple takes a fifth of the time to declare, and a no-op little more
    """The version that is meant; decided once, before anything else.

    Args:
        direction: "push" or "pull".
        asked: The tag as the user wrote it.
        tag: The version, with `latest` resolved.
        remote: The registry's record of it, where it was needed to resolve the tag.
    """

    direction: Direction
    asked: Tag
    tag: Tag
    remote: RemoteModel | None = None


class Facts(NamedTuple):
    """What both ends have of a version.

    Args:
        local: The local model, or None.
        remote: The registry's record, or None; also None where the registry need not be asked.
        local_digest: Content digest of the local model, or "" where it is not known.
        remote_digest: Content digest of the registry's archive, or "" where it is not known.
    """

    local: Model | None = None
    remote: RemoteModel | None = None
    local_digest: str = ""
    remote_digest: str = ""

    @property
    def state(self) -> State:
        """How the two compare, where both have it."""
        return compare(self.local_digest, self.remote_digest)


class Operation(NamedTuple):
    """One step of a plan.

    Args:
        verb: What is done.
        subject: To what.
        reason: Why, or under which promise.
        size: Bytes that are transferred at most.
    """

    verb: Verb
    subject: str
    reason: str
    size: int = 0


class Plan(NamedTuple):
    """What a transfer will do.

    Args:
        direction: "push" or "pull".
        tag: The version, with `latest` resolved.
        action: "push", "pull", "replace" (by force), or "skip".
        reason: Why this version and this action, as a sentence.
        operations: The steps, in order: what is carried out.
        size: Bytes that are transferred at most.
        facts: What the plan was made of.
        forecast: What will travel and what changes, where that was asked for.
    """

    direction: Direction
    tag: Tag
    action: Action
    reason: str
    operations: tuple[Operation, ...] = ()
    size: int = 0
    facts: Facts = Facts()
    forecast: Forecast | None = None

    def __repr__(self) -> str:
        return f"Plan({self.action} {self.tag}, at most {format_size(self.size)})"

    def with_forecast(self, forecast: Forecast) -> Plan:
        """Return the same plan with its forecast, and with sizes to match."""
        moved = forecast.moved
        operations = tuple(each._replace(size=moved) if each.size else each for each in self.operations)
        return self._replace(operations=operations, size=moved, forecast=forecast)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        return {
            "direction": self.direction,
            "tag": str(self.tag),
            "action": self.action,
            "reason": self.reason,
            "size": self.size,
            "state": str(self.facts.state),
            "operations": [each._asdict() for each in self.operations],
            "forecast": self.forecast and self.forecast.to_dict(),
        }


def plan_push(chosen: Chosen, facts: Facts, *, force: bool) -> Plan:
    """Decide about a push.

    Args:
        chosen: The version.
        facts: What both ends have; the local model is there.
        force: Whether to replace what is there.
    """
    local, remote, tag = facts.local, facts.remote, chosen.tag
    assert local
    why = f"`{tag}` is the latest in the local store. " if chosen.asked.is_latest else ""
    there = remote is not None and remote.complete
    if there and not force:
        return Plan("push", tag, "skip", why + _skipped("The registry", facts.state), facts=facts)
    size = local.archive.layout.size
    count = sum(entry.kind == "file" for entry in local.archive.layout.entries)
    files = "1 file" if count == 1 else f"{count:,} files"
    operations = (
        Operation("hash", files, "for verification"),
        Operation("send", files, "the parts missing from the registry", size),
        Operation("publish", str(tag), "once complete; invisible to others until then"),
    )
    if there:
        return Plan("push", tag, "replace", f"{why}It replaces the registry's copy.", operations, size, facts)
    state = "It completes an earlier upload." if remote else "New in the registry."
    return Plan("push", tag, "push", why + state, operations, size, facts)


def plan_pull(chosen: Chosen, facts: Facts, *, force: bool) -> Plan:
    """Decide about a pull.

    Args:
        chosen: The version.
        facts: What both ends have; the registry's record is missing where it was not asked, or has none.
        force: Whether to replace what is there.

    Raises:
        ModelNotFound: The registry has no such version.
        Conflict: It has it, but not all of its bytes, or none at all.
    """
    local, remote, tag, asked = facts.local, facts.remote, chosen.tag, chosen.asked
    if local and not force and not asked.is_latest:
        return Plan("pull", tag, "skip", "The local store has it already.", facts=facts)
    if remote is None:
        missing = f"complete version of `{asked.name}`" if asked.is_latest else f"model `{asked}`"
        step = Step("list-remote", NOT_LISTED)
        raise ModelNotFound(f"The registry has no {missing}.", step)
    _check_pullable(remote)
    why = ""
    if asked.is_latest:
        why = f"`{tag}` is the newest in the registry, created {remote.creation_time:%Y-%m-%d %H:%M}. "
    if local and not force:
        return Plan("pull", tag, "skip", why + _skipped("The local store", facts.state), facts=facts)
    operations = (
        Operation(
            "receive", f"{format_size(remote.size)} of files", "into a temporary folder, each part checked", remote.size
        ),
        Operation("install", str(tag), "in one step, when all is on disk"),
    )
    action: Action = "replace" if local else "pull"
    reason = "It replaces the local copy." if local else "New in the local store."
    return Plan("pull", tag, action, why + reason, operations, remote.size, facts)


def _skipped(end: str, state: State) -> str:
    if state is State.DIFFERENT:
        return f"{end} has a different model under this tag."
    return f"{end} has it already."


def _check_pullable(remote: RemoteModel) -> None:
    if remote.is_elsewhere:
        hint = "Load it with `bentoml.models.HuggingFaceModel`."
        raise Conflict(f"`{remote.tag}` is a link to Hugging Face; the registry has no bytes of it.", step=hint)
    if not remote.complete:
        hint = "Wait for its upload, or push it again."
        raise Conflict(f"`{remote.tag}` is not complete in the registry: `{remote.upload_status}`.", step=hint)
