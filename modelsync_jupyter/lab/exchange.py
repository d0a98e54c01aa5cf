"""Exports and imports of the sidebar: plans, and transfers that run in processes of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import UsageError

from .fields import below
from .handler import Handler


class Exchange(Handler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        """What an export or import would do and why; the arguments are those of `post`."""
        asked = self._asked(lambda name: self.get_query_argument(name, ""))
        client, way = api.Client(self.home), asked.pop("direction")
        plan = client.plan_export if way == "export" else client.plan_import
        self.reply((await self.remote(lambda: plan(**asked))).to_dict())

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start one: `direction`, `path` (below the server's folder, or a URL), `force`; for an export `tag` and
        `format`, for an import `name`, the tag to import under.
        """
        fields = self.fields
        asked = self._asked(lambda name: fields.text(name, ""))
        client, way, threads = api.Client(self.home), asked.pop("direction"), self.app.threads
        start = client.export_in_background if way == "export" else client.import_in_background
        force = fields.flag("force")
        transfer = await self.local(lambda: start(**asked, force=force, threads=threads))
        self.reply(transfer.record.to_dict(), 201)

    def _asked(self, text: Callable[[str], str]) -> dict[str, Any]:
        way, path = text("direction"), text("path")
        if way not in ("export", "import") or not path:
            raise UsageError("`direction` must be `export` or `import`, with a `path`.", "Reload the page.")
        where = path if "://" in path else str(below(self.settings["server_root_dir"], path))
        if path.endswith("/") and "://" not in path:
            where += "/"
        if way == "export":
            return {"direction": way, "tag": text("tag"), "path": where, "format": text("format") or None}
        return {"direction": way, "path": where, "name": text("name") or None}
