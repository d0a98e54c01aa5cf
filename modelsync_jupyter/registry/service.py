"""The registry as one value: settings, catalog, blobs and signer."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from flask import current_app

from modelsync_jupyter.core.errors import MissingDependency, UsageError

from .blobs.folder import FolderBlobs
from .blobs.protocol import Blobs
from .catalog.database import Database
from .catalog.tokens import set_first_token
from .catalog.users import add_user, find_user, set_user
from .catalog.words import Role
from .downloads import Downloads
from .security.signing import Signer, secret_file
from .security.throttle import Throttle
from .settings import SHORTEST_SECRET, Settings

EXTENSION = "modelsync"
#: Name of the user whose token the server itself makes.
FIRST_USER = "admin"
#: Characters that a token of the operator's choice has at least; guessing is slowed down besides.
SHORTEST_TOKEN = 8


@dataclass(frozen=True)
class Registry:
    """What a process of the registry works with.

    Args:
        settings: What the server was told.
        database: The catalog.
        blobs: The bytes.
        signer: Makes presigned URLs.
        downloads: Counts downloads.
        throttle: Counts failed sign-ins.
        undescribed: Set when an archive was taken in whose content digest is to be computed later.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    signer: Signer
    downloads: Downloads
    throttle: Throttle = field(default_factory=Throttle)
    undescribed: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def open(cls, settings: Settings) -> Registry:
        """Open the registry in `settings.data`, making there what is not there yet."""
        make_data_folder(settings)
        secret = os.environ.get("MODELSYNC_URL_SECRET", "").strip()
        if secret and len(secret) < SHORTEST_SECRET:
            raise UsageError(
                f"MODELSYNC_URL_SECRET has fewer than {SHORTEST_SECRET} characters: URLs could be forged.",
                step="Choose a long random one, as `openssl rand -hex 32` prints it, the same in every process.",
            )
        secret = secret or secret_file(settings.data / "url-secret")
        signer = Signer(secret.encode(), settings.url_ttl)
        database = Database(settings.database_url, settings.threads)
        registry = cls(settings, database, open_blobs(settings), signer, Downloads(database))
        database.prepare()
        registry.blobs.prepare()
        return registry


def make_data_folder(settings: Settings) -> None:
    """Make the folder of a registry's data, which is for its owner alone."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.data.chmod(0o700)  # a folder that was there may be open to all, as a volume is


def open_blobs(settings: Settings) -> Blobs:
    """Open the store of blobs that some settings name; makes nothing there.

    Raises:
        UsageError: It is not one.
        MissingDependency: Its driver is not installed.
    """
    if settings.blobs is None:
        return FolderBlobs(settings.data / "blobs", settings.keeping.reserve)
    try:
        from .blobs.objects import ObjectBlobs
    except ImportError as error:
        raise MissingDependency(f"Blobs in a bucket need `{error.name}`, which is not installed.") from None
    return ObjectBlobs(settings.blobs, settings.data / "scratch", os.environ.get("MODELSYNC_BLOBS_PUBLIC_ENDPOINT", ""))


def current() -> Registry:
    """Return the registry that serves this request."""
    registry = current_app.extensions[EXTENSION]
    assert isinstance(registry, Registry)
    return registry


def ensure_admin(registry: Registry, *, reset: bool = False) -> str:
    """Let the first admin in: with MODELSYNC_ADMIN_TOKEN, else with a token in a file.

    A token that was revoked stays revoked, however often the server starts; `reset` is the way back in.

    Args:
        registry: The registry.
        reset: Make a new token, end the one there was and all that it made, and make its user an admin again.

    Returns:
        What the operator should know, in a sentence; "" for nothing.

    Raises:
        UsageError: The token in the environment is one that could be guessed, or was revoked.
    """
    value = os.environ.get("MODELSYNC_ADMIN_TOKEN", "").strip()
    path = None if value else registry.settings.data / "admin-token"
    if value and not (len(value) >= SHORTEST_TOKEN and value.isascii() and value.isprintable() and " " not in value):
        raise UsageError(
            f"MODELSYNC_ADMIN_TOKEN is not a token: it has fewer than {SHORTEST_TOKEN} characters, or spaces.",
            step="Choose a long random one, as `openssl rand -hex 24` prints it.",
        )
    if path and reset:
        path.unlink(missing_ok=True)
    with registry.database.write() as connection:
        user = find_user(connection, FIRST_USER) or add_user(connection, FIRST_USER, Role.ADMIN)
        valid = set_first_token(connection, user.id, secret_file(path) if path else value)
        if valid and reset:
            set_user(connection, user, Role.ADMIN, None)
    if valid:
        return f"The admin token is in {path}" if path else ""
    if reset:
        raise UsageError("The token in MODELSYNC_ADMIN_TOKEN was revoked.", step="Set another one, or unset it.")
    where = f"in {path}" if path else "in MODELSYNC_ADMIN_TOKEN"
    return f"The admin token {where} was revoked and stays so; `--reset-admin-token` makes a new one"
