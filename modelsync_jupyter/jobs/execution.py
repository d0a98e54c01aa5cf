"""A transfer being carried out in this process.

A thread of its own does the work; the thread that asked for it draws progress, keeps the record, listens for a wish to
cancel and turns Ctrl-C into one. So neither a slow network nor a slow display can hold up the other.
"""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import Cancelled, InvalidTag, ModelNotFound, ModelSyncError, NoContext, UsageError
from modelsync_jupyter.core.outcome import Outcome
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.files import disk_errors, writable_or_skipped
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.transfer.run import Run
from modelsync_jupyter.transfer.work import Counter, Stop, Work, file_key

from .locks import Lock
from .records import CANCELLED, FAILED, PLANNED, RUNNING, SUCCEEDED, Record, Records

#: How often progress is drawn, and how often the record is written.
_DRAW_SECONDS = 0.1
_SAVE_SECONDS = 0.5
#: How long a cancelled transfer may take to stop by itself before it is left alone.
_GRACE_SECONDS = 1.5


class Execution:
    """One attempt at a transfer, from its record to its end.

    Args:
        home: BentoML's home folder.
        record: What is asked for.
        sink: Where looks at its progress go.
        on_wait: Told, in words, when another process works on the same tag.
    """

    def __init__(
        self, home: Home, record: Record, sink: Sink | None = None, on_wait: Callable[[str], None] | None = None
    ) -> None:
        self._home, self._sink, self._on_wait = home, sink, on_wait
        self._records = Records(home)
        self._record = dataclasses.replace(
            record, state=PLANNED, pid=os.getpid(), ended=None, error=None, outcome=None, updated=time.time()
        )
        self._cancel = Stop()
        self._counter = Counter()
        self._lock: Lock | None = None
        self._remark = ""
        self._result: Outcome | BaseException | None = None
        self._done = threading.Event()
        self._rate = _Rate()

    def run(self) -> Outcome:
        """Carry it out.

        Raises:
            Cancelled: Somebody asked to stop; within 2 s.
            ModelSyncError: It did not work.
        """
        self._save()
        self._hear()
        threading.Thread(target=self._work, name="modelsync-transfer", daemon=True).start()
        try:
            self._watch()
        except KeyboardInterrupt:
            self.cancel()
            self._done.wait(_GRACE_SECONDS)
        return self._end(self._result or Cancelled("The transfer was cancelled."))

    def cancel(self) -> None:
        """Ask it to stop."""
        self._cancel.set()

    def _watch(self) -> None:
        saved, asked = time.monotonic(), 0.0
        while not self._done.wait(_DRAW_SECONDS):
            now = time.monotonic()
            self._hear()
            self._draw()
            if now - saved >= _SAVE_SECONDS:
                saved = now
                self._heartbeat()
            asked = asked or (now if self._cancel.wanted else 0.0)
            if asked and now - asked > _GRACE_SECONDS:
                return
        self._draw()

    def _work(self) -> None:
        try:
            with disk_errors(self._home.path):
                self._result = self._transfer()
        except BaseException as error:
            self._result = error
        finally:
            self._done.set()

    def _transfer(self) -> Outcome:
        started = time.monotonic()
        run = Run(Work(self._home, self._record.options, self._cancel, self._counter), self._find_context)
        chosen = run.resolve(self._record.direction, Tag.parse(self._record.tag))
        self._claim(chosen.tag)
        plan = run.plan(chosen)
        self._note(tag=str(plan.tag), state=RUNNING)
        self._cancel.check()
        return dataclasses.replace(run.carry_out(plan), seconds=time.monotonic() - started)

    def _find_context(self) -> Context:
        context = contexts.resolve(self._home, self._record.options.context)
        self._note(context=context.name, endpoint=context.endpoint)
        return context

    def _claim(self, tag: Tag) -> None:
        lock = Lock(self._home.state / "locks" / f"{file_key(self._record.direction, tag)}.lock")
        with writable_or_skipped():  # nobody can change a read-only store, so there is nobody to lock out
            lock.acquire(self._cancel, lambda: self._note_wait(tag))
            self._lock = lock

    def _note_wait(self, tag: Tag) -> None:
        self._remark = f"Another process is at work on `{tag}`; waiting for it."

    def _note(self, **changes: str) -> None:
        self._record = dataclasses.replace(self._record, **changes)  # type: ignore[arg-type]

    def _draw(self) -> None:
        if self._remark and self._on_wait:
            self._on_wait(self._remark)
            self._remark = ""
        if self._sink:
            with suppress(Exception):  # a broken display must not break the transfer
                self._sink(self._counter.look())

    def _hear(self) -> None:
        """See whether another process wants it to stop."""
        if self._records.is_to_cancel(self._record.id):
            self.cancel()

    def _heartbeat(self) -> None:
        if self._lock and not self._lock.refresh():
            self.cancel()
        self._save()

    def _save(self) -> None:
        look = self._counter.look()
        with suppress(OSError):
            self._records.save(
                dataclasses.replace(
                    self._record,
                    step=look.step,
                    done=look.done,
                    total=look.total,
                    reused=look.reused,
                    rate=self._rate.of(look.done - look.reused),
                    updated=time.time(),
                )
            )

    def _end(self, result: Outcome | BaseException) -> Outcome:
        changes: dict[str, object] = {"ended": time.time(), "state": FAILED}
        if isinstance(result, Outcome):
            changes |= {"state": SUCCEEDED, "outcome": result.to_dict()}
        elif isinstance(result, Cancelled):
            changes |= {"state": CANCELLED, "error": result.to_dict()}
        elif isinstance(result, ModelSyncError):
            changes |= {"error": result.to_dict()}
        else:
            changes |= {"error": ModelSyncError(f"{type(result).__name__}: {result}").to_dict()}
        begun = self._record.background or self._record.state == RUNNING
        self._record = dataclasses.replace(self._record, **changes)  # type: ignore[arg-type]
        with writable_or_skipped():  # a read-only file system says so even where there is nothing to remove
            if not begun and isinstance(result, (ModelNotFound, UsageError, InvalidTag, NoContext)):
                self._records.remove(self._record.id)  # it was never a transfer: the tag or the options were wrong
            else:
                self._save()
            self._records.clear_wish(self._record.id)
        if self._lock:
            self._lock.release()
        if isinstance(result, BaseException):
            raise result
        return result


class _Rate:
    """Bytes a second over the last few seconds."""

    def __init__(self) -> None:
        self._looks: list[tuple[float, int]] = []

    def of(self, done: int) -> float:
        now = time.monotonic()
        self._looks = [*self._looks[-9:], (now, done)]
        then, before = self._looks[0]
        return max(0.0, (done - before) / (now - then)) if now - then > 0.1 else 0.0
