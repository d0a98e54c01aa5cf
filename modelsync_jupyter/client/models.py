"""Models, here and there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelNotFound
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.replies import Page, RemoteModel
from modelsync_jupyter.remotes.contexts import resolve
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry
from modelsync_jupyter.store.create import Draft, copy_in, draft
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.store.model import Model


def list_models(name: str | None = None, *, home: str | os.PathLike[str] | None = None) -> list[Model]:
    """Models in the local store, sorted by name, the newest of each name first.

    Args:
        name: Only this name, or only this tag.
        home: BentoML's home folder.
    """
    store = LocalStore(Home.find(home))
    if not name:
        return store.models()
    tag = Tag.parse(name)
    return [model for model in store.models(tag.name) if tag.is_latest or model.tag == tag]


def list_remote(
    search: str | None = None,
    *,
    query: str | None = None,
    name: str | None = None,
    limit: int = 100,
    context: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> list[RemoteModel]:
    """Models in the registry, newest first.

    Args:
        search: Part of a name.
        query: BentoCloud's query: words, `label:key=value`, `module:`, `creator:`, `sort:` and so on.
        name: Only versions of this name.
        limit: How many at most.
        context: Name of the registry.
        home: BentoML's home folder.

    Raises:
        NoContext: There is no registry to ask.
        RemoteError: It does not answer, or says no.
    """
    remote = _remote(context, home)
    if name:
        return remote.versions(Tag.parse(name).name, query=query or "", limit=limit)
    return list(remote.models(search=search or "", query=query or "", limit=limit).items)


def search_remote(
    search: str = "",
    *,
    start: int = 0,
    limit: int = 100,
    context: str | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Page:
    """A page of the models in the registry, newest first, and how many there are in all.

    Args:
        search: Part of a name.
        start: How many to pass over.
        limit: How many at most.
        context: Name of the registry.
        home: BentoML's home folder.

    Raises:
        NoContext: There is no registry to ask.
        RemoteError: It does not answer, or says no.
    """
    return _remote(context, home).models(search=search, start=start, limit=limit)


def get_remote(
    tag: str | Tag, *, context: str | None = None, home: str | os.PathLike[str] | None = None
) -> RemoteModel:
    """One model of the registry.

    Args:
        tag: `name:version`; `name` or `name:latest` for the newest complete version.
        context: Name of the registry.
        home: BentoML's home folder.

    Raises:
        ModelNotFound: The registry has no such version.
        NoContext: There is no registry to ask.
        RemoteError: It does not answer, or says no.
    """
    parsed, remote = tag if isinstance(tag, Tag) else Tag.parse(tag), _remote(context, home)
    found = remote.latest(parsed.name) if parsed.is_latest else remote.model(parsed)
    if found is None:
        raise ModelNotFound(f"The registry has no model `{parsed}`.")
    return found


def get(tag: str | Tag, *, home: str | os.PathLike[str] | None = None) -> Model:
    """One model of the local store.

    Args:
        tag: `name:version`; `name` or `name:latest` for the latest.
        home: BentoML's home folder.

    Raises:
        ModelNotFound: There is none.
    """
    return LocalStore(Home.find(home)).get(tag if isinstance(tag, Tag) else Tag.parse(tag))


@contextmanager
def create(
    name: str,
    *,
    module: str = "",
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    signatures: Mapping[str, Any] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Iterator[Draft]:
    """Make a model in the local store: write files below `.path` inside the block; it is visible when the block ends.

    Args:
        name: Its name, with `:version` if it shall not be a fresh one.
        module: The BentoML framework module that can load it.
        labels: Words to find it by.
        metadata: Anything worth noting: text, numbers, lists and mappings.
        options: Options of the framework module.
        context: Facts of the environment: framework_name, framework_versions.
        signatures: Methods a runner may call.
        home: BentoML's home folder.

    Yields:
        The model under construction; afterwards its `.tag` and `.model` are those of the finished one.

    Raises:
        ModelExists: There is such a version.
    """
    fields = {
        "module": module,
        "labels": labels,
        "metadata": metadata,
        "options": options,
        "context": context,
        "signatures": signatures,
    }
    with draft(LocalStore(Home.find(home)), Tag.parse(name), fields) as making:
        yield making


def save(
    name: str,
    source: str | os.PathLike[str],
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    home: str | os.PathLike[str] | None = None,
) -> Model:
    """Save a file, or what is in a folder, as a new model.

    Args:
        name: Its name, with `:version` if it shall not be a fresh one.
        source: The file or folder; it is copied.
        labels: Words to find it by.
        metadata: Anything worth noting.
        home: BentoML's home folder.

    Raises:
        ModelExists: There is such a version.
        UsageError: There is nothing at `source`.
    """
    with create(name, labels=labels, metadata=metadata, home=home) as making:
        copy_in(Path(source), making.path)
    assert making.model
    return making.model


def delete(tag: str, *, home: str | os.PathLike[str] | None = None) -> list[Tag]:
    """Delete a model from the local store; the registry is not touched.

    Args:
        tag: `name:version`; `name:latest` for the latest alone; a bare `name` for every version of it.
        home: BentoML's home folder.

    Returns:
        What is gone.

    Raises:
        ModelNotFound: There is none.
    """
    store = LocalStore(Home.find(home))
    parsed = Tag.parse(tag)
    return store.delete(store.get(parsed).tag if ":" in tag else parsed)


def _remote(context: str | None, home: str | os.PathLike[str] | None) -> Remote:
    return Remote(Http(resolve(Home.find(home), context), Retry()))
