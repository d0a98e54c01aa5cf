"""Deciding: gather the facts a plan needs, and say how to carry it out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelsync_jupyter.archive.cut import cut
from modelsync_jupyter.core.errors import InvalidModel
from modelsync_jupyter.core.outcome import Direction
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .plan import Plan, plan_pull, plan_push
from .pull import pull
from .push import push
from .run import Run


@dataclass(frozen=True, slots=True)
class Decision:
    """A plan and its execution.

    Args:
        plan: What will be done.
        execute: Does it.
    """

    plan: Plan
    execute: Callable[[], object]


def settle(begin: Callable[[], Run], store: LocalStore, direction: Direction, tag: Tag) -> Tag:
    """The version that is meant: `latest` is asked of the local store for a push and of the registry for a pull.

    Raises:
        ModelNotFound: The local store has no such model to push.
    """
    if direction == "push":
        return store.get(tag).tag
    if not tag.is_latest:
        return tag
    newest = begin().remote.latest(tag.name)
    return newest.tag if newest else tag


def decide(begin: Callable[[], Run], store: LocalStore, direction: Direction, asked: Tag, *, force: bool) -> Decision:
    """Look at both sides and decide; changes nothing.

    Args:
        begin: Gets ready to talk to the registry; not called where the answer is known without it.
        store: The local side.
        direction: Which way.
        asked: The tag as the user wrote it.
        force: Whether to replace what is there.
    """
    if direction == "push":
        return _decide_push(begin(), store.get(asked), asked, force=force)
    local = _find(store, asked, force=force)
    if local and not force and not asked.is_latest:
        return Decision(plan_pull(asked, local, None, force=False), lambda: None)
    return _decide_pull(begin(), store, asked, force=force)


def _decide_push(run: Run, model: Model, asked: Tag, *, force: bool) -> Decision:
    there = run.remote.model(model.tag)
    plan = plan_push(asked, model, there, cut(model.source.layout), force=force)
    return Decision(plan, lambda: push(run, model, there))


def _decide_pull(run: Run, store: LocalStore, asked: Tag, *, force: bool) -> Decision:
    remote = run.remote.latest(asked.name) if asked.is_latest else run.remote.model(asked)
    local = _find(store, remote.tag, force=force) if remote else None
    plan = plan_pull(asked, local, remote, force=force)
    return Decision(plan, lambda: _pull(run, remote, force=force))


def _pull(run: Run, remote: RemoteModel | None, *, force: bool) -> None:
    assert remote
    pull(run, remote, replace=force)


def _find(store: LocalStore, tag: Tag, *, force: bool) -> Model | None:
    """The local model; a broken one is as good as none when it is to be replaced anyway."""
    try:
        return None if tag.is_latest else store.find(tag)
    except InvalidModel as error:
        if force:
            return None
        raise InvalidModel(error.message, Step("force", "Replace the broken local copy.")) from error
