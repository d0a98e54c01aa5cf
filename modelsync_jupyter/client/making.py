"""The verbs that make models and change what people wrote about them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes import contexts as known
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.transfer.work import Stop

if TYPE_CHECKING:
    from modelsync_jupyter.store.create import Draft
    from modelsync_jupyter.store.model import Model


class MakingVerbs:
    """The part of a `Client` that makes models and edits them."""

    home: Home
    _store: LocalStore

    if TYPE_CHECKING:

        def _explained(self, tag: str) -> AbstractContextManager[None]: ...

    def create(
        self,
        name: str,
        *,
        module: str = "",
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        signatures: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        datasets: Mapping[str, Any] | None = None,
        provenance: bool | None = None,
    ) -> AbstractContextManager[Draft]:
        """Create a model in the local store: write files below `.path`; it appears when the block ends.

        In a notebook its metadata says where it came from: `metadata["provenance"]` has the notebook, the cell's source
        without secrets, the git commit, and the versions of Python and of the packages that were imported.

        Args:
            name: Its name; with `:version` to choose the version too.
            module: The BentoML framework module that can load it.
            labels: Text to find it by.
            metadata: Facts about it: text, numbers, lists and mappings.
            options: Options of the framework module.
            context: Facts of the environment: framework_name, framework_versions.
            signatures: Methods a runner may call.
            metrics: Numbers that tell how good it is, by name; kept in its provenance.
            datasets: What it was trained on: for each name a path, a table, an array or a digest; a digest is kept.
            provenance: Whether to note where it came from; by default in a notebook, unless $MODELSYNC_PROVENANCE is 0.

        Returns:
            A context manager for the model under construction, whose `.tag` and `.model` are set at the end.

        Raises:
            ModelExists: There is such a version.
        """
        from modelsync_jupyter.store.create import draft

        from .origins import note

        noted = note(metadata, wanted=provenance, metrics=metrics, datasets=datasets, secrets=known.tokens(self.home))
        fields = {"module": module, "labels": labels, "metadata": noted, "options": options}
        return draft(self._store, Tag.parse(name), {**fields, "context": context, "signatures": signatures})

    def save(
        self,
        name: str,
        source: str | os.PathLike[str],
        *,
        labels: Mapping[str, str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        datasets: Mapping[str, Any] | None = None,
        provenance: bool | None = None,
    ) -> Model:
        """Save a file, or the contents of a folder, as a new model.

        Args:
            name: Its name; with `:version` to choose the version too.
            source: The file or folder; it is copied.
            labels: Text to find it by.
            metadata: Facts about it.
            metrics: Numbers that tell how good it is, by name; kept in its provenance.
            datasets: What it was trained on: for each name a path, a table, an array or a digest; a digest is kept.
            provenance: Whether to note where it came from; by default in a notebook, unless $MODELSYNC_PROVENANCE is 0.

        Raises:
            ModelExists: There is such a version.
            UsageError: There is nothing at `source`.
        """
        from modelsync_jupyter.store.create import copy_in

        noted: dict[str, Any] = {"metrics": metrics, "datasets": datasets, "provenance": provenance}
        with self.create(name, labels=labels, metadata=metadata, **noted) as making:
            copy_in(Path(source), making.path)
        assert making.model
        return making.model

    def edit(
        self,
        tag: str | Tag,
        *,
        labels: Mapping[str, str] | None = None,
        remove: Collection[str] = (),
        description: str | None = None,
    ) -> Model:
        """Change labels and description of a local model; what is not named stays.

        They are in its model.yaml, so its content digest changes: a copy in the registry is `different` then. To edit
        that copy, use `Client.catalog.change`.

        Args:
            tag: `name:version`; `name` or `name:latest` for the latest.
            labels: Labels to set.
            remove: Keys of labels to take away.
            description: What people should know of it, kept in `metadata["description"]`; "" for none.

        Raises:
            ModelNotFound: There is no such model.
            ModelChanged: Another process replaced it meanwhile; nothing is edited.
            UsageError: A label is not what a registry takes.
        """
        from modelsync_jupyter.jobs.records import Lock
        from modelsync_jupyter.store.edit import edit

        with self._explained(str(tag)):
            found = self._store.get(Tag.parse(str(tag))).tag
        lock = Lock(self.home.state / "locks" / f"edit-{found.name}@{found.version}.lock")
        lock.acquire(Stop(), lambda: None)
        try:
            return edit(self._store, found, labels=labels, remove=remove, description=description)
        finally:
            lock.release()
