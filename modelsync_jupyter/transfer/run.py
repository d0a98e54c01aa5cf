"""Run: one transfer, from the tag as it was written to the outcome.

`resolve` decides which version is meant, `plan` what is to be done, and `carry_out` does exactly that: a push and a
pull are the same copy between two ends. Errors that need a new upload or another look at the archive are retried here,
around the whole copy; all others were retried closer to where they happen. What talks to a registry is imported when
one is asked, and what moves bytes when some are: where there is nothing to do, loading it would take most of the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.archive.folder import FolderSource
from modelsync_jupyter.core.errors import InvalidModel, ModelExists, ModelSyncError
from modelsync_jupyter.core.outcome import Direction, Outcome, Status
from modelsync_jupyter.core.progress import Progress
from modelsync_jupyter.core.states import State, compare
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.info import ALIAS_OF, check_limits
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.retry import Renew
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .plan import Chosen, Facts, Plan, plan_pull, plan_push
from .work import Work, file_key

if TYPE_CHECKING:
    from modelsync_jupyter.archive.description import Description
    from modelsync_jupyter.core.changes import Changes
    from modelsync_jupyter.remotes.bentocloud.client import Remote
    from modelsync_jupyter.remotes.bentocloud.replies import RemoteModel

    from .journal import Journal

#: A journal that was not written to for so many seconds is of use to nobody: uploads expire sooner.
_FORGOTTEN = 14 * 86400.0


class Run:
    """One transfer.

    Args:
        work: Its local side: home, options, threads, stop signal, counter.
        find_context: Says which registry; called only when one is needed.
    """

    def __init__(self, work: Work, find_context: Callable[[], Context]) -> None:
        self.work, self._find_context = work, find_context
        self.store = LocalStore(work.home)

    @cached_property
    def remote(self) -> Remote:
        """The registry; nothing is sent before it is asked something."""
        from modelsync_jupyter.remotes.bentocloud.client import Remote
        from modelsync_jupyter.remotes.http import Http

        return Remote(Http(self._find_context(), self.work.retry, self.work.options.threads))

    def resolve(self, direction: Direction, asked: Tag) -> Chosen:
        """Decide which version is meant: `latest` is asked of the local store for a push, of the registry for a pull.

        An alias is known to the registry only; a pull continues with the version that it points at.

        Raises:
            ModelNotFound: The local store has no such model to push.
        """
        if direction == "push":
            return Chosen(direction, asked, self.store.get(asked).tag)
        if not asked.is_latest and not self.work.options.force and self._is_here(asked):
            return Chosen(direction, asked, asked)
        found = self.remote.latest(asked.name) if asked.is_latest else self.remote.model(asked, alias=True)
        return Chosen(direction, asked, found.tag if found else asked, found)

    def plan(self, chosen: Chosen, *, hash: bool = True) -> Plan:
        """Look at both ends and decide; changes nothing.

        Args:
            chosen: The version.
            hash: Whether to read the local files where their digest has to be known to compare them.

        Raises:
            ModelNotFound: The version is not there to be transferred.
            UsageError: The model exceeds a limit of the registry.
            Conflict: The registry does not have all of it.
        """
        force = self.work.options.force
        if chosen.direction == "pull":
            return plan_pull(chosen, self._facts_of_pull(chosen, force=force), force=force)
        local, remote = self.store.get(chosen.tag), self.remote.model(chosen.tag)
        facts = Facts(local, remote)
        if remote and remote.complete and not force:
            theirs = remote.digest or self._described(remote)
            mine = self.store.digest(local)
            if hash and theirs and not mine:
                mine = self.work.describe(self.store, local).digest
            facts = Facts(local, remote, mine or "", theirs)
        else:
            check_limits(local.info)
        return plan_push(chosen, facts, force=force)

    def carry_out(self, plan: Plan) -> Outcome:
        """Carry out the operations of a plan.

        Raises:
            Cancelled: The transfer was stopped.
            ModelSyncError: It failed; the other end shows what it showed before.
        """
        started, work, move = time.monotonic(), self.work, _Move(self, plan)
        status: Status = "skipped"
        reason = plan.reason
        if plan.operations:
            retried = {Renew.UPLOAD} if plan.direction == "push" else {Renew.PLAN, Renew.PART, Renew.REQUEST}
            try:
                work.retry.run(move.push if plan.direction == "push" else move.pull, renew=retried)
                status = "pushed" if plan.direction == "push" else "pulled"
                reason += move.remark
            except ModelExists:
                if work.options.force:
                    raise
                reason = "It appeared in the local store meanwhile."
        self._tidy(plan)
        moved = status != "skipped"
        look = work.counter.look() if moved else Progress()
        return Outcome(
            direction=plan.direction,
            tag=plan.tag,
            status=status,
            reason=reason,
            size=look.total,
            moved=look.done - look.reused,
            reused=look.reused,
            seconds=time.monotonic() - started,
            digest=move.digest if moved else plan.facts.local_digest or plan.facts.remote_digest,
            state=move.state if moved else plan.facts.state,
            page=self.remote.page(plan.tag) if plan.direction == "push" else "",
            changes=move.changes if moved else None,
        )

    def journal(self, plan: Plan, about: Mapping[str, Any]) -> Journal:
        """Open what earlier attempts at the same transfer noted."""
        from .journal import Journal

        facts = {plan.direction: str(plan.tag), "endpoint": self.remote.http.endpoint, **about}
        return Journal(self.work.home.state / "journals" / f"{file_key(plan.direction, plan.tag)}.jsonl", facts)

    def _facts_of_pull(self, chosen: Chosen, *, force: bool) -> Facts:
        local = self._find(chosen.tag, force=force)
        if local and not force and not chosen.asked.is_latest:
            return Facts(local)  # nothing to do, whatever the registry has
        remote = chosen.remote or (None if chosen.tag.is_latest else self.remote.model(chosen.tag))
        mine = self.store.digest(local) if local else None
        return Facts(local, remote, mine or "", remote.digest if remote else "")

    def _is_here(self, tag: Tag) -> bool:
        with suppress(InvalidModel):
            found = self.store.find(tag)  # not what stock BentoML pulled by an alias, which may have moved since
            return found is not None and ALIAS_OF not in found.info.metadata
        return True  # broken, which is told later

    def _find(self, tag: Tag, *, force: bool) -> Model | None:
        """Find the local model, or None; a broken one counts as none where it is replaced anyway."""
        try:
            return None if tag.is_latest else self.store.find(tag)
        except InvalidModel as error:
            if force:
                return None
            raise InvalidModel(error.message, Step("force", "Replace the broken local copy.")) from error

    def _described(self, record: RemoteModel) -> str:
        """Return the content digest that an archive says of itself, or ""; foreign registries keep none in records."""
        from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive

        try:
            return RemoteArchive(self.remote, record).content_digest
        except ModelSyncError:
            return ""

    def _tidy(self, plan: Plan) -> None:
        """Sweep what killed attempts left behind: journals of abandoned transfers, dead stages, a stale `latest`."""
        folder = self.work.home.state / "journals"
        with suppress(OSError):
            for path in folder.glob("*.jsonl"):
                direction, _, version = path.stem.partition("-")
                done = path.stem == file_key(plan.direction, plan.tag)
                gone = direction == "push" and not (self.work.home.models / version.replace("@", "/")).is_dir()
                if done or gone or time.time() - path.stat().st_mtime > _FORGOTTEN:
                    path.unlink(missing_ok=True)
        self.store.heal(plan.tag.name)


class _Move:
    """The execution of a plan's operations.

    Attributes:
        digest: Content digest of what was moved, once that is known.
        state: How both ends compare now.
        remark: A sentence about it for the outcome, or "".
        changes: What is different from the version that was there before, as far as that is known.
    """

    def __init__(self, run: Run, plan: Plan) -> None:
        self.run, self.plan = run, plan
        self.digest = self.remark = ""
        self.state = State.UNKNOWN
        self.changes: Changes | None = None

    def push(self) -> None:
        """Hash, send and publish, once."""
        from modelsync_jupyter.remotes.bentocloud.uploading import Version, open_upload

        from .copy import copy, published
        from .draft import LARGE_MODEL, describe

        run, work, model = self.run, self.run.work, self.plan.facts.local
        assert model
        draft = None
        if model.archive.content_size >= LARGE_MODEL:
            draft = describe(work, run.store, model, self._takes_digests_last)
        description = draft.description if draft else work.describe(run.store, model, to_send=True)
        version = Version(model.info, model.archive.content_size, description)
        if draft:
            version = version._replace(finish=draft.finish, state=draft.state)
        with closing(FolderSource(model.archive, description, unread=True)) as source, draft or nullcontext():
            target = open_upload(
                run.remote,
                version,
                self.plan.facts.remote,
                notes=lambda about: run.journal(self.plan, about),
                threads=work.threads,
                check=work.stop.check,
            )
            with published(source, target, work):
                if self.plan.action == "replace":  # while what is replaced is there
                    self._compare_push(description)
                copy(source, target, work, "sending")
                description = draft.finish() if draft else description
                if self.plan.action != "replace":  # bytes go first
                    self._compare_push(description)
        self.digest, self.state = description.digest, State.IN_SYNC

    def _takes_digests_last(self) -> bool:
        return self.plan.action != "replace" and not self.run.remote.ensure_repository(self.plan.tag.name)

    def pull(self) -> None:
        """Receive and install, once."""
        from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive

        from .changes import changes_of_pull
        from .copy import copy, published
        from .ends import StageTarget
        from .reuse import reuse_parts

        run, work, remote = self.run, self.run.work, self.plan.facts.remote
        assert remote
        with closing(RemoteArchive(run.remote, remote, look=False)) as source:
            claimed = source.content_digest  # what the registry, or its archive, says
            target = StageTarget(
                run.store,
                self.plan.tag,
                source,
                run.journal(self.plan, {"archive": source.identity, "ranged": source.ranged}),
                replace=work.options.force,
                threads=work.threads,
                check=work.stop.check,
                borders=source.borders,
            )
            with published(source, target, work):
                reuse_parts(run.store, self.plan.tag, source, target, work)
                copy(source, target, work, "receiving")
                self.changes = changes_of_pull(run, self.plan, source, target.folder)
            if source.description and remote.size not in (0, sum(e.size for e in source.description.layout.entries)):
                self.remark = " The registry's record of it is out of date: it describes files that were replaced."
        self.digest, self.state = target.digest, compare(target.digest, claimed)

    def _compare_push(self, description: Description) -> None:
        from .changes import changes_of_push

        self.changes = changes_of_push(self.run, self.plan, description)
