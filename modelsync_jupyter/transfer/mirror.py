"""Sync: many versions from one end to another, each the same copy as a push or pull.

Both ends are listed, and the plan says for each version what is new, the same or different, by content digest alone.
So a sync that was interrupted is resumed by making the plan again: what has arrived is the same by then, and the
version that was under way has its journal.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from modelsync_jupyter.archive.folder import FolderSource
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import Cancelled, InvalidModel, ModelSyncError, TransferFailed, UsageError
from modelsync_jupyter.core.outcome import SyncReport
from modelsync_jupyter.core.parts import MIB
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.folders import remove_tree
from modelsync_jupyter.remotes.bentocloud.uploading import Version
from modelsync_jupyter.remotes.protocol import Source
from modelsync_jupyter.remotes.retry import Renew
from modelsync_jupyter.store.local import LocalStore

from .ends import StageTarget
from .exchange import copy_all, file_journal
from .mirror_ends import AliasMove, Held, LocalEnd, MirrorEnd, SyncItem
from .work import Counter, Work

#: Versions up to this size are copied side by side: each takes a handful of requests that wait for an answer.
_SMALL, _SIDE_BY_SIDE = 30 * MIB, 4
_RENEWED = frozenset({Renew.REQUEST, Renew.PART, Renew.UPLOAD, Renew.PLAN})
#: What a plan does with a version.
COPY, REPLACE, UPDATE, DELETE = "copy", "replace", "update", "delete"
SAME, DIFFERENT, UNKNOWN = "same", "different", "unknown"


@dataclass(frozen=True)
class SyncPlan:
    """What a sync does.

    Args:
        source: Where from, without secrets.
        target: Where to.
        items: Every version, by tag.
        aliases: Aliases to move at the target, once everything is copied.
    """

    source: str
    target: str
    items: tuple[SyncItem, ...]
    aliases: tuple[AliasMove, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many versions there are of each action; and how many aliases move, if any do."""
        versions = dict(Tally(item.action for item in self.items))
        return {**versions, "alias": len(self.aliases)} if self.aliases else versions

    @property
    def size(self) -> int:
        """Bytes to copy at most."""
        return sum(item.size for item in self.items if item.action in (COPY, REPLACE))

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON."""
        items = [{"tag": str(each.tag), "action": each.action, "size": each.size} for each in self.items]
        aliases = [each.to_dict() for each in self.aliases]
        facts = {"from": self.source, "to": self.target, "counts": self.counts, "size": self.size}
        return {**facts, "items": items, "aliases": aliases}


class Mirror:
    """One sync.

    Args:
        work: Its local side; the options say what is copied and how.
        source: Where from.
        target: Where to.
    """

    def __init__(self, work: Work, source: MirrorEnd, target: MirrorEnd) -> None:
        self.work, self._source, self._target = work, source, target
        self._failures: list[tuple[str, str]] = []

    @property
    def key(self) -> str:
        """What its lock is called, and how the names of its journals begin."""
        both = f"{self._source.shown}\n{self._target.shown}"
        return f"sync-{hashlib.sha256(both.encode()).hexdigest()[:24]}"

    def plan(self) -> SyncPlan:
        """List both ends and compare; changes nothing.

        Raises:
            UsageError: Everything at the target would be deleted.
        """
        options = self.work.options
        here = {held.tag: held for held in self._source.held(options.query)}
        there = {held.tag: held for held in self._target.held("")}
        items = [self._decide(held, there.get(tag)) for tag, held in here.items()]
        if options.delete:
            if not here and there:
                text = f"`{self._source.shown}` has no models: with `delete`, all of `{self._target.shown}` would go."
                raise UsageError(text, "Check the source.")
            if options.query:
                raise UsageError(
                    "A query chooses what is copied; with it, the rest cannot be deleted.", "Leave out one."
                )
            items += [SyncItem(tag, DELETE, 0, held) for tag, held in there.items() if tag not in here]
        items.sort(key=lambda item: str(item.tag))
        return SyncPlan(self._source.shown, self._target.shown, tuple(items), tuple(self._moves(items)))

    def carry_out(self, plan: SyncPlan) -> SyncReport:
        """Carry out a plan; with `keep_going` past versions that fail.

        Raises:
            Cancelled: It was stopped.
            TransferFailed: Versions failed; the others are complete at the target.
            ModelSyncError: The version that failed first, without `keep_going`.
        """
        started, counter = time.monotonic(), self.work.counter
        counter.begin("syncing", plan.size)
        todo = [item for item in plan.items if item.action in (COPY, REPLACE, UPDATE)]
        small = [item for item in todo if item.size <= _SMALL]
        side_by_side = max(1, min(_SIDE_BY_SIDE, self.work.options.threads))
        with ThreadPoolExecutor(side_by_side, "modelsync-sync") as pool:
            threads = max(1, self.work.options.threads // side_by_side)
            jobs = [pool.submit(self._item, item, threads) for item in small]
            done, left = wait(jobs, return_when=FIRST_EXCEPTION)
            for job in left:
                job.cancel()
            for job in done:
                job.result()
        for item in todo:
            if item.size > _SMALL:
                self._item(item, self.work.options.threads)
        failed = {tag for tag, _ in self._failures}
        for move in plan.aliases:
            if f"{move.name}:{move.version}" not in failed and (move.version or not failed):
                self._try(f"{move.name}:{move.alias}", partial(self._target.move, move))
        if not self._failures:  # a mirror that is not whole keeps what it has
            for item in plan.items:
                if item.action == DELETE:
                    self._target.delete(item.held)
        if self._failures:
            raise self._report_failures(len(todo) + len(plan.aliases))
        look = counter.look()
        moved = look.done - look.reused
        return SyncReport(
            plan.source,
            plan.target,
            plan.counts,
            moved,
            look.reused,
            time.monotonic() - started,
            tuple(str(item.tag) for item in plan.items if item.action == DIFFERENT),
        )

    def _decide(self, held: Held, there: Held | None) -> SyncItem:
        def item(action: str) -> SyncItem:
            return SyncItem(held.tag, action, held.size, held, there)

        if there is None or not there.complete:
            return item(COPY)
        mine, theirs = self._source.digest(held), self._target.digest(there)
        if mine and mine == theirs:
            return item(UPDATE if held.beside and there.beside and held.beside != there.beside else SAME)
        if self.work.options.force:
            return item(REPLACE)
        return item(DIFFERENT if mine and theirs else UNKNOWN)

    def _moves(self, items: Sequence[SyncItem]) -> Iterator[AliasMove]:
        """Decide which aliases move: those that stand for a version that will be the same on both sides."""
        here, there = self._source.aliases(), self._target.aliases()
        if here is None or there is None:
            return
        alike = {item.tag for item in items if item.action not in (DIFFERENT, UNKNOWN, DELETE)}
        for (name, alias), version in sorted(here.items()):
            earlier = there.get((name, alias))
            if earlier != version and Tag(name, version) in alike:
                yield AliasMove(name, alias, version, earlier)
        for name, alias in sorted(there.keys() - here.keys()) if self.work.options.delete else ():
            yield AliasMove(name, alias, None, there[name, alias])

    def _item(self, item: SyncItem, threads: int) -> None:
        """Copy one version."""
        options = self.work.options._replace(threads=threads, force=item.action == REPLACE)
        work = Work(self.work.home, options, self.work.cancel, _Share(self.work.counter))
        work.pace = self.work.pace

        def carry_out() -> None:
            if item.action in (COPY, REPLACE):
                work.retry.run(lambda: self._copy(item, work), renew=_RENEWED)
            self._target.finish(item)

        self._try(str(item.tag), carry_out)

    def _try(self, what: str, carry_out: Callable[[], None]) -> None:
        """Do something; a failure is noted, and with `keep_going` goes no further."""
        self.work.cancel.check()
        try:
            carry_out()
        except Cancelled:
            raise
        except ModelSyncError as error:
            if not self.work.options.keep_going:
                raise
            self._failures.append((what, error.message))

    def _copy(self, item: SyncItem, work: Work) -> None:
        source, info = self._source.open(item.held, work, unread=self._target.takes_unread)
        with closing(source):
            if info.tag != item.tag:
                raise InvalidModel(f"The archive of `{item.tag}` holds `{info.tag}`.", "Push the right one again.")
            if source.description is None and not isinstance(self._target, LocalEnd):
                self._relay(item, source, work)
                return
            size = sum(entry.size for entry in source.layout.entries) if source.layout else item.size
            version = Version(info, size, source.description) if source.description else None
            target = self._target.target(item, info, source, version, self._notes(item, source), work)
            copy_all(source, target, work, "sending")

    def _relay(self, item: SyncItem, source: Source, work: Work) -> None:
        """Copy what does not describe itself by way of a hidden store, where it is hashed."""
        store = LocalStore(work.home)
        folder = store.new_folder("relay")
        try:
            hidden = LocalStore(Home(folder))
            notes = file_journal(Work(Home(folder), work.options), "relay", {})
            stage = StageTarget(hidden, item.tag, source, notes, replace=True, threads=work.threads)
            copy_all(source, stage, work, "sending")
            model = hidden.get(item.tag)
            description = work.describe(hidden, model, to_send=True)
            described = FolderSource(model.archive, description, unread=self._target.takes_unread)
            version = Version(model.info, model.size, description)
            target = self._target.target(item, model.info, described, version, self._notes(item, described), work)
            copy_all(described, target, work, "sending")
        finally:
            remove_tree(folder)

    def _notes(self, item: SyncItem, source: Source) -> Callable[[dict[str, Any]], Any]:
        name = f"{self.key}-{item.tag.name}@{item.tag.version}"

        def open_notes(about: dict[str, Any]) -> Any:
            return file_journal(self.work, name, {"archive": source.identity, "to": self._target.shown, **about})

        return open_notes

    def _report_failures(self, todo: int) -> TransferFailed:
        said = "; ".join(f"`{tag}`: {message}" for tag, message in self._failures[:5])
        more = f"; and {len(self._failures) - 5} more" if len(self._failures) > 5 else ""
        text = f"{len(self._failures)} of {todo} versions were not copied: {said}{more}"
        return TransferFailed(text, Step("retry", "Run it again to copy what is missing."))


class _Share(Counter):
    """The counter of one version, which adds what travels to that of the whole sync."""

    def __init__(self, whole: Counter) -> None:
        super().__init__()
        self._whole = whole

    def add(self, size: int, *, reused: bool = False) -> None:
        super().add(size, reused=reused)
        if self.look().step != "hashing":
            self._whole.add(size, reused=reused)
