"""Tags of a registry that are remembered for completion: nothing here may wait for the network while a user types.

They are kept in a file for each context, which all kernels of a home share. Where the file is old, a thread asks the
registry, and the next key finds what it answered.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.files import read_json, write_text
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.http import Http
from modelsync_jupyter.remotes.retry import Renew, Retry

#: Seconds after which the registry is asked again, and tags that are remembered at most.
_FRESH, _MOST = 60.0, 2000
_asking: set[Path] = set()
_lock = threading.Lock()


def remembered(home: Home, context: str | None = None, *, ask: bool = True) -> list[str]:
    """Return the tags that are remembered of a registry, newest first; returns at once.

    Args:
        home: BentoML's home folder.
        context: Name of the registry; by default the current one.
        ask: Whether a thread may ask the registry where they are old.
    """
    with suppress(ModelSyncError):
        found = contexts.resolve(home, context)
        path = _file(home, found)
        data = read_json(path)
        tags = [each for each in data if isinstance(each, str)] if isinstance(data, list) else []
        if ask and _age(path) > _FRESH:
            _ask(home, found, path)
        return tags
    return []


def remember(home: Home, context: str | None, tags: Iterable[str]) -> None:
    """Keep tags that a registry has just told, in front of those that are known."""
    with suppress(ModelSyncError, OSError):
        found = contexts.resolve(home, context)
        _keep(_file(home, found), [*tags, *remembered(home, context, ask=False)])


def _ask(home: Home, context: contexts.Context, path: Path) -> None:
    with _lock:
        if path in _asking:
            return
        _asking.add(path)

    def ask() -> None:
        try:
            http = Http(context, Retry(attempts=dict.fromkeys(Renew, 1)))
            try:
                _keep(path, [str(each.tag) for each in Remote(http).models(limit=_MOST).items])
            finally:
                http.close()
        except (ModelSyncError, OSError):
            with suppress(OSError):
                path.touch()  # ask again in a while, and not with each key
        finally:
            _asking.discard(path)

    threading.Thread(target=ask, name="modelsync-names", daemon=True).start()


def _keep(path: Path, tags: Iterable[str]) -> None:
    write_text(path, json.dumps(list(dict.fromkeys(tags))[:_MOST]), mode=0o600, durable=False)


def _file(home: Home, context: contexts.Context) -> Path:
    name = "".join(letter if letter.isalnum() else "-" for letter in f"{context.name} {context.endpoint}")
    return home.state / "names" / f"{name[:150]}.json"


def _age(path: Path) -> float:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime
    return _FRESH + 1
