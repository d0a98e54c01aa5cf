"""Models, in the local store and in the registry."""

from __future__ import annotations

import shutil
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import UsageError
from modelsync_jupyter.core.tags import Tag

from .fields import below, check_savable, whole
from .handler import Handler

_PAGE, _LONGEST_PAGE = 200, 1000
#: For so many names at most the registry is asked one by one.
_ASKED_BY_NAME = 20


class _Listing(Handler):
    def slice(self) -> tuple[str, int, int]:
        """What is looked for, how many to pass over and how many to send."""
        search = self.get_query_argument("search", "").strip()
        start = whole("start", self.get_query_argument("start", "0"), 0)
        return search, start, whole("limit", self.get_query_argument("limit", str(_PAGE)), 1, _LONGEST_PAGE)


class LocalModels(_Listing):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """A page of the local store, sorted by name, the newest of each name first."""
        search, start, limit = self.slice()

        def look() -> dict[str, Any]:
            found = api.list_models(search=search, start=start, limit=limit, home=self.home)
            return {"items": [model.to_dict() for model in found], "total": found.total}

        self.reply(await self.local(look))


class LocalModel(Handler):
    @web.authenticated
    @authorized
    async def get(self, name: str, version: str) -> None:
        """One local model with its files and its whole model.yaml."""
        tag = Tag.parse(f"{name}:{version}")
        client = api.Client(self.home)
        self.reply(await self.local(lambda: _details(client, client.get(tag))))

    @web.authenticated
    @authorized
    async def delete(self, name: str, version: str) -> None:
        """Delete one version from the local store."""
        tag = Tag.parse(f"{name}:{version}")
        self.reply({"deleted": [str(gone) for gone in await self.local(lambda: api.delete(str(tag), home=self.home))]})


class SavedModels(Handler):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Save a file or folder of the server as a model."""
        fields = self.fields
        name, labels = fields.text("name"), fields.texts("labels")
        root = self.settings["server_root_dir"]
        source = below(root, fields.text("path"))
        hidden = self.contents_manager.allow_hidden

        def save() -> dict[str, Any]:
            check_savable(source, root, hidden=hidden)
            try:
                return api.save(name, source, labels=labels, home=self.home).to_dict()
            except shutil.Error as error:  # one reason for each file that could not be copied
                file, _, why = error.args[0][0]
                raise UsageError(f"`{file}` cannot be copied: {why}.", step="Check its permissions.") from error

        self.reply(await self.slow(save), 201)


class RemoteModels(_Listing):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """A page of the registry, the newest first."""
        search, start, limit = self.slice()
        context = self.context
        page = await self.remote(
            lambda: api.search_remote(search, start=start, limit=limit, context=context, home=self.home)
        )
        self.reply({"items": [model.to_dict() for model in page.items], "total": page.total})


class RemoteVersions(Handler):
    @web.authenticated
    @authorized
    async def get(self, name: str) -> None:
        """All versions of one name, the newest first."""
        tag, context = Tag.parse(name), self.context
        models = await self.remote(
            lambda: api.list_remote(name=tag.name, limit=_LONGEST_PAGE, context=context, home=self.home)
        )
        self.reply({"items": [model.to_dict() for model in models]})


class RemoteModel(Handler):
    @web.authenticated
    @authorized
    async def get(self, name: str, version: str) -> None:
        """One model of the registry with its metadata and description."""
        tag, context = Tag.parse(f"{name}:{version}"), self.context
        model = await self.remote(lambda: api.get_remote(tag, context=context, home=self.home))
        self.reply({**model.details(), "digest": model.digest or None})


class States(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """How both sides compare in every version of the local names, told by content digests alone.

        A registry may have thousands of names that nobody has here: their versions are only there, which needs no
        question.
        """
        client = api.Client(self.home, self.context)

        def look() -> list[api.VersionStatus]:
            names = sorted({model.tag.name for model in client.list_models()})
            if len(names) > _ASKED_BY_NAME:
                return [each for each in client.status() if each.tag.name in names]
            return [each for name in names for each in client.status(name)]

        self.reply({"items": [_state(each) for each in await self.remote(look)]})


def _details(client: api.Client, model: api.Model) -> dict[str, Any]:
    files = [{"path": entry.path, "kind": entry.kind, "size": entry.size} for entry in model.archive.layout.entries]
    return {**model.to_dict(), "digest": client.digest(model), "files": files, "info": model.info.to_dict()}


def _state(status: api.VersionStatus) -> dict[str, Any]:
    """A state with the digests behind it: where one is null, the reader can say why a state is unknown."""
    remote = status.remote.digest if status.remote and status.remote.complete else ""
    unread = status.local is None or (status.state is api.State.UNKNOWN and remote)
    digests = {"local": None if unread else status.digest, "remote": remote or None}
    return {"tag": str(status.tag), "state": str(status.state), **digests}
