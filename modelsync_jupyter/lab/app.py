"""The server extension: its settings, its routes and what it holds."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Int, Unicode

from modelsync_jupyter.client import Feed
from modelsync_jupyter.core.config import MAX_THREADS, Home

from .listing import Catalogs
from .pool import Pool, Pools
from .routes import ROUTES
from .watch import Watch

#: For quick local work, for copying files and cancelling, and for each registry.
_LOCAL_THREADS, _SLOW_THREADS, _REMOTE_THREADS = 2, 4, 4


class ModelSyncApp(ExtensionApp):
    """Push and pull models between the local store and a registry."""

    name = "modelsync_jupyter"
    extension_url = "/lab"
    load_other_extensions = True

    home = Unicode("", help="BentoML's home folder; by default $BENTOML_HOME, else ~/bentoml.").tag(config=True)
    context = Unicode("", help="Name of the registry to use; by default the current one.").tag(config=True)
    threads = Int(0, min=0, max=MAX_THREADS, help="Parts transferred in parallel; 0: as the home's settings say.").tag(
        config=True
    )

    rate_limit = Int(0, min=0, help="Maximum bytes per second; 0: as the home's settings say.").tag(config=True)

    feed: Feed
    local_pool: Pool
    slow_pool: Pool
    remote_pools: Pools
    catalogs: Catalogs
    #: Readings that nobody waits for, kept from being collected.
    tasks: set[asyncio.Task[None]]
    watch: Watch

    def initialize_settings(self) -> None:
        """Make what the handlers use."""
        self.feed = Feed(Home.find(self.home or None))
        self.local_pool = Pool("modelsync-local", _LOCAL_THREADS)
        self.slow_pool = Pool("modelsync-slow", _SLOW_THREADS)
        self.remote_pools = Pools("modelsync-remote", _REMOTE_THREADS)
        self.catalogs, self.tasks = Catalogs(), set()
        self.watch = Watch(self.feed, self.local_pool, self.name, self.settings["last_activity_times"])
        self.watch.start()

    def initialize_handlers(self) -> None:
        """Add the routes."""
        self.handlers.extend(ROUTES)

    def current_activity(self) -> Any:
        """Count the transfers that run: a server with some does not shut itself down."""
        return self.watch.running

    async def stop_extension(self) -> None:
        """Stop the threads; transfers continue in their own processes. No error here may keep the server running."""
        with suppress(Exception):
            self.watch.stop()
            self.local_pool.stop()
            self.slow_pool.stop()
            self.remote_pools.stop()
            # what still reads in a thread, as from a registry that never answers, must not outlive the loop
            begun = list(self.tasks)
            for task in begun:
                task.cancel()
            await asyncio.gather(*begun, return_exceptions=True)
