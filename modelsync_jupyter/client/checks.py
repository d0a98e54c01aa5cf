"""Doctor: looks for what keeps models from being saved and synced, and says for each what to do.

Each check is one function that returns what it saw. None changes anything of the user's; the registry is asked a few
small questions. No token and no presigned URL is in what they return.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from importlib import metadata as packages
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal
from urllib.parse import urlsplit

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.steps import Step, advice
from modelsync_jupyter.core.units import format_seconds, format_size
from modelsync_jupyter.remotes import contexts
from modelsync_jupyter.remotes.bentocloud.client import Remote
from modelsync_jupyter.remotes.bentocloud.reading import RemoteArchive
from modelsync_jupyter.remotes.contexts import Context
from modelsync_jupyter.remotes.faults import CA_FILES
from modelsync_jupyter.remotes.http import Http, blocks
from modelsync_jupyter.remotes.retry import ONCE, Retry
from modelsync_jupyter.store.local import LocalStore
from modelsync_jupyter.wire import API

from .environment import proxy_of, server_extension, sidebar, widgets

Mark = Literal["ok", "warning", "failed", "skipped"]

#: Below this much free space a download is likely to fail.
_LITTLE = 2 * 10**9
#: Seconds by which clocks may differ before signatures and times become doubtful, and before they fail.
_SKEW, _BAD_SKEW = 30.0, 300.0
_PACKAGES = ("bentoml", "requests", "ipython", "ipykernel", "ipywidgets", "jupyterlab", "jupyter_server", "notebook")
_NO_STEP = advice("")


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at, and what was seen.

    Args:
        name: What was looked at.
        mark: "ok", "warning", "failed", or "skipped" where it could not be looked at.
        text: What was seen, as a sentence.
        step: What to do next; with an empty text where nothing is to be done.
    """

    name: str
    mark: Mark
    text: str
    step: Step = field(default=_NO_STEP)

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON."""
        step = self.step.to_dict() if self.step.text or self.step.verb else None
        return {"name": self.name, "mark": self.mark, "text": self.text, "step": step}


def examine(home: Home, context: str | None) -> Iterator[Check]:
    """Look at everything, and yield each result as it is known.

    Args:
        home: BentoML's home folder.
        context: Name of the registry; by default the current one.
    """
    yield _store(home)
    yield _permissions(home)
    yield _disk(home)
    yield from _registry(home, context)
    yield _versions()
    yield from (
        Check(name, "ok" if good else "warning", text, advice(step))
        for name, good, text, step in (server_extension(), sidebar(), widgets())
    )


def _store(home: Home) -> Check:
    if not home.models.is_dir():
        return Check("store", "ok", f"There are no models in `{home.path}` yet.")
    folders = [path for path in home.models.glob("*/*") if path.is_dir() and path.name != "latest"]
    whole = len(LocalStore(home).models())
    broken = len(folders) - whole
    text = f"{whole} {'version' if whole == 1 else 'versions'} in `{home.path}`."
    if broken > 0:
        step = advice("Save these again, or delete their folders.")
        return Check("store", "warning", f"{text} {broken} more cannot be read.", step)
    return Check("store", "ok", text)


def _permissions(home: Home) -> Check:
    place = _nearest(home.path)
    try:
        with TemporaryFile(dir=place):
            pass
    except OSError as error:
        step = advice("Make it writable, or set BENTOML_HOME to a folder that is. Models in it can still be pushed.")
        return Check("permissions", "failed", f"`{place}` cannot be written to: {error.strerror}.", step)
    with suppress(OSError):
        facts = place.stat()
        if facts.st_mode & stat.S_IWOTH and not facts.st_mode & stat.S_ISVTX:
            step = advice(f"Take the right away with `chmod o-w '{place}'`.")
            return Check("permissions", "warning", f"Everybody can write to `{place}`.", step)
        if home.contexts.exists() and home.contexts.stat().st_mode & 0o077:
            step = advice(f"Make it yours alone with `chmod 600 '{home.contexts}'`.")
            return Check("permissions", "failed", f"Others can read the tokens in `{home.contexts}`.", step)
    return Check("permissions", "ok", f"`{place}` can be written to.")


def _nearest(path: Path) -> Path:
    """Return the folder in which something would be made first: a home need not be there yet."""
    return next(each for each in (path, *path.parents) if each.exists())


def _disk(home: Home) -> Check:
    place = _nearest(home.path)
    free = shutil.disk_usage(place).free
    text = f"{format_size(free)} free for models."
    if free < _LITTLE:
        return Check("disk", "warning", text, advice("Delete models that the registry has too, or make room."))
    return Check("disk", "ok", text)


def _registry(home: Home, name: str | None) -> Iterator[Check]:
    """Look at everything that needs a registry; what cannot be looked at any more is skipped, and says so."""
    rest = ["context", "proxy", "certificates", "endpoint", "token", "clock", "object host", "ranges"]
    try:
        context = contexts.resolve(home, name)
    except ModelSyncError as error:
        yield Check("context", "failed", error.message, error.step)
        yield from (Check(each, "skipped", "There is no registry to ask.") for each in rest[1:])
        return
    origin = "from the environment" if context.is_environment else f"context `{context.name}`"
    yield Check("context", "ok", f"{context.endpoint} ({origin}).")
    yield _proxy(context)
    yield _certificates(context)
    probe = _Probe(context)
    try:
        for check in probe.checks():
            rest = rest[: rest.index(check.name)] + rest[rest.index(check.name) + 1 :]
            yield check
    finally:
        probe.close()
    yield from (Check(each, "skipped", "Not reached.") for each in rest[3:])


def _proxy(context: Context) -> Check:
    proxy = proxy_of(context.endpoint)
    return Check("proxy", "ok", f"Requests go through {proxy}." if proxy else "None for this registry.")


def _certificates(context: Context) -> Check:
    if not context.endpoint.startswith("https:"):
        host = urlsplit(context.endpoint).hostname or ""
        if host in ("localhost", "127.0.0.1", "::1"):
            return Check("certificates", "ok", "Not needed: the registry is on this computer.")
        step = advice("Ask an admin of the registry for an `https://` address.")
        return Check("certificates", "warning", "The registry is reached over http: the token travels readable.", step)
    for name in CA_FILES:
        if path := os.environ.get(name):
            if not Path(path).exists():
                step = advice(f"Correct or unset {name}.")
                return Check("certificates", "failed", f"{name} names `{path}`, which does not exist.", step)
            return Check("certificates", "ok", f"Those in `{path}` are trusted ({name}).")
    return Check("certificates", "ok", "Those of well-known authorities are trusted.")


class _Probe:
    """Asks a registry what a transfer would ask it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.http: Http | None = None

    def close(self) -> None:
        """Close its connections."""
        if self.http:
            self.http.close()

    def checks(self) -> Iterator[Check]:
        """Yield one check after another, up to the first that fails."""
        started = time.monotonic()
        name = "endpoint"
        try:
            self.http = http = Http(self._context, Retry(attempts=ONCE))
            with http.get_api(f"{API}/auth/current", {}) as reply:
                date = reply.headers.get("Date", "")
                for _ in blocks(reply):
                    pass
            yield Check("endpoint", "ok", f"It answers in {format_seconds(time.monotonic() - started)}.")
            name = "token"
            user = Remote(http).current_user()
            who = user.get("email") or user.get("name") or "somebody"
            yield Check("token", "ok", f"Valid: you are `{who}`.")
            yield _clock(date)
            name = "object host"
            yield from self._objects(Remote(http))
        except ModelSyncError as error:
            if error.http_status in (401, 403) and name == "endpoint":
                yield Check("endpoint", "ok", "It answers.")
                name = "token"
            yield Check(name, "failed", error.message, error.step)

    def _objects(self, remote: Remote) -> Iterator[Check]:
        """Read the beginning of a model as a pull would."""
        found = next((each for each in remote.models(limit=20).items if each.complete), None)
        if found is None:
            yield Check("object host", "skipped", "The registry has no model to try it with.")
            yield Check("ranges", "skipped", "The registry has no model to try them with.")
            return
        url = remote.presign_download(found.tag).url
        host = urlsplit(url).netloc or urlsplit(self._context.endpoint).netloc
        archive = RemoteArchive(remote, found, probe=True)
        yield Check("object host", "ok", f"{host} serves models.")
        if archive.ranged:
            yield Check("ranges", "ok", "Downloads run in parallel and resume.")
        else:
            step = advice("Ask an admin to serve models from a host that answers range requests.")
            yield Check("ranges", "warning", "The host serves whole files only: downloads cannot resume.", step)


def _clock(date: str) -> Check:
    try:
        theirs = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return Check("clock", "skipped", "The registry does not tell its time.")
    skew = (datetime.now(timezone.utc) - theirs).total_seconds()
    text = (
        f"This computer's clock is {format_seconds(abs(skew))} {'ahead of' if skew > 0 else 'behind'} the registry's."
    )
    step = advice("Set this computer's clock, or have it synchronised.")
    if abs(skew) > _SKEW:
        return Check("clock", "failed" if abs(skew) > _BAD_SKEW else "warning", text, step)
    return Check("clock", "ok", "It agrees with the registry's.")


def _versions() -> Check:
    found = [f"Python {platform.python_version()}"]
    for name in ("modelsync_jupyter", *_PACKAGES):
        with suppress(packages.PackageNotFoundError):
            found.append(f"{name} {packages.version(name)}")
    return Check("versions", "ok", ", ".join(found) + f" ({sys.platform}).")
