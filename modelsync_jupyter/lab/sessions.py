"""Where the server extension stands, and signing in and out."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

import modelsync_jupyter
from modelsync_jupyter import client as api
from modelsync_jupyter.core.config import Home

from .handler import Handler


class Status(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Tell version, home, and the registries it knows."""
        self.reply(await self.local(self._status))

    def _status(self) -> dict[str, Any]:
        client = api.Client(self.home)
        contexts = [context.to_dict() for context in client.contexts()]
        current = [context["name"] for context in contexts if context["current"]]
        return {
            "version": modelsync_jupyter.__version__,
            "home": str(Home.find(self.home).path),
            "contexts": contexts,
            "current": self.app.context or next(iter(current), None),
            "threads": self.app.threads or client.setting("threads").value,
            "notifications": client.setting("notifications").value,
        }


class Login(Handler):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Check a token with its registry and remember it; it is neither logged nor sent back."""
        fields = self.fields
        endpoint, token, name = fields.text("endpoint"), fields.text("token"), fields.text("name", "") or "default"
        # In threads of the endpoint's own: a mistyped one that hangs must not keep the current registry from answering.
        context = await self.remote(
            lambda: api.login(endpoint, token, name=name, home=self.home), endpoint=endpoint.strip().rstrip("/")
        )
        self.reply(context.to_dict())


class Logout(Handler):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Forget a registry and its token."""
        name = self.fields.text("name", "") or self.app.context or None
        self.reply({"name": await self.local(lambda: api.logout(name, home=self.home))})


class Context(Handler):
    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Make a registry the current one."""
        name = self.fields.text("name")
        context = await self.local(lambda: api.use_context(name, home=self.home))
        self.reply(context.to_dict())
