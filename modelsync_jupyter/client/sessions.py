"""Signing in and out: which registries there are, and the tokens for them."""

from __future__ import annotations

import dataclasses
import os

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import NoContext, UsageError
from modelsync_jupyter.remotes import contexts as known
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Retry


def login(endpoint: str, token: str, *, name: str = "default", home: str | os.PathLike[str] | None = None) -> Context:
    """Check a token with its registry, remember it and make that registry the current one.

    Args:
        endpoint: URL of the registry.
        token: The API token.
        name: What to call this registry.
        home: BentoML's home folder.

    Raises:
        NotAuthenticated: The registry does not take the token; nothing is remembered.
        RemoteError: It does not answer like a registry; nothing is remembered.
    """
    if not token.strip() or not token.isprintable():
        raise UsageError("There is no token.", step="Make one in the registry, and give it here.")
    context = Context(name, known.check_endpoint(endpoint), token.strip(), current=True)
    user = Remote(Http(context, Retry())).current_user()
    context = dataclasses.replace(context, email=str(user.get("email") or ""))
    known.save(Home.find(home), context)
    return context


def logout(name: str | None = None, *, home: str | os.PathLike[str] | None = None) -> str:
    """Forget a registry and its token.

    Args:
        name: Which; the current one if not given.
        home: BentoML's home folder.

    Returns:
        The name of what was forgotten.

    Raises:
        NoContext: There is none.
    """
    place = Home.find(home)
    chosen = name or known.resolve(place).name
    if chosen == known.ENVIRONMENT:
        raise NoContext("The token comes from the environment.", step="Unset BENTO_CLOUD_API_KEY.")
    known.forget(place, chosen)
    return chosen


def contexts(*, home: str | os.PathLike[str] | None = None) -> list[Context]:
    """All registries this home knows, that of the environment first.

    Args:
        home: BentoML's home folder.
    """
    return known.load(Home.find(home))


def use_context(name: str, *, home: str | os.PathLike[str] | None = None) -> Context:
    """Make a registry the current one.

    Args:
        name: Which.
        home: BentoML's home folder.

    Raises:
        NoContext: There is none of that name.
    """
    place = Home.find(home)
    known.use(place, name)
    return known.resolve(place, name)
