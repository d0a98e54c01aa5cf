"""The verbs as plain functions: each makes a client for one call, and takes `home` and `context` for it by keyword."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from modelsync_jupyter.contents.diff import Diff
from modelsync_jupyter.core.keywords import At, AtHome, Folder, TransferOptions, documented_as
from modelsync_jupyter.core.outcome import Direction, Outcome, SyncReport
from modelsync_jupyter.core.progress import Sink
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.jobs.transfer import Transfer
from modelsync_jupyter.remotes.bentocloud.replies import Page, RemoteModel
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.store.create import Draft
from modelsync_jupyter.store.model import Model, Models
from modelsync_jupyter.transfer.plan import Plan

from .checks import Check
from .client import Client
from .defaults import Setting
from .files import PathOrUrl
from .origins import Provenance
from .scanning import Scanned
from .statuses import Statuses
from .using import LOCK

if TYPE_CHECKING:
    from typing_extensions import Unpack


@partial(documented_as, Client.push)
def push(
    tag: str | Tag, *, home: Folder = None, context: str | None = None, **options: Unpack[TransferOptions]
) -> Outcome:
    return Client(home, context).push(tag, **options)


@partial(documented_as, Client.pull)
def pull(
    tag: str | Tag, *, home: Folder = None, context: str | None = None, **options: Unpack[TransferOptions]
) -> Model:
    return Client(home, context).pull(tag, **options)


@partial(documented_as, Client.push_in_background)
def push_in_background(
    tag: str | Tag, *, home: Folder = None, context: str | None = None, **options: Unpack[TransferOptions]
) -> Transfer:
    return Client(home, context).push_in_background(tag, **options)


@partial(documented_as, Client.pull_in_background)
def pull_in_background(
    tag: str | Tag, *, home: Folder = None, context: str | None = None, **options: Unpack[TransferOptions]
) -> Transfer:
    return Client(home, context).pull_in_background(tag, **options)


@partial(documented_as, Client.export_model)
def export_model(
    tag: str | Tag,
    path: PathOrUrl = ".",
    *,
    format: str | None = None,
    home: Folder = None,
    **options: Unpack[TransferOptions],
) -> Outcome:
    return Client(home).export_model(tag, path, format=format, **options)


@partial(documented_as, Client.import_model)
def import_model(
    path: PathOrUrl, *, name: str | Tag | None = None, home: Folder = None, **options: Unpack[TransferOptions]
) -> Model:
    return Client(home).import_model(path, name=name, **options)


@partial(documented_as, Client.export_in_background)
def export_in_background(
    tag: str | Tag,
    path: PathOrUrl = ".",
    *,
    format: str | None = None,
    home: Folder = None,
    **options: Unpack[TransferOptions],
) -> Transfer:
    return Client(home).export_in_background(tag, path, format=format, **options)


@partial(documented_as, Client.import_in_background)
def import_in_background(
    path: PathOrUrl, *, name: str | Tag | None = None, home: Folder = None, **options: Unpack[TransferOptions]
) -> Transfer:
    return Client(home).import_in_background(path, name=name, **options)


@partial(documented_as, Client.sync)
def sync(
    source: PathOrUrl,
    target: PathOrUrl,
    *,
    query: str = "",
    delete: bool = False,
    keep_going: bool = False,
    home: Folder = None,
    **options: Unpack[TransferOptions],
) -> SyncReport:
    return Client(home).sync(source, target, query=query, delete=delete, keep_going=keep_going, **options)


@partial(documented_as, Client.run)
def run(
    direction: Direction,
    tag: str | Tag,
    *,
    home: Folder = None,
    context: str | None = None,
    **options: Unpack[TransferOptions],
) -> Outcome:
    return Client(home, context).run(direction, tag, **options)


@partial(documented_as, Client.start)
def start(
    direction: Direction,
    tag: str | Tag,
    *,
    home: Folder = None,
    context: str | None = None,
    **options: Unpack[TransferOptions],
) -> Transfer:
    return Client(home, context).start(direction, tag, **options)


@partial(documented_as, Client.plan)
def plan(
    direction: Direction,
    tag: str | Tag,
    *,
    exact: bool = True,
    home: Folder = None,
    context: str | None = None,
    **options: Unpack[TransferOptions],
) -> Plan:
    return Client(home, context).plan(direction, tag, exact=exact, **options)


@partial(documented_as, Client.settings)
def settings(**at: Unpack[AtHome]) -> list[Setting]:
    return Client(**at).settings()


@partial(documented_as, Client.configure)
def configure(name: str, value: object, **at: Unpack[AtHome]) -> Setting:
    return Client(**at).configure(name, value)


@partial(documented_as, Client.transfers)
def transfers(**at: Unpack[AtHome]) -> list[Transfer]:
    return Client(**at).transfers()


@partial(documented_as, Client.attach)
def attach(id: str, *, progress: Sink | bool | None = None, **at: Unpack[AtHome]) -> Outcome | SyncReport:
    return Client(**at).attach(id, progress=progress)


@partial(documented_as, Client.cancel)
def cancel(id: str, **at: Unpack[AtHome]) -> Transfer:
    return Client(**at).cancel(id)


@partial(documented_as, Client.pause)
def pause(id: str, **at: Unpack[AtHome]) -> Transfer:
    return Client(**at).pause(id)


@partial(documented_as, Client.forget)
def forget(id: str, **at: Unpack[AtHome]) -> None:
    Client(**at).forget(id)


@partial(documented_as, Client.resume)
def resume(id: str, *, progress: Sink | bool | None = None, **at: Unpack[AtHome]) -> Outcome | SyncReport:
    return Client(**at).resume(id, progress=progress)


@partial(documented_as, Client.resume_in_background)
def resume_in_background(id: str, **at: Unpack[AtHome]) -> Transfer:
    return Client(**at).resume_in_background(id)


@partial(documented_as, Client.status)
def status(
    name: str | None = None,
    *,
    search: str = "",
    query: str = "",
    start: int = 0,
    limit: int | None = None,
    hash: bool = False,
    progress: Sink | None = None,
    **at: Unpack[At],
) -> Statuses:
    return Client(**at).status(name, search=search, query=query, start=start, limit=limit, hash=hash, progress=progress)


@partial(documented_as, Client.list_models)
def list_models(
    name: str | None = None, *, search: str = "", start: int = 0, limit: int | None = None, **at: Unpack[AtHome]
) -> Models:
    return Client(**at).list_models(name, search=search, start=start, limit=limit)


@partial(documented_as, Client.list_remote)
def list_remote(
    search: str | None = None,
    *,
    query: str | None = None,
    name: str | None = None,
    limit: int | None = None,
    **at: Unpack[At],
) -> list[RemoteModel]:
    return Client(**at).list_remote(search, query=query, name=name, limit=limit)


@partial(documented_as, Client.search_remote)
def search_remote(
    search: str = "", *, query: str = "", start: int = 0, limit: int | None = 100, **at: Unpack[At]
) -> Page:
    return Client(**at).search_remote(search, query=query, start=start, limit=limit)


@partial(documented_as, Client.get_remote)
def get_remote(tag: str | Tag, **at: Unpack[At]) -> RemoteModel:
    return Client(**at).get_remote(tag)


@partial(documented_as, Client.get)
def get(tag: str | Tag, *, pull: bool = False, **at: Unpack[At]) -> Model:
    return Client(**at).get(tag, pull=pull)


@partial(documented_as, Client.load)
def load(tag: str | Tag, *, pull: bool = True, file: str | None = None, trust: bool = False, **at: Unpack[At]) -> Any:
    return Client(**at).load(tag, pull=pull, file=file, trust=trust)


@partial(documented_as, Client.scan)
def scan(tag: str | Tag, *, pull: bool = False, **at: Unpack[At]) -> list[Scanned]:
    return Client(**at).scan(tag, pull=pull)


@partial(documented_as, Client.lock)
def lock(*tags: str | Tag, path: str | os.PathLike[str] = LOCK, **at: Unpack[At]) -> dict[str, str]:
    return Client(**at).lock(*tags, path=path)


@partial(documented_as, Client.pull_locked)
def pull_locked(path: str | os.PathLike[str] = LOCK, **at: Unpack[At]) -> list[Model]:
    return Client(**at).pull_locked(path)


@partial(documented_as, Client.diff)
def diff(
    old: str | Tag,
    new: str | Tag | None = None,
    *,
    remote: bool = False,
    places: tuple[str, str] = ("", ""),
    tensors: bool = True,
    progress: Sink | None = None,
    **at: Unpack[At],
) -> Diff:
    return Client(**at).diff(old, new, remote=remote, places=places, tensors=tensors, progress=progress)


@partial(documented_as, Client.provenance)
def provenance(tag: str | Tag, *, remote: bool = False, **at: Unpack[At]) -> Provenance | None:
    return Client(**at).provenance(tag, remote=remote)


@partial(documented_as, Client.doctor)
def doctor(**at: Unpack[At]) -> list[Check]:
    return Client(**at).doctor()


@partial(documented_as, Client.create)
def create(
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
    **at: Unpack[AtHome],
) -> AbstractContextManager[Draft]:
    return Client(**at).create(
        name,
        module=module,
        labels=labels,
        metadata=metadata,
        options=options,
        context=context,
        signatures=signatures,
        metrics=metrics,
        datasets=datasets,
        provenance=provenance,
    )


@partial(documented_as, Client.save)
def save(
    name: str,
    source: str | os.PathLike[str],
    *,
    labels: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    datasets: Mapping[str, Any] | None = None,
    provenance: bool | None = None,
    **at: Unpack[AtHome],
) -> Model:
    noted: dict[str, Any] = {"metrics": metrics, "datasets": datasets, "provenance": provenance}
    return Client(**at).save(name, source, labels=labels, metadata=metadata, **noted)


@partial(documented_as, Client.edit)
def edit(
    tag: str | Tag,
    *,
    labels: Mapping[str, str] | None = None,
    remove: Collection[str] = (),
    description: str | None = None,
    **at: Unpack[AtHome],
) -> Model:
    return Client(**at).edit(tag, labels=labels, remove=remove, description=description)


@partial(documented_as, Client.delete)
def delete(tag: str | Tag, *, permanently: bool = False, **at: Unpack[AtHome]) -> list[Tag]:
    return Client(**at).delete(tag, permanently=permanently)


@partial(documented_as, Client.restore)
def restore(tag: str | Tag, **at: Unpack[AtHome]) -> list[Tag]:
    return Client(**at).restore(tag)


@partial(documented_as, Client.login)
def login(endpoint: str, token: str | None = None, *, name: str = "default", **at: Unpack[AtHome]) -> Context:
    return Client(**at).login(endpoint, token, name=name)


@partial(documented_as, Client.logout)
def logout(name: str | None = None, **at: Unpack[AtHome]) -> str:
    return Client(**at).logout(name)


@partial(documented_as, Client.contexts)
def contexts(**at: Unpack[AtHome]) -> list[Context]:
    return Client(**at).contexts()


@partial(documented_as, Client.use_context)
def use_context(name: str, **at: Unpack[AtHome]) -> Context:
    return Client(**at).use_context(name)
