"""What looks and changes nothing: how two versions differ, and what keeps models from being synced."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.tags import Tag

from .fields import whole
from .handler import Handler


class Diff(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell how two versions differ; with one, how its copy in the registry differs from the local one.

        `old_place` and `new_place` say where to take each of two from: "local", "remote", or wherever it is.
        """
        old, new = Tag.parse(self.get_query_argument("old", "")), self.get_query_argument("new", "")
        remote = bool(whole("remote", self.get_query_argument("remote", "0"), 0, 1))
        places = (self.get_query_argument("old_place", ""), self.get_query_argument("new_place", ""))
        second, client = Tag.parse(new) if new else None, api.Client(self.home, self.context)
        found = await self.remote(lambda: client.diff(old, second, remote=remote or second is None, places=places))
        self.reply(found.to_dict())


class Doctor(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell what was checked for whatever keeps models from being saved and synced, and what was found."""
        client = api.Client(self.home, self.context)
        checks = await self.remote(client.doctor)
        self.reply({"checks": [check.to_dict() for check in checks]})
