"""A transfer being carried out in this process, the only one that works on its tag in this direction.

A thread of its own does the work; the thread that asked for it draws progress, keeps the record, listens for requests
to stop and turns Ctrl-C into one. So neither a slow network nor a slow display can hold up the other.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing, suppress

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import (
    Cancelled,
    InvalidTag,
    ModelNotFound,
    ModelSyncError,
    NoContext,
    Paused,
    UsageError,
)
from modelsync_jupyter.core.outcome import Outcome, SyncReport
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.states import CANCELLED, FAILED, PAUSED, PLANNED, RUNNING, SUCCEEDED
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import disk_errors, writable_or_skipped
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.transfer.run import Run
from modelsync_jupyter.transfer.work import Counter, Stop, Work, file_key

from .records import WAITING, Lock, Record, Records

#: How often progress is drawn, and how often the record is written.
_DRAW_SECONDS = 0.1
_SAVE_SECONDS = 0.5
#: How long a cancelled transfer may take to stop by itself before it is left alone.
_GRACE_SECONDS = 1.0


class Execution:
    """One attempt at a transfer, from its record to its end.

    Args:
        home: BentoML's home folder.
        record: What is asked for.
        sink: Called with progress snapshots, at most 10 a second, by the thread that calls `run`.
        on_wait: Told, in words, when another process works on the same tag.
        url: The path of an export or import where the record may not hold it: a URL with a signature.
    """

    def __init__(
        self,
        home: Home,
        record: Record,
        sink: Sink | None = None,
        on_wait: Callable[[str], None] | None = None,
        *,
        url: str = "",
    ) -> None:
        self._home, self._sink, self._on_wait = home, sink, on_wait
        self._records = Records(home)
        self._record = record._replace(
            state=PLANNED, pid=os.getpid(), ended=None, error=None, outcome=None, updated=time.time()
        )
        self._options = record.options._replace(path=url) if url else record.options
        self._cancel = Stop()
        self._counter = Counter()
        self._lock: Lock | None = None
        self._remark = ""
        self._result: Outcome | SyncReport | BaseException | None = None
        self._done = threading.Event()
        self._looks: deque[tuple[float, int]] = deque(maxlen=10)

    def run(self) -> Outcome | SyncReport:
        """Carry it out.

        Raises:
            Cancelled: A stop was requested; raised within 2 s.
            ModelSyncError: It did not work.
        """
        self._save()
        if self._records.stop_request(self._record.id):
            self.cancel()
        threading.Thread(target=self._work, name="modelsync-transfer", daemon=True).start()
        try:
            self._watch()
        except KeyboardInterrupt:
            self.cancel()
            self._done.wait(_GRACE_SECONDS)
        result = self._result or Cancelled("The transfer was cancelled.")
        if isinstance(result, Cancelled) and self._records.stop_request(self._record.id) == PAUSED:
            result = Paused("The transfer was paused.")
        if isinstance(result, Cancelled):
            self._counter.settle()
        return self._end(result)

    def cancel(self) -> None:
        """Ask it to stop."""
        self._cancel.set()

    def _watch(self) -> None:
        """Draw, save and listen until the work is done, or goes on although it was asked to stop."""
        saved, asked, ended = time.monotonic(), 0.0, False
        while not ended:
            ended = self._done.wait(_DRAW_SECONDS)
            if self._records.stop_request(self._record.id):  # another process wants it to stop
                self.cancel()
            if self._remark and self._on_wait:
                self._on_wait(self._remark)
                self._remark = ""
            if self._sink:
                with suppress(Exception):  # a broken display must not break the transfer
                    self._sink(self._counter.look())
            now = time.monotonic()
            if not ended and now - saved >= _SAVE_SECONDS:
                saved = now
                if self._lock and not self._lock.refresh():
                    self.cancel()
                self._save()
            asked = asked or (now if self._cancel.wanted else 0.0)
            if asked and now - asked > _GRACE_SECONDS:
                return

    def _work(self) -> None:
        """Decide what is meant, lock it, plan and carry out; in a thread of its own."""
        started = time.monotonic()
        try:
            with disk_errors(self._home.path):
                work = Work(self._home, self._options, self._cancel, self._counter)
                self._result = self._transfer(work)._replace(seconds=time.monotonic() - started)
        except BaseException as error:
            self._result = error
        finally:
            self._done.set()

    def _transfer(self, work: Work) -> Outcome | SyncReport:
        direction, asked, options = self._record.direction, self._record.tag, self._options
        if direction == "sync":
            from modelsync_jupyter.transfer.mirror import Mirror
            from modelsync_jupyter.transfer.mirror_ends import open_end

            mirror = Mirror(work, open_end(options.path, work), open_end(options.target, work))
            self._claim(mirror.key, asked)
            sync_plan = mirror.plan()
            self._begin(asked)
            return mirror.carry_out(sync_plan)
        if direction in ("export", "import"):
            from modelsync_jupyter.transfer.exporting import Export
            from modelsync_jupyter.transfer.importing import Import

            with closing(Export(work, Tag.parse(asked)) if direction == "export" else Import(work)) as exchange:
                tag = exchange.resolve()
                self._claim(exchange.key, tag or asked)
                file_plan = exchange.plan()
                self._begin(tag or asked)
                outcome = exchange.carry_out(file_plan)
                self._record = self._record._replace(tag=str(outcome.tag))
                return outcome
        run = Run(work, self._find_context)
        chosen = run.resolve(direction, Tag.parse(asked))
        self._claim(file_key(direction, chosen.tag), chosen.tag)
        plan = run.plan(chosen)
        self._begin(plan.tag)
        return run.carry_out(plan)

    def _claim(self, key: str, subject: Tag | str) -> None:
        lock = Lock(self._home.state / "locks" / f"{key}.lock")

        def tell() -> None:
            self._counter.begin(WAITING)
            self._remark = f"Another process is transferring `{subject}`; waiting."

        with writable_or_skipped():  # nobody can change a read-only store, so there is nobody to lock out
            lock.acquire(self._cancel, tell)
            self._lock = lock
            self._counter.begin("planning")

    def _begin(self, subject: Tag | str) -> None:
        self._record = self._record._replace(tag=str(subject), state=RUNNING)
        self._cancel.check()

    def _find_context(self) -> Context:
        context = contexts.resolve(self._home, self._record.options.context)
        self._record = self._record._replace(context=context.name, endpoint=context.endpoint)
        return context

    def _save(self) -> None:
        look, now = self._counter.look(), time.monotonic()
        moved = look.done - look.reused
        self._looks.append((now, moved))
        then, before = self._looks[0]
        with suppress(OSError):
            self._records.save(
                self._record._replace(
                    step=look.step,
                    done=look.done,
                    total=look.total,
                    reused=look.reused,
                    rate=max(0.0, (moved - before) / (now - then)) if now - then > 0.1 else 0.0,
                    updated=time.time(),
                )
            )

    def _end(self, result: Outcome | SyncReport | BaseException) -> Outcome | SyncReport:
        changes: dict[str, object] = {"ended": time.time(), "state": FAILED}
        if isinstance(result, (Outcome, SyncReport)):
            changes |= {"state": SUCCEEDED, "outcome": result.to_dict()}
        elif isinstance(result, Cancelled):
            changes |= {"state": PAUSED if isinstance(result, Paused) else CANCELLED, "error": result.to_dict()}
        elif isinstance(result, ModelSyncError):
            changes |= {"error": result.to_dict()}
        else:
            changes |= {"error": ModelSyncError(f"{type(result).__name__}: {result}").to_dict()}
        begun = self._record.background or self._record.state == RUNNING
        self._record = self._record._replace(**changes)  # type: ignore[arg-type]
        with writable_or_skipped():  # a read-only file system says so even where there is nothing to remove
            if not begun and isinstance(result, (ModelNotFound, UsageError, InvalidTag, NoContext)):
                self._records.remove(self._record.id)  # it was never a transfer: the tag or the options were wrong
            else:
                self._save()
            self._records.clear_stop_request(self._record.id)
        if self._lock:
            self._lock.release()
        if isinstance(result, BaseException):
            raise result
        return result
