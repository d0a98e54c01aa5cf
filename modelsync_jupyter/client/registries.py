"""Registries: the verbs of `Client` that sign in to them, choose one, and reach what it keeps."""

from __future__ import annotations

import builtins
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import NoContext, NotAuthenticated, Unavailable, UsageError
from modelsync_jupyter.core.steps import Step, advice
from modelsync_jupyter.remotes import contexts as known
from modelsync_jupyter.remotes.contexts import Context, check_endpoint, check_token

if TYPE_CHECKING:
    from modelsync_jupyter.remotes.bentocloud.catalog import Catalog
    from modelsync_jupyter.remotes.bentocloud.client import Remote
    from modelsync_jupyter.remotes.bentocloud.management import Management
    from modelsync_jupyter.remotes.http import Http


class RegistryVerbs:
    """The part of a `Client` that signs in to registries and chooses one."""

    home: Home
    context: str | None

    def login(self, endpoint: str, token: str | None = None, *, name: str = "default") -> Context:
        """Check a token with its registry, remember both and make that registry the current one.

        Args:
            endpoint: URL of the registry.
            token: The API token; by default that of $MODELSYNC_TOKEN, else it is asked for, and not shown.
            name: What to call this registry.

        Raises:
            UsageError: The endpoint is not a URL, or the token holds what no token can.
            NotAuthenticated: The registry refuses the token; nothing is remembered.
            RemoteError: It does not answer like a registry; nothing is remembered.
        """
        from modelsync_jupyter.remotes.bentocloud.client import Remote

        endpoint = check_endpoint(endpoint)
        context = Context(name, endpoint, check_token(token or _ask_token(endpoint)), current=True)
        try:
            user = Remote(_open(context)).current_user()
        except NotAuthenticated as error:
            step = Step("login", "Copy a valid token from the registry and sign in again.", {"endpoint": endpoint})
            raise NotAuthenticated(f"{endpoint} refuses this token.", step, status=error.status) from error
        except Unavailable as error:
            error.step = advice("Check the address and the network, then sign in again.")
            raise
        context = context._replace(email=str(user.get("email") or ""))
        known.save(self.home, context)
        return context

    def logout(self, name: str | None = None) -> str:
        """Forget a registry and its token, and return its name.

        Args:
            name: Which; the client's own, else the current one, if not given.

        Raises:
            NoContext: There is none.
        """
        chosen = name or known.resolve(self.home, self.context).name
        if chosen == known.ENVIRONMENT:
            raise NoContext("The token comes from the environment.", "Unset BENTO_CLOUD_API_KEY.")
        known.forget(self.home, chosen)
        return chosen

    def contexts(self) -> list[Context]:
        """List the registries this home knows, that of the environment first."""
        return known.load(self.home)

    def use_context(self, name: str) -> Context:
        """Make a registry the current one.

        Args:
            name: Which.

        Raises:
            NoContext: There is none of that name.
        """
        known.use(self.home, name)
        return known.resolve(self.home, name)

    @property
    def registry(self) -> Management:
        """The registry's users, tokens, grants and audit trail, for those who may manage them."""
        from modelsync_jupyter.remotes.bentocloud.management import Management

        return Management(_open(known.resolve(self.home, self.context)))

    @property
    def catalog(self) -> Catalog:
        """The registry's versions: their aliases, labels and history; deleting and restoring them."""
        from modelsync_jupyter.remotes.bentocloud.catalog import Catalog

        return Catalog(_open(known.resolve(self.home, self.context)))

    def _remote(self, seconds: float = 0.0) -> Remote:
        """Return the registry.

        Args:
            seconds: How long it may take to connect, and to answer, where it is asked once and no more; 0 for as long
                and as often as usual.
        """
        from modelsync_jupyter.remotes.bentocloud.client import Remote

        return Remote(_open(known.resolve(self.home, self.context), seconds))


def _open(context: Context, seconds: float = 0.0) -> Http:
    from modelsync_jupyter.remotes.http import LIMITS, Http
    from modelsync_jupyter.remotes.retry import ONCE, Retry

    if not seconds:
        return Http(context, Retry())
    return Http(context, Retry(attempts=ONCE), limits=LIMITS._replace(connect=seconds, api=seconds))


def _ask_token(endpoint: str) -> str:
    """Return the token of $MODELSYNC_TOKEN, or ask for one, in a notebook or on a terminal, without showing it.

    Raises:
        UsageError: Nobody can be asked.
    """
    if token := os.environ.get("MODELSYNC_TOKEN", "").strip():
        return token
    from getpass import getpass

    if hasattr(builtins, "get_ipython") or sys.stdin.isatty():
        with suppress(EOFError, NotImplementedError):  # a run without a person in front of it refuses input
            return getpass(f"API token for {endpoint}: ")
    raise UsageError("Can't ask for the token in a non-interactive run.", "Give it as `token`, or set MODELSYNC_TOKEN.")
