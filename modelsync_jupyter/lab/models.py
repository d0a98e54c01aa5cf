"""Models: saving them in the local store."""

from __future__ import annotations

import shutil
from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import UsageError

from .fields import below, check_savable
from .handler import Handler


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
