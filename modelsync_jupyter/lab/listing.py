"""The list of the sidebar: pages of the catalog, and what sets it reading."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import InvalidModel, ModelNotFound, UsageError
from modelsync_jupyter.core.tags import Tag

from .catalog import Catalog
from .fields import Fields
from .handler import Handler
from .rows import SHOWS, SORTS, View
from .rows import Version as Row

_PAGE, _LONGEST_PAGE = 100, 500
#: Seconds that a first answer waits for the local store: most are read by then, and an empty page would only flicker.
_FIRST_SECONDS = 0.3
#: Seconds that an answer about one name waits for the registry.
_NAME_SECONDS = 5.0
#: Registries whose lists stay in memory.
_KEPT = 4


class Catalogs:
    """The catalogs of the registries that were looked at lately, each for one token: another may see other models."""

    def __init__(self) -> None:
        self._catalogs: dict[tuple[str, str, str], Catalog] = {}

    def of(self, client: api.Client, context: api.Context | None) -> Catalog:
        """Return the catalog of a registry.

        Args:
            client: For the home and the registry.
            context: The registry, or None where there is none.
        """
        secret = sha256(context.token.encode()).hexdigest() if context else ""
        key = (context.name, context.endpoint, secret) if context else ("", "", "")
        catalog = self._catalogs.pop(key, None) or Catalog(client)
        while len(self._catalogs) >= _KEPT:
            del self._catalogs[next(iter(self._catalogs))]
        self._catalogs[key] = catalog
        return catalog


class _FromCatalog(Handler):
    def find(self) -> tuple[Catalog, str]:
        """Find the catalog of the registry that the request is about, and that registry's endpoint."""
        named, known = self.context, api.contexts(home=self.home)
        found = next((each for each in known if (each.name == named if named else each.current)), None)
        return self.app.catalogs.of(api.Client(self.home, named), found), found.endpoint if found else ""

    async def read_name(self, catalog: Catalog, endpoint: str, name: str) -> None:
        """Read the versions of one name on both sides; a registry that is slow to answer is left to answer later."""
        with suppress(asyncio.TimeoutError):
            await self.app.remote_pools.of(endpoint).run(lambda: catalog.read_name(name), _NAME_SECONDS)


class Listing(_FromCatalog):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Show a page of both sides as one list.

        `refresh` says what to read: "all" both sides to their ends, "quick" what seems to have changed, "local" the
        local store if a version came or went, or the name of a model, which is waited for.
        """
        self._track_activity = False
        fields = self.fields
        view, since, refresh = _view(fields), fields.text("since", ""), fields.text("refresh", "")
        start, limit = fields.number("start", 0), fields.number("limit", _PAGE)
        if start < 0 or not 1 <= limit <= _LONGEST_PAGE:
            raise UsageError(f"`start` must be 0 or more, and `limit` from 1 to {_LONGEST_PAGE}.")
        catalog, endpoint = await self.local(self.find)
        await self._read(catalog, endpoint, refresh)
        prefix = fields.text("find", "")
        if prefix:
            exact = fields.flag("whole")
            self.reply({"row": await self.local(lambda: catalog.find(view, prefix, start, whole=exact))})
        else:
            self.reply(await self.local(lambda: catalog.page(view, start, limit, since)))

    async def _read(self, catalog: Catalog, endpoint: str, refresh: str) -> None:
        first = not catalog.listed.is_set()
        if refresh not in ("", "all", "quick", "local"):
            await self.read_name(catalog, endpoint, Tag.parse(refresh).name)
        elif refresh or first:
            glance = refresh == "local" and not first
            catalog.expect("local")
            local = self._begin(self.slow(lambda: catalog.read_local(only_if_changed=glance)))
            if not glance:
                catalog.expect("remote")
                pool = self.app.remote_pools.of(endpoint)
                self._begin(pool.run(lambda: catalog.read_remote(whole=refresh == "all")))
            if glance or first:
                await asyncio.wait({local}, timeout=_FIRST_SECONDS)

    def _begin(self, reading: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begin to read in a thread; the catalog keeps what goes wrong, and two readings of a side apart."""
        task = asyncio.ensure_future(reading)
        self.app.tasks.add(task)
        task.add_done_callback(self.app.tasks.discard)
        return task


class Version(_FromCatalog):
    @web.authenticated
    @authorized
    async def get(self, name: str, version: str) -> None:
        """Show one version on both sides: files, model.yaml, what the registry knows, and the other versions."""
        tag = Tag.parse(f"{name}:{version}")
        catalog, endpoint = await self.local(self.find)
        await self.read_name(catalog, endpoint, tag.name)

        client, root = api.Client(self.home, self.context), Path(self.settings["server_root_dir"]).expanduser()

        def describe() -> dict[str, Any]:
            versions = catalog.versions(tag.name)
            found = next((each for each in versions if each.tag == tag), None)
            if found is None:
                raise ModelNotFound(f"No model `{tag}`, neither in the local store nor in the registry.")
            return {
                **found.to_dict(),
                "local_details": _local_details(client, found.local) if found.local else None,
                "remote_details": found.remote.details() if found.remote else None,
                "provenance": _provenance(found, root),
                "versions": [each.to_dict() for each in versions],
                "registry": catalog.standing(),
            }

        self.reply(await self.local(describe))


class Digest(Handler):
    @web.authenticated
    @authorized
    async def post(self, name: str, version: str) -> None:
        """Read the files of a local version, so that its content digest is known and both sides can be compared."""
        client = api.Client(self.home)
        self.reply({"digest": await self.slow(lambda: client.digest(client.get(f"{name}:{version}"), hash=True))})


def _provenance(version: Row, root: Path) -> dict[str, Any] | None:
    """Tell where a version came from, and its notebook as the file browser names it, where it shows that."""
    sides = [version.local.info.metadata] if version.local else []
    sides += [version.remote.metadata] if version.remote else []
    found = next(filter(None, map(api.Provenance.of, sides)), None)
    if found is None:
        return None
    path = found.notebook_path
    shown = path.resolve().relative_to(root.resolve()).as_posix() if path and _is_below(path, root) else None
    return {**found.to_dict(), "path": shown}


def _is_below(path: Path, root: Path) -> bool:
    return path.resolve().is_relative_to(root.resolve())


def _local_details(client: api.Client, model: api.Model) -> dict[str, Any]:
    """Describe a local model with its files; a folder that cannot be pushed has none, and a problem that says why."""
    files, problem = [], None
    try:
        files = [{"path": each.path, "kind": each.kind, "size": each.size} for each in model.archive.layout.entries]
    except InvalidModel as error:
        problem = error.to_dict()
    digest = None if problem else client.digest(model)
    return {**model.to_dict(), "digest": digest, "files": files, "info": model.info.to_dict(), "problem": problem}


def _view(fields: Fields) -> View:
    show, sort = _one_of(fields, "show", SHOWS), _one_of(fields, "sort", SORTS)
    return View(show, fields.text("search", "").strip(), sort, frozenset(fields.text_list("open")))


def _one_of(fields: Fields, name: str, known: tuple[str, ...]) -> str:
    value = fields.text(name, known[0])
    if value not in known:
        raise UsageError(f"`{name}` must be one of {', '.join(known)}.")
    return value
