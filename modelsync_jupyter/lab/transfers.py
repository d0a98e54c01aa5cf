"""Transfers: those of every notebook, shell and sidebar that shares this home. They run in processes of their own."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.states import PAUSED
from modelsync_jupyter.core.tags import Tag

from .fields import below, direction, whole
from .handler import Handler


class Plan(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell what a push or pull would do and why."""
        way, tag = direction(self.get_query_argument("direction", "")), Tag.parse(self.get_query_argument("tag", ""))
        force, context = bool(whole("force", self.get_query_argument("force", "0"), 0, 1)), self.context
        plan = await self.remote(lambda: api.plan(way, tag, exact=False, force=force, context=context, home=self.home))
        self.reply(plan.to_dict())


class Transfers(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """List the transfers that changed since a revision; polling does not count as user activity."""
        self._track_activity = False
        since = self.get_query_argument("since", "")
        changes = await self.local(lambda: self.app.feed.look(since))
        records = [record.to_dict() for record in changes.records]
        self.reply({"revision": changes.revision, "transfers": records, "gone": changes.gone})

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start one; an export or import has a path below the server's root, as the file browser names it."""
        fields = self.fields
        way = direction(fields.text("direction"), "export", "import")
        options: Any = {"force": fields.flag("force")}
        for name, default in (("threads", self.app.threads), ("rate_limit", self.app.rate_limit)):
            options[name] = fields.number(name, default) if name in fields else default or None
        client = api.Client(self.home, fields.text("context", "") or self.app.context or None)
        tag = fields.text("tag", "") if way == "import" else str(Tag.parse(fields.text("tag")))
        if way in ("export", "import"):
            path = below(self.settings["server_root_dir"], fields.text("path"))
            format = fields.text("format", "") or None

        def start() -> api.Transfer:
            if way == "export":
                return client.export_in_background(tag, path, format=format, **options)
            if way == "import":
                return client.import_in_background(path, name=tag or None, **options)
            return client.start(way, tag, **options)

        transfer = await (self.slow(start) if way == "pull" else self.local(start))  # that one asks the registry
        self.reply(transfer.record.to_dict(), 201)

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Forget all that have ended, and not those that are paused; what they have moved stays."""
        client = api.Client(self.home)

        def forget() -> list[str]:
            ended = [each for each in client.transfers() if not each.record.active and each.state != PAUSED]
            for each in ended:
                client.forget(each.id)
            return [each.id for each in ended]

        self.reply({"forgotten": await self.local(forget)})


class Transfer(Handler):
    @web.authenticated
    @authorized
    async def delete(self, id: str) -> None:
        """Forget one that has ended; what it has moved stays."""
        client = api.Client(self.home)
        await self.local(lambda: client.forget(id))
        self.reply({"forgotten": [id]})


class Cancel(Handler):
    @web.authenticated
    @authorized
    async def post(self, id: str) -> None:
        """Ask one to stop, and wait a moment for it to do so."""
        self.reply(await self.slow(lambda: api.cancel(id, home=self.home).record.to_dict()))


class Pause(Handler):
    @web.authenticated
    @authorized
    async def post(self, id: str) -> None:
        """Ask one to stop for now, and wait a moment for it to do so."""
        self.reply(await self.slow(lambda: api.pause(id, home=self.home).record.to_dict()))


class Resume(Handler):
    @web.authenticated
    @authorized
    async def post(self, id: str) -> None:
        """Run one again; it resumes where it left off."""
        self.reply(await self.local(lambda: api.resume_in_background(id, home=self.home).record.to_dict()))
