"""Push and pull, in this process or in one of their own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal, Union, overload

from modelsync_jupyter.core.config import DEFAULT_THREADS, MAX_THREADS, MIN_RATE, Home
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.outcome import Direction, Options, Outcome
from modelsync_jupyter.core.progress import Counter, Sink
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.jobs.child import spawn
from modelsync_jupyter.jobs.execution import Execution
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.jobs.transfer import Transfer
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer.decide import decide
from modelsync_jupyter.transfer.plan import Plan
from modelsync_jupyter.transfer.pool import Stop
from modelsync_jupyter.transfer.run import Run

Path = Union[str, "os.PathLike[str]"]


@overload
def push(
    tag: str | Tag,
    *,
    force: bool = False,
    threads: int = DEFAULT_THREADS,
    context: str | None = None,
    rate_limit: int | None = None,
    background: Literal[False] = False,
    sink: Sink | None = None,
    home: Path | None = None,
) -> Outcome: ...


@overload
def push(
    tag: str | Tag,
    *,
    force: bool = False,
    threads: int = DEFAULT_THREADS,
    context: str | None = None,
    rate_limit: int | None = None,
    background: Literal[True],
    sink: Sink | None = None,
    home: Path | None = None,
) -> Transfer: ...


def push(
    tag: str | Tag,
    *,
    force: bool = False,
    threads: int = DEFAULT_THREADS,
    context: str | None = None,
    rate_limit: int | None = None,
    background: bool = False,
    sink: Sink | None = None,
    home: Path | None = None,
) -> Outcome | Transfer:
    """Send a model from the local store to the registry; a tag that is there already is left alone.

    Args:
        tag: `name:version`; `name` or `name:latest` for the latest in the local store.
        force: Replace what the registry has under this tag; readers see the old or the new, never a mix.
        threads: Parts on their way at the same time, 1 to 64.
        context: Name of the registry.
        rate_limit: Bytes a second at most, 100,000 or more.
        background: Do it in a process of its own and return at once.
        sink: Where looks at the progress go, at most 10 a second.
        home: BentoML's home folder.

    Returns:
        What came of it, or with `background` a handle to follow it by.

    Raises:
        ModelNotFound: The local store has no such model.
        ModelSyncError: It did not work; the registry shows what it showed before. Run it again to go on.
    """
    options = Options(force, threads, context, rate_limit)
    if background:
        return start("push", tag, options, home=home)
    return run("push", tag, options, sink=sink, home=home)


@overload
def pull(
    tag: str | Tag,
    *,
    force: bool = False,
    threads: int = DEFAULT_THREADS,
    context: str | None = None,
    rate_limit: int | None = None,
    background: Literal[False] = False,
    sink: Sink | None = None,
    home: Path | None = None,
) -> Model: ...


@overload
def pull(
    tag: str | Tag,
    *,
    force: bool = False,
    threads: int = DEFAULT_THREADS,
    context: str | None = None,
    rate_limit: int | None = None,
    background: Literal[True],
    sink: Sink | None = None,
    home: Path | None = None,
) -> Transfer: ...


def pull(
    tag: str | Tag,
    *,
    force: bool = False,
    threads: int = DEFAULT_THREADS,
    context: str | None = None,
    rate_limit: int | None = None,
    background: bool = False,
    sink: Sink | None = None,
    home: Path | None = None,
) -> Model | Transfer:
    """Fetch a model from the registry into the local store; a version that is there already is left alone.

    Args:
        tag: `name:version`, exactly; `name` or `name:latest` for the registry's newest complete version.
        force: Replace the local copy, once the new one is whole and checked.
        threads: Parts on their way at the same time, 1 to 64.
        context: Name of the registry.
        rate_limit: Bytes a second at most, 100,000 or more.
        background: Do it in a process of its own and return at once.
        sink: Where looks at the progress go, at most 10 a second.
        home: BentoML's home folder.

    Returns:
        The model, or with `background` a handle to follow the transfer by.

    Raises:
        ModelNotFound: The registry has no such version.
        ModelSyncError: It did not work; the store shows what it showed before. Run it again to go on.
    """
    options = Options(force, threads, context, rate_limit)
    if background:
        return start("pull", tag, options, home=home)
    outcome = run("pull", tag, options, sink=sink, home=home)
    return LocalStore(Home.find(home)).get(outcome.tag)


def run(
    direction: Direction,
    tag: str | Tag,
    options: Options,
    *,
    sink: Sink | None = None,
    home: Path | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Outcome:
    """Push or pull in this process; the calling thread calls `sink` and turns Ctrl-C into `Cancelled`.

    Args:
        direction: "push" or "pull".
        tag: The tag.
        options: How to transfer.
        sink: Where looks at the progress go.
        home: BentoML's home folder.
        on_wait: Told, in words, when another process is at work on the same tag.
    """
    place = Home.find(home)
    return Execution(place, _record(place, direction, tag, options), sink, on_wait).run()


def start(direction: Direction, tag: str | Tag, options: Options, *, home: Path | None = None) -> Transfer:
    """Push or pull in a process of its own; returns at once.

    Args:
        direction: "push" or "pull".
        tag: The tag.
        options: How to transfer.
        home: BentoML's home folder.
    """
    place = Home.find(home)
    record = _record(place, direction, tag, options, background=True)
    spawn(place, record)
    return Transfer(place, record.id)


def plan(
    direction: Direction,
    tag: str | Tag,
    *,
    force: bool = False,
    threads: int = DEFAULT_THREADS,
    context: str | None = None,
    home: Path | None = None,
) -> Plan:
    """What a push or pull would do and why; changes nothing.

    Args:
        direction: "push" or "pull".
        tag: The tag.
        force: As for the transfer.
        threads: As for the transfer.
        context: Name of the registry.
        home: BentoML's home folder.
    """
    place, options = Home.find(home), _checked(Options(force, threads, context))

    def begin() -> Run:
        return Run.begin(place, options, contexts.resolve(place, context), Stop(), Counter())

    return decide(begin, LocalStore(place), direction, _tag(tag), force=force).plan


def _record(home: Home, direction: Direction, tag: str | Tag, options: Options, *, background: bool = False) -> Record:
    id = Records(home).new_id()
    return Record(id, direction, str(_tag(tag)), background=background, options=_checked(options))


def _tag(tag: str | Tag) -> Tag:
    return tag if isinstance(tag, Tag) else Tag.parse(tag)


def _checked(options: Options) -> Options:
    if not 1 <= options.threads <= MAX_THREADS:
        raise UsageError(f"{options.threads} threads are not possible.", step=f"Choose 1 to {MAX_THREADS}.")
    if options.rate_limit is not None and options.rate_limit < MIN_RATE:
        hint = f"Allow {format_size(MIN_RATE)}/s or more."
        raise UsageError(f"A rate of {options.rate_limit} bytes a second is too low.", step=hint)
    return options
