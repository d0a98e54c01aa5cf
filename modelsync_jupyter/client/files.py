"""Exports and imports: the verbs of `Client` that need no registry."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.keywords import TransferOptions, spelled_out
from modelsync_jupyter.core.outcome import Direction, Options, Outcome, SyncReport
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.jobs.transfer import Transfer
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model
from modelsync_jupyter.transfer.work import Work

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from modelsync_jupyter.transfer.exchange import FilePlan
    from modelsync_jupyter.transfer.mirror import SyncPlan

PathOrUrl = str | os.PathLike[str]


class FileVerbs:
    """The part of a `Client` that exports, imports and syncs."""

    home: Home
    _store: LocalStore
    _records: Records
    _options: Callable[[TransferOptions], Options]
    _execute: Callable[..., Outcome | SyncReport]

    if TYPE_CHECKING:

        def _explained(self, tag: str, id: str = "") -> AbstractContextManager[None]: ...

    @spelled_out
    def export_model(
        self,
        tag: str | Tag,
        path: PathOrUrl = ".",
        *,
        format: str | None = None,
        **options: Unpack[TransferOptions],
    ) -> Outcome:
        """Write a model of the local store to a file, a folder or a URL; what is there already is left alone.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest in the local store.
            path: A file, or a folder to put it into; or a URL, such as `s3://bucket/models/`.
            format: `bentomodel` (a tar.xz), `tar`, `gz`, `bz2`, `xz`, `zst`, `zip` or `folder`; by default what the
                name of the file says, else `bentomodel`. `tar` and `zst` are many times faster than `bentomodel`.

        Raises:
            ModelNotFound: The local store has no such model.
            ModelExists: Something else is there.
            MissingDependency: The driver of the URL is not installed.
            ModelSyncError: It failed; under the name is what was there before. Run it again to resume.
        """
        return self.run_export(tag, path, format=format, **options)

    @spelled_out
    def import_model(
        self,
        path: PathOrUrl,
        *,
        name: str | Tag | None = None,
        **options: Unpack[TransferOptions],
    ) -> Model:
        """Take a model into the local store from a file, a folder or a URL.

        Takes what `export_model` and BentoML write, in any format; a snapshot of Hugging Face (also
        `hf://org/name@revision`); a model of MLflow; and any other file or folder.

        Args:
            path: A file, a folder or a URL.
            name: Tag to import it under; by default its own.

        Raises:
            ModelExists: The local store has a different model under this tag.
            UnsafeArchive: It would write outside the model, or is made to fill the disk.
            MissingDependency: The driver of the URL is not installed.
            ModelSyncError: It failed; the store shows what it showed before. Run it again to resume.
        """
        return self._store.read(self.run_import(path, name=name, **options).tag)

    def run_export(
        self,
        tag: str | Tag,
        path: PathOrUrl = ".",
        *,
        format: str | None = None,
        on_wait: Callable[[str], None] | None = None,
        **options: Unpack[TransferOptions],
    ) -> Outcome:
        """Export as `export_model` does; says with `on_wait` when another process is exporting to the same place."""
        record, url = self._file_record("export", str(Tag.parse(str(tag))), path, options, format=format)
        outcome = self._execute(record, options.get("progress"), on_wait, url)
        assert isinstance(outcome, Outcome)
        return outcome

    def run_import(
        self,
        path: PathOrUrl,
        *,
        name: str | Tag | None = None,
        on_wait: Callable[[str], None] | None = None,
        **options: Unpack[TransferOptions],
    ) -> Outcome:
        """Import as `import_model` does; returns what came of it, and says with `on_wait` when it has to wait."""
        record, url = self._file_record("import", _name(path), path, options, rename=name)
        outcome = self._execute(record, options.get("progress"), on_wait, url)
        assert isinstance(outcome, Outcome)
        return outcome

    @spelled_out
    def export_in_background(
        self, tag: str | Tag, path: PathOrUrl = ".", *, format: str | None = None, **options: Unpack[TransferOptions]
    ) -> Transfer:
        """Start an export in a process of its own, which outlives this one; returns at once.

        Args:
            tag: As for `export_model`.
            path: As for `export_model`.
            format: As for `export_model`.
        """
        record, url = self._file_record(
            "export", str(Tag.parse(str(tag))), path, options, background=True, format=format
        )
        with self._explained(record.tag):  # a typo is said at once, and nothing of it is written down
            self._store.get(Tag.parse(record.tag))
        return self._start(record, url)

    @spelled_out
    def import_in_background(
        self, path: PathOrUrl, *, name: str | Tag | None = None, **options: Unpack[TransferOptions]
    ) -> Transfer:
        """Start an import in a process of its own, which outlives this one; returns at once.

        Args:
            path: As for `import_model`.
            name: As for `import_model`.
        """
        from modelsync_jupyter.remotes.files.reading import check_there
        from modelsync_jupyter.remotes.files.urls import find_place

        record, url = self._file_record("import", _name(path), path, options, background=True, rename=name)
        place = find_place(path)
        if place.local:  # what is said of a URL may take long, and is left to the other process
            check_there(place)
        return self._start(record, url)

    @spelled_out
    def plan_export(
        self, tag: str | Tag, path: PathOrUrl = ".", *, format: str | None = None, **options: Unpack[TransferOptions]
    ) -> FilePlan:
        """Decide what an export would do and why; changes nothing.

        Args:
            tag: As for `export_model`.
            path: As for `export_model`.
            format: As for `export_model`.
        """
        from modelsync_jupyter.transfer.exporting import Export

        chosen = self._options(options)._replace(path=os.fspath(path), format=format)
        export = Export(Work(self.home, chosen), Tag.parse(str(tag)))
        export.resolve()
        return export.plan(hash=False)

    @spelled_out
    def plan_import(
        self, path: PathOrUrl, *, name: str | Tag | None = None, **options: Unpack[TransferOptions]
    ) -> FilePlan:
        """Decide what an import would do and why; changes nothing.

        Args:
            path: As for `import_model`.
            name: As for `import_model`.
        """
        from modelsync_jupyter.transfer.importing import Import

        chosen = self._options(options)._replace(path=os.fspath(path), rename=str(name) if name else None)
        with closing(Import(Work(self.home, chosen))) as reading:
            reading.resolve()
            return reading.plan(hash=False)

    @spelled_out
    def sync(
        self,
        source: PathOrUrl,
        target: PathOrUrl,
        *,
        query: str = "",
        delete: bool = False,
        keep_going: bool = False,
        **options: Unpack[TransferOptions],
    ) -> SyncReport:
        """Make one end have what another has: versions that are new are copied, what is the same is passed over.

        Each end is `local`, the name of a context, or the path or URL of a folder of exports.

        Args:
            source: Where from.
            target: Where to. Versions with other content are left alone there, and reported, unless `force` is on.
            query: Only versions that the registry at the source finds with this query.
            delete: Delete at the target what the source does not have, once everything is copied.
            keep_going: Continue past versions that fail, and report them at the end.

        Raises:
            UsageError: An end is not one, or everything at the target would be deleted.
            TransferFailed: Versions failed. Run it again: it continues with what is missing.
        """
        record = self._sync_record(source, target, options, query=query, delete=delete, keep_going=keep_going)
        report = self._execute(record, options.get("progress"))
        assert isinstance(report, SyncReport)
        return report

    def sync_in_background(
        self,
        source: PathOrUrl,
        target: PathOrUrl,
        *,
        query: str = "",
        delete: bool = False,
        keep_going: bool = False,
        **options: Unpack[TransferOptions],
    ) -> Transfer:
        """Start a sync in a process of its own, which outlives this one; returns at once. Options as for `sync`."""
        from modelsync_jupyter.transfer.mirror_ends import open_end

        chosen = {"query": query, "delete": delete, "keep_going": keep_going}
        record = self._sync_record(source, target, options, background=True, **chosen)
        for end in (record.options.path, record.options.target):
            open_end(end, Work(self.home, record.options))
        return self._start(record, "")

    def plan_sync(
        self,
        source: PathOrUrl,
        target: PathOrUrl,
        *,
        query: str = "",
        delete: bool = False,
        **options: Unpack[TransferOptions],
    ) -> SyncPlan:
        """Decide what a sync would do; changes nothing. Options as for `sync`."""
        from modelsync_jupyter.transfer.mirror import Mirror
        from modelsync_jupyter.transfer.mirror_ends import open_end

        record = self._sync_record(source, target, options, query=query, delete=delete)
        work = Work(self.home, record.options)
        return Mirror(work, *(open_end(end, work) for end in (record.options.path, record.options.target))).plan()

    def _sync_record(
        self,
        source: PathOrUrl,
        target: PathOrUrl,
        given: TransferOptions,
        *,
        background: bool = False,
        **what: Any,
    ) -> Record:
        """Return a record of a sync; `what` is in `Options` besides: query, delete, keep_going."""
        ends = [_absolute(end) for end in (source, target)]
        if ends[0] == ends[1]:
            raise UsageError("Both ends are the same.", "Name two.")
        chosen = self._options(given)._replace(path=ends[0], target=ends[1], **what)
        return Record.new(self._records.new_id(), "sync", " → ".join(ends), background=background, options=chosen)

    def _file_record(
        self,
        direction: Direction,
        tag: str,
        path: PathOrUrl,
        given: TransferOptions,
        *,
        background: bool = False,
        format: str | None = None,
        rename: str | Tag | None = None,
    ) -> tuple[Record, str]:
        """Return a record, and the URL where the record may not hold it."""
        from modelsync_jupyter.remotes.files.urls import find_place, has_secret, show_place

        place = find_place(path)  # what is wrong with it shows before anything else
        rename = None if rename is None else _written(rename)
        text = os.fspath(path)
        full = text if place.local is None else str(place.local) + ("/" if text.endswith("/") else "")
        chosen = self._options(given)._replace(path=show_place(full), format=format, rename=rename)
        record = Record.new(self._records.new_id(), direction, tag, background=background, options=chosen)
        return record, full if has_secret(full) else ""

    def _start(self, record: Record, url: str) -> Transfer:
        if url:
            raise UsageError(
                "The URL holds a signature or the like, which would be written down for the other process.",
                "Run it in the foreground.",
            )
        from modelsync_jupyter.jobs.child import spawn

        spawn(self.home, record)
        return Transfer(self.home, record.id)


def _absolute(end: PathOrUrl) -> str:
    """Return an end as another process understands it: a path does not depend on the working folder."""
    from modelsync_jupyter.remotes.files.urls import has_secret

    text = os.fspath(end)
    if has_secret(text):
        raise UsageError("The URL holds a password or signature, which would be written down.", "Leave it out.")
    is_path = not isinstance(end, str) or (("/" in text or "." in text) and "://" not in text and ":" not in text)
    return os.path.abspath(os.path.expanduser(text)) if is_path else text


def _name(path: PathOrUrl) -> str:
    """Say what to call an import until its tag is known."""
    from modelsync_jupyter.remotes.files.urls import show_place

    return Path(show_place(path).rstrip("/")).name or "import"


def _written(tag: str | Tag) -> str:
    """Write a tag in its normal form; a bare name stays one, which is not `latest` where a version is to be made."""
    parsed = Tag.parse(str(tag))
    return str(parsed) if parsed.version else parsed.name
