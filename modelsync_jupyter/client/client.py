"""`Client`: the verbs, once, for one BentoML home and one registry.

What only some verbs need is imported by these, here and in the modules of the other verbs: each command is a process.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from modelsync_jupyter.core.config import DEFAULT_THREADS, Home
from modelsync_jupyter.core.errors import ModelNotFound, NoContext, NotAuthenticated, UsageError
from modelsync_jupyter.core.keywords import Folder, TransferOptions, spelled_out
from modelsync_jupyter.core.outcome import DifferentContentWarning, Direction, Options, Outcome
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.jobs.child import spawn
from modelsync_jupyter.jobs.execution import Execution
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.jobs.transfer import Transfer
from modelsync_jupyter.remotes import contexts as known
from modelsync_jupyter.remotes.contexts import Context, check_endpoint, check_token
from modelsync_jupyter.store.local import LocalStore, Models
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer.run import Run
from modelsync_jupyter.transfer.work import Counter, Work

from .bar import ask_token, shown
from .care import Care
from .defaults import Defaults, check_rate, check_threads
from .files import FileVerbs
from .inspection import Inspection
from .making import Making
from .steering import Steering
from .using import Use

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from modelsync_jupyter.remotes.bentocloud.catalog import Catalog
    from modelsync_jupyter.remotes.bentocloud.client import Page, Remote, RemoteModel
    from modelsync_jupyter.remotes.bentocloud.management import Management
    from modelsync_jupyter.remotes.http import Http
    from modelsync_jupyter.transfer.plan import Plan

    from .statuses import Statuses

#: Versions of each side that are read first, so that something can be shown, and of the registry at a time after that.
_FIRST, _NEXT = 100, 1000


class Client(Steering, Inspection, FileVerbs, Care, Use, Making, Defaults):
    """The verbs, for one BentoML home and one registry.

    Args:
        home: BentoML's home folder; by default `$BENTOML_HOME`, else `~/bentoml`.
        context: Name of the registry; by default the environment decides, then the current context.
    """

    def __init__(self, home: Folder = None, context: str | None = None) -> None:
        self.home, self.context = Home.find(home), context
        self._store, self._records = LocalStore(self.home), Records(self.home)

    # Transfers

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
        return self._store.get(outcome.tag)

    @spelled_out
    def push_in_background(self, tag: str | Tag, **options: Unpack[TransferOptions]) -> Transfer:
        """Start a push in a process of its own, which outlives this one; returns at once.

        Args:
            tag: As for `push`.
        """
        return self.start("push", tag, **options)

    @spelled_out
    def pull_in_background(self, tag: str | Tag, **options: Unpack[TransferOptions]) -> Transfer:
        """Start a pull in a process of its own, which outlives this one; returns at once.

        Args:
            tag: As for `pull`.
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
        record = self._record(direction, tag, options)
        bar = shown(f"{direction} {tag}", options.get("progress"))
        with self._explained(record.tag, record.id, remote=direction == "pull"), bar as sink:
            outcome = Execution(self.home, record, sink, on_wait).run()
        assert isinstance(outcome, Outcome)
        return outcome

    @spelled_out
    def start(self, direction: Direction, tag: str | Tag, **options: Unpack[TransferOptions]) -> Transfer:
        """Push or pull in a process of its own, which outlives this one; returns at once.

        Args:
            direction: "push" or "pull".
            tag: As for `push` and `pull`.
        """
        record = self._record(direction, tag, options, background=True)
        spawn(self.home, record)
        return Transfer(self.home, record.id)

    @spelled_out
    def plan(self, direction: Direction, tag: str | Tag, **options: Unpack[TransferOptions]) -> Plan:
        """Decide what a push or pull would do and why; changes nothing.

        Args:
            direction: "push" or "pull".
            tag: As for `push` and `pull`.
        """
        work = Work(self.home, self._options(options))
        run = Run(work, lambda: known.resolve(self.home, self.context))
        with self._explained(str(tag), remote=direction == "pull"):
            return run.plan(run.resolve(direction, Tag.parse(str(tag))), hash=False)

    # Models

    def status(
        self,
        name: str | None = None,
        *,
        search: str = "",
        query: str = "",
        start: int = 0,
        limit: int | None = None,
        hash: bool = False,
        progress: Sink | None = None,
    ) -> Statuses:
        """Compare the local store with the registry, version by version: by name, the newest first.

        Args:
            name: Only this name, or only this tag.
            search: Only names that contain this.
            query: Only versions that the registry finds with this query.
            start: How many to pass over.
            limit: How many at most.
            hash: Read local files whose digest is not known yet; the result is kept.
            progress: Called with progress updates while files are read.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        from .statuses import compared, join

        asked, search = Tag.parse(name) if name else None, search.lower()
        remote = self.list_remote(search or None, query=query or None, name=name)

        def matches(tag: Tag) -> bool:
            return search in tag.name and (asked is None or asked.is_latest or tag == asked)

        page = join(
            self._store,
            [each for each in remote if matches(each.tag)] if asked else remote,
            matches,
            name=asked.name if asked else None,
            local_only=not query,
            start=start,
            limit=limit,
        )
        if hash:
            self._hash([each.local for each in page if each.local], progress)
            page[:] = [compared(self._store, each.tag, each.local, each.remote) for each in page]
        return page

    def read_status(self) -> Iterator[Statuses]:
        """Compare all of both sides as they are read: yields a few times what is known so far, and then the whole.

        A local version is `unknown` until the registry has named it, or has been read to its end. The `total` of what
        is yielded says how many versions the registry has.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        from .statuses import joined

        there: dict[Tag, RemoteModel] = {}
        here, whole = self.list_models(limit=_FIRST), False
        while not whole:
            before = len(there)
            page = self.search_remote(start=before, limit=_NEXT if before else _FIRST)
            there.update((each.tag, each) for each in page.items)
            whole = len(there) >= page.total or len(there) == before
            if not before and not (whole and here.total <= len(here)):
                found = joined(self._store, here, there, whole=False)
                found.total = page.total
                yield found
                here = self.list_models()
        found = joined(self._store, here, there, whole=True)
        found.total = len(there)
        yield found

    def digest(self, model: Model, *, hash: bool = False, progress: Sink | None = None) -> str | None:
        """Return the content digest of a local model, or None while it is unknown.

        Args:
            model: The model.
            hash: Read its files if the digest is not known yet; the result is kept.
            progress: Called with progress updates while files are read.
        """
        if hash:
            self._hash([model], progress)
        return self._store.digest(model)

    def list_models(
        self, name: str | None = None, *, search: str = "", start: int = 0, limit: int | None = None
    ) -> Models:
        """List the models in the local store, sorted by name, the newest of each name first.

        Args:
            name: Only this name, or only this tag.
            search: Only tags that contain this.
            start: How many to pass over.
            limit: How many at most; a few of many are listed much faster than all. The list's `total` says of how many.
        """
        asked = Tag.parse(name) if name else None

        def matches(tag: Tag) -> bool:
            return search.lower() in str(tag) and (asked is None or asked.is_latest or tag == asked)

        return self._store.models(asked.name if asked else None, start=start, limit=limit, matches=matches)

    def list_remote(
        self,
        search: str | None = None,
        *,
        query: str | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> list[RemoteModel]:
        """List the models in the registry, newest first.

        Args:
            search: Part of a name.
            query: BentoCloud's query: words, `label:key=value`, `module:`, `creator:`, `sort:` and so on.
            name: Only this name, or only this tag.
            limit: How many at most; all by default.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        if not name:
            return list(self._remote().models(search=search or "", query=query or "", limit=limit).items)
        tag, remote = Tag.parse(name), self._remote()
        if tag.is_latest or query:
            found = remote.versions(tag.name, query=query or "", limit=limit if tag.is_latest else None)
            return [model for model in found if tag.is_latest or model.tag == tag]
        model = remote.model(tag)
        return [model] if model else []

    def search_remote(self, search: str = "", *, query: str = "", start: int = 0, limit: int | None = 100) -> Page:
        """Return a page of the models in the registry, newest first, and how many there are in all.

        Args:
            search: Part of a name.
            query: BentoCloud's query.
            start: How many to pass over.
            limit: How many at most; None for all.

        Raises:
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        return self._remote().models(search=search, query=query, start=start, limit=limit)

    def get_remote(self, tag: str | Tag) -> RemoteModel:
        """Return one model of the registry.

        Args:
            tag: `name:version` or `name:alias`; `name` or `name:latest` for the newest complete version.

        Raises:
            ModelNotFound: The registry has no such version.
            NoContext: There is no registry to ask.
            RemoteError: It cannot be reached, or refuses.
        """
        parsed, remote = Tag.parse(str(tag)), self._remote()
        found = remote.latest(parsed.name) if parsed.is_latest else remote.model(parsed, alias=True)
        with self._explained(str(tag), remote=True):
            if found is None:
                step = Step("list-remote", "Check the name in the registry's list of models.")
                raise ModelNotFound(f"The registry has no model `{parsed}`.", step)
        return found

    def get(self, tag: str | Tag, *, pull: bool = False) -> Model:
        """Return one model of the local store.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest.
            pull: Fetch it from the registry if the local store lacks it.

        Raises:
            ModelNotFound: There is none.
        """
        try:
            with self._explained(str(tag)):
                return self._store.get(Tag.parse(str(tag)))
        except ModelNotFound:
            if not pull:
                raise
        return self.pull(tag)

    def delete(self, tag: str | Tag) -> list[Tag]:
        """Delete a model from the local store, and return what was deleted; the registry is not touched.

        Args:
            tag: `name:version`; `name:latest` for the latest alone; a bare `name` for every version of it.

        Raises:
            ModelNotFound: There is none.
        """
        parsed = Tag.parse(str(tag))
        with self._explained(str(tag)):
            only_latest = parsed.is_latest and ":" in str(tag)
            return self._store.delete(self._store.get(parsed).tag if only_latest else parsed)

    # Registries

    def login(self, endpoint: str, token: str | None = None, *, name: str = "default") -> Context:
        """Check a token with its registry, remember both and make that registry the current one.

        Args:
            endpoint: URL of the registry.
            token: The API token; by default that of $MODELSYNC_TOKEN, else it is asked for, and not shown.
            name: What to call this registry.

        Raises:
            UsageError: The endpoint is not a URL, or the token holds what no token can.
            NotAuthenticated: The registry refuses the token; nothing is remembered.
            RemoteError: It does not answer like a registry; nothing is remembered.
        """
        from modelsync_jupyter.remotes.bentocloud.client import Remote

        endpoint = check_endpoint(endpoint)
        context = Context(name, endpoint, check_token(token or ask_token(endpoint)), current=True)
        try:
            user = Remote(_open(context)).current_user()
        except NotAuthenticated as error:
            step = Step("login", "Copy a valid token from the registry and sign in again.", {"endpoint": endpoint})
            raise NotAuthenticated(f"{endpoint} refuses this token.", step, status=error.status) from error
        context = dataclasses.replace(context, email=str(user.get("email") or ""))
        known.save(self.home, context)
        return context

    def logout(self, name: str | None = None) -> str:
        """Forget a registry and its token, and return its name.

        Args:
            name: Which; the client's own, else the current one, if not given.

        Raises:
            NoContext: There is none.
        """
        chosen = name or known.resolve(self.home, self.context).name
        if chosen == known.ENVIRONMENT:
            raise NoContext("The token comes from the environment.", "Unset BENTO_CLOUD_API_KEY.")
        known.forget(self.home, chosen)
        return chosen

    def contexts(self) -> list[Context]:
        """List the registries this home knows, that of the environment first."""
        return known.load(self.home)

    def use_context(self, name: str) -> Context:
        """Make a registry the current one.

        Args:
            name: Which.

        Raises:
            NoContext: There is none of that name.
        """
        known.use(self.home, name)
        return known.resolve(self.home, name)

    @property
    def registry(self) -> Management:
        """The registry's users, tokens, grants and audit trail, for those who may manage them."""
        from modelsync_jupyter.remotes.bentocloud.management import Management

        return Management(_open(known.resolve(self.home, self.context)))

    @property
    def catalog(self) -> Catalog:
        """The registry's versions: their aliases, labels and history; deleting and restoring them."""
        from modelsync_jupyter.remotes.bentocloud.catalog import Catalog

        return Catalog(_open(known.resolve(self.home, self.context)))

    # Help for the above

    def _remote(self) -> Remote:
        from modelsync_jupyter.remotes.bentocloud.client import Remote

        return Remote(_open(known.resolve(self.home, self.context)))

    def _options(self, given: TransferOptions) -> Options:
        """Check what was given by keyword; what was not is as the settings say."""
        threads, rate = given.get("threads"), given.get("rate_limit")
        try:
            threads = self.setting("threads").value if threads is None else check_threads(threads, text=False)
            limit = self.setting("rate_limit").value if rate is None else check_rate(rate)
        except ValueError as error:
            raise UsageError(f"{error}.") from None
        return Options(given.get("force", False), threads, self.context, limit)

    def _record(self, direction: Direction, tag: str | Tag, given: TransferOptions, background: bool = False) -> Record:
        options, parsed = self._options(given), Tag.parse(str(tag))
        return Record(self._records.new_id(), direction, str(parsed), background=background, options=options)

    def _hash(self, models: list[Model], progress: Sink | None) -> None:
        missing = [model for model in models if not self._store.digest(model)]
        counter = Counter()
        counter.begin("hashing", sum(model.size for model in missing))

        def count(size: int) -> None:
            counter.add(size)
            if progress:
                progress(counter.look())

        for model in missing:
            self._store.describe(model, threads=DEFAULT_THREADS, hashed=count)


def _open(context: Context) -> Http:
    from modelsync_jupyter.remotes.http import Http
    from modelsync_jupyter.remotes.retry import Retry

    return Http(context, Retry())


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
