"""Curation: what people change in versions that exist: labels, descriptions, aliases, and deleting on either side.

All below `modelsync/api`, JSON in and out; `context=NAME` in the query names the registry, where it is not the current
one. After each, read the name again (`POST list` with `"refresh": NAME`): nothing here changes the list by itself.

=====================================  ===========================================================================
`POST local/NAME/VERSION`              Change labels and description of the local copy. Body, each key optional:
                                       `{"labels": {K: V}, "remove": [K], "description": TEXT}`; labels that are not
                                       named stay, a description of "" is removed. They are files of the version: a
                                       copy in the registry is `different` afterwards.
                                       → `{"tag", "labels", "description"}`
`DELETE local/NAME/VERSION`            Delete the local copy; `permanently=1` in the query frees its space now. →
                                       `{"deleted": [TAG]}`
`POST local/NAME/VERSION/restore`      Undo that, within a week. Body `{}`. → `{"restored": [TAG]}`; 409 `model-exists`
                                       where there is another one by now.
`GET trash`                            Local versions that can be restored, the last first; `name=` narrows. →
                                       `{"versions": [{"tag", "size", "deleted", "restorable_until"}]}`; `size` is the
                                       space on disk.
`DELETE trash`                         Delete them for good. → `{"freed": BYTES}`
`POST remote/NAME/VERSION`             The same for the registry's copy, which stays `in sync`. → the same
`DELETE remote/NAME/VERSION`           Delete in the registry. → `{"deleted": TAG, "restorable": true}`. A version with
                                       an alias is refused (409): move or remove that first.
`POST remote/NAME/VERSION/restore`     Undo that, while the registry keeps it. Body `{}`. → `{"restored": TAG}`
`GET remote/NAME/VERSION/files`        → `{"tag", "listed", "files": [{"path", "size", "digest", "link"}]}`; `listed` is
                                       false where the registry does not tell which files it has.
`GET deleted?name=NAME`                Versions that the registry can restore, the last first. → `{"versions": [{"tag",
                                       "deleted", "deleted_by", "restorable_until", …}]}`
`GET aliases/NAME`                     → `{"aliases": [{"name", "version", "user", "moved"}]}`
`POST aliases/NAME/ALIAS`              Let an alias point at a version; a new one is made. Body `{"version": V}`, and
                                       `"expected": W` to do so only if it points at W until now, or with `"expected":
                                       ""` if it is new; else 409 `conflict`. → `{"name", "version", "user", "moved"}`
`DELETE aliases/NAME/ALIAS`            Remove an alias; `expected=W` in the query as above. → the alias as it was
`GET history/NAME`                     Who did what, newest first; `version=`, `alias=` and `limit=` (100) narrow it.
                                       → `{"deeds": [{"time", "operation", "version", "user", "client", "address",
                                       "size", "digest", "alias", "earlier"}]}`
=====================================  ===========================================================================

Errors are those of every route: 404 `model-not-found` or `remote-not-found`, 403 `permission-denied` with a hint that
says whom to ask, 401 `not-authenticated`, 422 `unsupported` where the registry is not one of ours.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.tags import Tag

from .fields import Fields, whole
from .handler import Handler

_DEEDS, _MOST_DEEDS = 100, 10_000


class LocalModel(Handler):
    @web.authenticated
    @authorized
    async def post(self, name: str, version: str) -> None:
        """Change labels and description of a local version."""
        tag, wanted = Tag.parse(f"{name}:{version}"), _wanted(self.fields)
        model = await self.slow(lambda: api.edit(tag, home=self.home, **wanted))
        info = model.info
        self.reply({"tag": str(model.tag), "labels": dict(info.labels), "description": info.description})

    @web.authenticated
    @authorized
    async def delete(self, name: str, version: str) -> None:
        """Delete one version from the local store."""
        tag, permanently = Tag.parse(f"{name}:{version}"), self.get_query_argument("permanently", "") == "1"
        run = self.slow if permanently else self.local
        gone = await run(lambda: api.delete(tag, permanently=permanently, home=self.home))
        self.reply({"deleted": [str(each) for each in gone]})


class RestoringLocal(Handler):
    @web.authenticated
    @authorized
    async def post(self, name: str, version: str) -> None:
        """Restore a version that was deleted from the local store."""
        tag = Tag.parse(f"{name}:{version}")
        self.reply({"restored": [str(each) for each in await self.local(lambda: api.restore(tag, home=self.home))]})


class Trash(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the local versions that can be restored."""
        name = self.get_query_argument("name", "") or None
        client = api.Client(self.home)
        found = await self.slow(lambda: [each.to_dict() for each in client.deleted(name)])  # files are looked at
        self.reply({"versions": found})

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Delete for good what could be restored."""
        found = await self.slow(lambda: api.Client(self.home).gc(trash=True))
        self.reply({"freed": found.freed})


class _OfRegistry(Handler):
    @property
    def catalog(self) -> api.Catalog:
        """The registry's versions; looking up where it is takes a file, so this is for threads."""
        return api.Client(self.home, self.context).catalog


class RemoteModel(_OfRegistry):
    @web.authenticated
    @authorized
    async def post(self, name: str, version: str) -> None:
        """Change labels and description of a version in the registry."""
        tag, wanted = Tag.parse(f"{name}:{version}"), _wanted(self.fields)
        model = await self.remote(lambda: self.catalog.change(tag, **wanted))
        self.reply({"tag": str(model.tag), "labels": dict(model.labels), "description": model.description})

    @web.authenticated
    @authorized
    async def delete(self, name: str, version: str) -> None:
        """Delete a version in the registry."""
        tag = Tag.parse(f"{name}:{version}")
        await self.remote(lambda: self.catalog.delete(tag))
        self.reply({"deleted": str(tag), "restorable": True})


class Restoring(_OfRegistry):
    @web.authenticated
    @authorized
    async def post(self, name: str, version: str) -> None:
        """Restore a version that was deleted in the registry."""
        tag = Tag.parse(f"{name}:{version}")
        await self.remote(lambda: self.catalog.restore(tag))
        self.reply({"restored": str(tag)})


class Deleted(_OfRegistry):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the deleted versions that can be restored."""
        name = self.get_query_argument("name", "")
        found = await self.remote(lambda: self.catalog.deleted(name))
        self.reply({"versions": [each.to_dict() for each in found]})


class RemoteFiles(_OfRegistry):
    @web.authenticated
    @authorized
    async def get(self, name: str, version: str) -> None:
        """List the files of a version in the registry."""
        tag, client = Tag.parse(f"{name}:{version}"), api.Client(self.home, self.context)
        found = await self.remote(lambda: client.remote_files(tag))
        files = [{"path": path, **file.to_dict()} for path, file in (found or {}).items()]
        self.reply({"tag": str(tag), "listed": found is not None, "files": files})


class Aliases(_OfRegistry):
    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """List the aliases of a name."""
        found = await self.remote(lambda: self.catalog.aliases(Tag.parse(name).name))
        self.reply({"aliases": [each.to_dict() for each in found]})


class Alias(_OfRegistry):
    @web.authenticated
    @authorized
    async def post(self, name: str, alias: str) -> None:
        """Let an alias point at a version."""
        fields = self.fields
        tag, expected = Tag.parse(f"{name}:{fields.text('version')}"), _expected(fields.text("expected", "*"))
        moved = await self.remote(lambda: self.catalog.move_alias(tag, alias, **expected))
        self.reply(moved.to_dict())

    @web.authenticated
    @authorized
    async def delete(self, name: str, alias: str) -> None:
        """Remove an alias."""
        tag, expected = Tag.parse(f"{name}:{alias}"), self.get_query_argument("expected", "*")
        self.reply((await self.remote(lambda: self.catalog.drop_alias(tag, **_expected(expected)))).to_dict())


class History(_OfRegistry):
    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """List what was done to the versions and aliases of a name, newest first."""
        version, alias = self.get_query_argument("version", ""), self.get_query_argument("alias", "")
        limit = whole("limit", self.get_query_argument("limit", str(_DEEDS)), 1, _MOST_DEEDS)
        tag = Tag.parse(f"{name}:{version}" if version else name)
        found = await self.remote(lambda: self.catalog.history(tag, alias=alias, limit=limit))
        self.reply({"deeds": [each.to_dict() for each in found]})


def _wanted(fields: Fields) -> dict[str, Any]:
    """Return what to change: labels to set, keys to remove, a description."""
    labels, remove = dict(fields.texts("labels")), tuple(fields.text_list("remove"))
    description = fields.text("description", "") if "description" in fields else None
    return {"labels": labels, "remove": remove, "description": description}


def _expected(text: str) -> dict[str, Any]:
    """Return where an alias has to point until now: "*" for anywhere, "" for nowhere."""
    return {} if text == "*" else {"expected": text or None}
