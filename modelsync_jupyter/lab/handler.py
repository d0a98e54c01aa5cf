"""Handler: what all routes share. A handler reads the request, calls one function of the API and replies with JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http.client import responses
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web

from modelsync_jupyter import client as api
from modelsync_jupyter.core.errors import ModelSyncError, Unavailable

from .fields import Fields
from .reply import describe, status_of, to_json

if TYPE_CHECKING:
    from .app import ModelSyncApp

T = TypeVar("T")
#: Proxies in front of Jupyter servers give up after 60 s.
ANSWER_SECONDS = 30.0


class Handler(ExtensionHandlerMixin, APIHandler):
    """One route."""

    auth_resource = "modelsync"

    @property
    def app(self) -> ModelSyncApp:
        """The extension."""
        return cast("ModelSyncApp", self.extensionapp)

    @property
    def home(self) -> str | None:
        """BentoML's home folder, where it is configured."""
        return self.app.home or None

    @property
    def context(self) -> str | None:
        """The registry that the request names, else the one that is configured."""
        return self.get_query_argument("context", "") or self.app.context or None

    @property
    def fields(self) -> Fields:
        """The body of the request."""
        return Fields(self.request.body)

    async def local(self, work: Callable[[], T]) -> T:
        """Do something quick on this machine, in a thread."""
        return await self.app.local_pool.run(work)

    async def slow(self, work: Callable[[], T]) -> T:
        """Do something on this machine that may take long, in a thread."""
        return await self.app.slow_pool.run(work)

    async def remote(self, work: Callable[[], T], seconds: float = ANSWER_SECONDS, endpoint: str = "") -> T:
        """Ask a registry, in one of that registry's threads.

        Args:
            work: What to do.
            seconds: How long to wait for it.
            endpoint: The registry's; by default that of the one that the request is about.

        Raises:
            Unavailable: It has not answered in time.
        """
        pool = self.app.remote_pools.of(endpoint or await self.local(self._endpoint))
        try:
            return await pool.run(work, seconds)
        except asyncio.TimeoutError:
            raise Unavailable(f"The registry has not answered within {seconds:g} s.") from None

    def _endpoint(self) -> str:
        """Return the endpoint of the registry that the request is about; "" where it is not known."""
        named = self.context
        contexts = api.contexts(home=self.home)
        return next((each.endpoint for each in contexts if (each.name == named if named else each.current)), "")

    def reply(self, value: Any, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.finish(to_json(value))

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """Answer with an error, under the status of its class."""
        super().send_error(status_of(_error(kwargs), status_code), **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Turn an error into a reply: the one place where that is done."""
        self.set_status(status_code, responses.get(status_code, "Error"))
        self.finish(to_json(describe(_error(kwargs), status_code)))

    def log_exception(
        self, typ: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Log only unexpected errors."""
        if not isinstance(value, ModelSyncError):
            super().log_exception(typ, value, tb)


class Missing(Handler):
    """Any other path below ours: a JSON error, not Jupyter's page."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Say that there is no such route."""
        raise web.HTTPError(404, "The server extension knows no such request.")

    post = put = patch = delete = get


def _error(kwargs: dict[str, Any]) -> BaseException | None:
    info = kwargs.get("exc_info")
    return cast("BaseException | None", info[1]) if info else None
