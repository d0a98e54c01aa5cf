"""What the aliases of registries refer to: versions that a clean-up of the local store keeps."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelSyncError, RemoteError, Unsupported
from modelsync_jupyter.core.steps import Step
from modelsync_jupyter.core.tags import Tag
from modelsync_jupyter.remotes import contexts as known
from modelsync_jupyter.remotes.bentocloud.catalog import Alias, Catalog
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import ONCE, Retry

_THREADS = 8
#: How a registry says that it has no such model, or no aliases at all.
_NONE = (404, 405, 501)


def find_aliased(home: Home, names: Collection[str]) -> dict[Tag, str]:
    """Ask each registry that a home is signed in to which versions the aliases of some models refer to.

    Args:
        home: The home; one that is signed in nowhere asks nobody.
        names: Names of models.

    Returns:
        The versions, each with a clause that says what refers to it.

    Raises:
        ModelSyncError: A registry does not say: it cannot be reached, refuses the token, or must not be asked.
    """
    contexts = {(context.endpoint, context.token): context for context in reversed(known.load(home))}
    found: dict[Tag, str] = {}
    for context in contexts.values():
        try:
            for name, alias in _ask(known.resolve(home, context.name), names):
                # Stock BentoML installs `name:production` under that tag, for services that ask for it.
                found[Tag(name, alias.name)] = f"it is named as the alias `{alias.name}` in `{context.name}`"
                found[Tag(name, alias.version)] = f"the alias `{alias.name}` in `{context.name}` refers to it"
        except ModelSyncError as error:
            message = f"No version was deleted, as aliases in `{context.name}` may refer to them: {error.message}"
            text = f"Try again when `{context.name}` answers, sign out of it, or delete what its aliases refer to, too."
            raise type(error)(message, Step("ignore-aliases", text)) from error
    return found


def _ask(context: known.Context, names: Collection[str]) -> Iterator[tuple[str, Alias]]:
    """Yield the aliases of some models in a registry; it is asked once, for a user waits for it."""
    http = Http(context, Retry(attempts=ONCE))
    try:
        Remote(http).current_user()  # who does not answer this is not a registry: its 404 would mean nothing
        with ThreadPoolExecutor(min(_THREADS, len(names)), "modelsync-aliases") as pool:
            for name, aliases in zip(names, pool.map(lambda name: _list(Catalog(http), name), names), strict=True):
                for alias in aliases:
                    yield name, alias
    finally:
        http.close()


def _list(catalog: Catalog, name: str) -> list[Alias]:
    try:
        return catalog.aliases(name)
    except RemoteError as error:
        if isinstance(error, Unsupported) or error.status in _NONE:
            return []
        raise
