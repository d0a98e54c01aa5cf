"""What completion knows: nothing here may wait for the network, nor for much to be imported, while a user types.

Tags of a registry are kept in a file for each context, which all kernels and shells of a home share. Where the file is
old, a thread or a process of its own asks the registry, and the next key finds what it answered.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.files import read_json, write_text
from modelsync_jupyter.jobs.records import Record, Records
from modelsync_jupyter.remotes import contexts

#: Seconds after which the registry is asked again, and tags that are remembered at most.
_FRESH, _MOST = 60.0, 2000
_asking: set[Path] = set()
_lock = threading.Lock()


def contexts_of(home: Home) -> list[contexts.Context]:
    """List the registries that a home knows; none where the file cannot be read."""
    with suppress(ModelSyncError):
        return contexts.load(home)
    return []


def records_of(home: Home) -> list[Record]:
    """List the records of all transfers, the newest first."""
    return Records(home).all()


#: How to ask a registry without waiting for its answer.
Ask = Callable[[Home, contexts.Context], None]


def remembered(home: Home, context: str | None = None, *, ask: Ask | None = None) -> list[str]:
    """Return the tags that are remembered of a registry, newest first; returns at once.

    Args:
        home: BentoML's home folder.
        context: Name of the registry; by default the current one.
        ask: What to call where they are old.
    """
    with suppress(ModelSyncError):
        found = contexts.resolve(home, context)
        path = _file(home, found)
        data = read_json(path)
        tags = [each for each in data if isinstance(each, str)] if isinstance(data, list) else []
        if ask and _age(path) > _FRESH:
            ask(home, found)
        return tags
    return []


def remember(home: Home, context: str | None, tags: Iterable[str]) -> None:
    """Keep tags that a registry has just told, in front of those that are known."""
    with suppress(ModelSyncError, OSError):
        found = contexts.resolve(home, context)
        _keep(_file(home, found), [*tags, *remembered(home, context)])


def refresh(home: Home, name: str) -> None:
    """Ask the registry of a context for its tags and remember them; one that does not answer is left alone for a while.

    Raises:
        NoContext: There is no such context.
    """
    from modelsync_jupyter.remotes.bentocloud.client import Remote
    from modelsync_jupyter.remotes.http import Http
    from modelsync_jupyter.remotes.retry import ONCE, Retry

    context = contexts.resolve(home, name)
    path = _file(home, context)
    try:
        http = Http(context, Retry(attempts=ONCE))
        try:
            _keep(path, [str(each.tag) for each in Remote(http).models(limit=_MOST).items])
        finally:
            http.close()
    except (ModelSyncError, OSError):
        with suppress(OSError):
            path.touch()


def ask_in_thread(home: Home, context: contexts.Context) -> None:
    """Let a thread ask the registry, once at a time."""
    path = _file(home, context)
    with _lock:
        if path in _asking:
            return
        _asking.add(path)

    def ask() -> None:
        try:
            with suppress(ModelSyncError):  # it was forgotten meanwhile
                refresh(home, context.name)
        finally:
            _asking.discard(path)

    threading.Thread(target=ask, name="modelsync-names", daemon=True).start()


def ask_in_process(command: Sequence[str], home: Home, context: contexts.Context) -> None:
    """Let a process of its own ask the registry, for one that ends at once.

    Args:
        command: The words of this program that call `refresh`, up to the name of the context.
        home: BentoML's home folder.
        context: The registry.
    """
    path = _file(home, context)
    with suppress(OSError):
        if path.exists():
            path.touch()  # so that the next key, a moment later, starts no other
        else:
            _keep(path, [])
        silent = subprocess.DEVNULL
        words = [sys.executable, "-m", "modelsync_jupyter", *command, context.name, "--home", str(home.path)]
        child = subprocess.Popen(words, stdin=silent, stdout=silent, stderr=silent, start_new_session=True)
        threading.Thread(target=child.wait, name="modelsync-child", daemon=True).start()  # leaves no zombie


def _keep(path: Path, tags: Iterable[str]) -> None:
    write_text(path, json.dumps(list(dict.fromkeys(tags))[:_MOST]), mode=0o600, durable=False)


def _file(home: Home, context: contexts.Context) -> Path:
    name = "".join(letter if letter.isalnum() else "-" for letter in f"{context.name} {context.endpoint}")
    return home.state / "names" / f"{name[:150]}.json"


def _age(path: Path) -> float:
    with suppress(OSError):
        return time.time() - path.stat().st_mtime
    return _FRESH + 1
