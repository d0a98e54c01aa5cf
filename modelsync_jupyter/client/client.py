"""`Client`: the verbs, once, for one BentoML home and one registry.

What only some verbs need is imported by these, here and in the modules of the other verbs: each command is a process.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import Cancelled, ModelNotFound, ModelSyncError, NoContext, Paused, UsageError
from modelsync_jupyter.core.keywords import Folder, TransferOptions, spelled_out
from modelsync_jupyter.core.outcome import DifferentContentWarning, Direction, Options, Outcome, SyncReport
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.core.units import format_size
from modelsync_jupyter.jobs.records import WAITING, Record, Records
from modelsync_jupyter.jobs.transfer import Transfer
from modelsync_jupyter.remotes import contexts as known
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model

from .bar import Watched, shown
from .care import CareVerbs
from .defaults import SettingVerbs, check_rate, check_threads
from .files import FileVerbs
from .inspection import InspectionVerbs
from .making import MakingVerbs
from .models import ModelVerbs
from .registries import RegistryVerbs
from .steering import TransferVerbs
from .using import UsingVerbs

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from modelsync_jupyter.transfer.plan import Plan

#: Of a name that the registry does not have: so many letters are looked for, in so many versions at most.
_LETTERS, _MOST = 3, 200
#: Of a version that it does not have: so many others are named.
_MOST_VERSIONS = 5
#: How long a registry may take to connect and to answer whether it has what is to be pulled in the background.
_LOOKING_SECONDS = 5.0
#: Steps in which nothing is moved yet.
_BEFORE = frozenset({"planning", "hashing", WAITING})


class Client(
    TransferVerbs,
    ModelVerbs,
    RegistryVerbs,
    InspectionVerbs,
    FileVerbs,
    CareVerbs,
    UsingVerbs,
    MakingVerbs,
    SettingVerbs,
):
    """The verbs, for one BentoML home and one registry.

    Args:
        home: BentoML's home folder; by default `$BENTOML_HOME`, else `~/bentoml`.
        context: Name of the registry; by default the environment decides, then the current context.
    """

    def __init__(self, home: Folder = None, context: str | None = None) -> None:
        self.home, self.context = Home.find(home), context
        self._store, self._records = LocalStore(self.home), Records(self.home)

    @spelled_out
    def push(self, tag: str | Tag, **options: Unpack[TransferOptions]) -> Outcome:
        """Send a model from the local store to the registry; a tag that is there already is left alone.

        Warns where the registry has a different model under the tag: then nothing was published.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest in the local store.

        Raises:
            ModelNotFound: The local store has no such model.
            ModelSyncError: It failed; the registry shows what it showed before. Run it again to resume.
        """
        outcome = self.run("push", tag, **options)
        if outcome.different:
            _warn(f"{outcome.tag} was not pushed: the registry has", "Choose another version")
        return outcome

    @spelled_out
    def pull(self, tag: str | Tag, **options: Unpack[TransferOptions]) -> Model:
        """Fetch a model from the registry into the local store; a version that is there already is left alone.

        Args:
            tag: `name:version`, exactly; `name` or `name:latest` for the registry's newest complete version.

        Raises:
            ModelNotFound: The registry has no such version.
            ModelSyncError: It failed; the store shows what it showed before. Run it again to resume.
        """
        outcome = self.run("pull", tag, **options)
        if outcome.different:
            _warn(f"{outcome.tag} was not pulled: the local store has", "Delete it")
        return self._store.read(outcome.tag)

    @spelled_out
    def push_in_background(self, tag: str | Tag, **options: Unpack[TransferOptions]) -> Transfer:
        """Start a push in a process of its own, which outlives this one; returns at once.

        Args:
            tag: As for `push`.
        """
        return self.start("push", tag, **options)

    @spelled_out
    def pull_in_background(self, tag: str | Tag, **options: Unpack[TransferOptions]) -> Transfer:
        """Start a pull in a process of its own, which outlives this one, once the registry was asked for the tag.

        Args:
            tag: As for `pull`.

        Raises:
            ModelNotFound: Neither side has such a version; nothing was started.
        """
        return self.start("pull", tag, **options)

    @spelled_out
    def run(
        self,
        direction: Direction,
        tag: str | Tag,
        *,
        on_wait: Callable[[str], None] | None = None,
        **options: Unpack[TransferOptions],
    ) -> Outcome:
        """Push or pull in this process; the calling thread calls `progress` and turns Ctrl-C into `Cancelled`.

        Args:
            direction: "push" or "pull".
            tag: As for `push` and `pull`.
            on_wait: Called with a sentence when another process is transferring the same tag.
        """
        outcome = self._execute(self._record(direction, tag, options), options.get("progress"), on_wait)
        assert isinstance(outcome, Outcome)
        return outcome

    @spelled_out
    def start(self, direction: Direction, tag: str | Tag, **options: Unpack[TransferOptions]) -> Transfer:
        """Push or pull in a process of its own, which outlives this one; what is moved is not waited for.

        Args:
            direction: "push" or "pull".
            tag: As for `push` and `pull`.

        Raises:
            ModelNotFound: There is nothing to push or to pull.
            NoContext: There is no registry to pull from.
        """
        from modelsync_jupyter.jobs.child import spawn

        record = self._record(direction, tag, options, background=True)
        self._look_for(direction, Tag.parse(record.tag))
        spawn(self.home, record)
        return Transfer(self.home, record.id)

    @spelled_out
    def plan(
        self, direction: Direction, tag: str | Tag, *, exact: bool = True, **options: Unpack[TransferOptions]
    ) -> Plan:
        """Decide what a push or pull would do and why; tell what would travel and what would change. Changes nothing.

        Args:
            direction: "push" or "pull".
            tag: As for `push` and `pull`.
            exact: Read local files whose digests are not known, which are kept then; without, a plan that needs them
                has no forecast.
        """
        from modelsync_jupyter.transfer.forecast import forecast
        from modelsync_jupyter.transfer.run import Run
        from modelsync_jupyter.transfer.work import Work

        from .expected import expect_seconds

        with shown(f"plan {tag}", options.get("progress")) as sink:
            work = Work(self.home, self._options(options), counter=Watched(sink))
            run = Run(work, lambda: known.resolve(self.home, self.context))
            with self._explained(str(tag), remote=direction == "pull"):
                plan = run.plan(run.resolve(direction, Tag.parse(str(tag))), hash=exact)
                plan = forecast(run, plan, hash=exact)
        if plan.forecast is None:
            return plan
        endpoint, limit = run.remote.http.endpoint, work.options.rate_limit
        seconds = expect_seconds(plan.forecast, self._records.all(), direction, endpoint, limit)
        return plan._replace(forecast=plan.forecast._replace(seconds=seconds))

    # Help for the above

    def _look_for(self, direction: Direction, tag: Tag) -> None:
        """Refuse to move what is not there: a typo is said at once, and nothing of it is written down.

        For a pull that is one request, on which somebody who starts hours of work can wait: the alternative is a failed
        transfer that nobody looks at. Whatever else goes wrong, or takes long, is left to the transfer, which retries.
        """
        if direction == "push":
            with self._explained(str(tag)):
                self._store.get(tag)
        elif tag.is_latest or self._store.find(tag) is None:
            try:
                self._look_up(tag, self._remote(_LOOKING_SECONDS))
            except (ModelNotFound, NoContext):
                raise
            except ModelSyncError:
                pass

    def _options(self, given: TransferOptions) -> Options:
        """Check what was given by keyword; what was not is as the settings say.

        Raises:
            TypeError: There is no such option. Python looks for that where a function names its options one by one.
        """
        if unknown := given.keys() - TransferOptions.__annotations__.keys():
            raise TypeError(f"unexpected keyword argument '{unknown.pop()}'; see help for the options")
        threads, rate = given.get("threads"), given.get("rate_limit")
        try:
            threads = self.setting("threads").value if threads is None else check_threads(threads, text=False)
            limit = self.setting("rate_limit").value if rate is None else check_rate(rate)
        except ValueError as error:
            raise UsageError(f"{error}.") from None
        return Options(given.get("force", False), threads, self.context, limit)

    def _record(self, direction: Direction, tag: str | Tag, given: TransferOptions, background: bool = False) -> Record:
        options, parsed = self._options(given), Tag.parse(str(tag))
        return Record.new(self._records.new_id(), direction, str(parsed), background=background, options=options)

    def _execute(
        self,
        record: Record,
        progress: Sink | bool | None,
        on_wait: Callable[[str], None] | None = None,
        url: str = "",
    ) -> Outcome | SyncReport:
        """Carry out a transfer in this process, as `Execution` does, and show its progress."""
        from modelsync_jupyter.jobs.execution import Execution

        bar = shown(f"{record.direction} {record.tag}", progress)
        with self._explained(record.tag, record.id, remote=record.direction == "pull"), bar as sink:
            return Execution(self.home, record, sink, on_wait, url=url).run()

    @contextmanager
    def _explained(self, tag: str, id: str = "", *, remote: bool = False) -> Iterator[None]:
        """Say more where it helps: similar names where there is no such model; how much of a stopped transfer is kept.

        Args:
            tag: What was asked for.
            id: The transfer, if there is one.
            remote: Whether the registry was asked for it, and not the local store.
        """
        try:
            yield
        except Cancelled as error:
            raise type(error)(self._describe_stop(error, id), error.step) from error.__cause__
        except ModelNotFound as error:
            from difflib import get_close_matches

            name = tag.partition(":")[0]
            names = self._names_like(name) if remote else {path.name for path in self.home.models.glob("[!.]*")}
            near = [] if name in names else get_close_matches(name, names, n=3)
            said = " or ".join(f"`{each}`" for each in near)
            said = f"Did you mean {said}?" if near else self._remote_versions(name) if remote and name in names else ""
            if not said:
                raise
            raise ModelNotFound(f"{error.message} {said}", error.step) from error

    def _describe_stop(self, error: Cancelled, id: str) -> str:
        """Say what was stopped, and how much of it is kept."""
        record = self._records.find(id)
        if record is None:
            return error.message
        said = f"{record.direction.capitalize()} of `{record.tag}` was "
        said += "paused" if isinstance(error, Paused) else "cancelled"
        is_push = record.direction == "push"  # a registry keeps what it has not answered for yet, too
        if not record.total or record.step in _BEFORE or (is_push and not record.done):
            return f"{said}."
        least = "at least " if is_push else ""
        return f"{said}; {least}{format_size(record.done)} of {format_size(record.total)} are kept."

    def _names_like(self, name: str) -> set[str]:
        """List names of the registry that may be meant: those completion remembers, and those with the same letters."""
        from .names import remembered

        names = {tag.partition(":")[0] for tag in remembered(self.home, self.context)}
        with suppress(ModelSyncError):
            names |= {each.tag.name for each in self.search_remote(name[:_LETTERS], limit=_MOST).items}
        return names

    def _remote_versions(self, name: str) -> str:
        """Name the newest complete versions that the registry has, as the local store does of its own."""
        with suppress(ModelSyncError):
            found = [each for each in self.list_remote(name=name, limit=_MOST_VERSIONS) if each.complete]
            if found:
                return f"Available: {', '.join(f'`{each.tag.version}`' for each in found)}."
        return ""


def _warn(what: str, otherwise: str) -> None:
    """Warn about the caller's line that a version was left alone because the other end has different files."""
    text = f"{what} a different model under this tag. {otherwise}, or replace it with force=True."
    warnings.warn(text, DifferentContentWarning, stacklevel=_callers_level())


def _callers_level() -> int:
    """Count the frames up to the first one outside this package: a warning is about that line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_code.co_filename.startswith(os.path.dirname(__file__)):
        frame, level = frame.f_back, level + 1
    return level
