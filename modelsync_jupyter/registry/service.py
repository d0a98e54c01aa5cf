"""The registry as one value: settings, catalog, blobs and signer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from flask import current_app

from .blobs.folder import FolderBlobs
from .blobs.protocol import Blobs
from .catalog.database import Database
from .catalog.rows import Role
from .catalog.tokens import set_first_token
from .catalog.users import add_user, find_user
from .settings import Settings
from .signing import Signer, secret_file

EXTENSION = "modelsync"
#: Name of the user whose token the server itself makes.
FIRST_USER = "admin"


@dataclass(frozen=True)
class Registry:
    """What a process of the registry works with.

    Args:
        settings: What the server was told.
        database: The catalog.
        blobs: The bytes.
        signer: Makes presigned URLs.
    """

    settings: Settings
    database: Database
    blobs: Blobs
    signer: Signer

    @classmethod
    def open(cls, settings: Settings) -> Registry:
        """Open the registry in `settings.data`, making there what is not there yet."""
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        signer = Signer(secret_file(settings.data / "url-secret").encode(), settings.url_ttl)
        database = Database(settings.database_url, settings.threads)
        registry = cls(settings, database, FolderBlobs(settings.data / "blobs"), signer)
        database.prepare()
        registry.blobs.prepare()
        return registry


def current() -> Registry:
    """Return the registry that serves this request."""
    registry = current_app.extensions[EXTENSION]
    assert isinstance(registry, Registry)
    return registry


def ensure_admin(registry: Registry) -> Path | None:
    """Let the first admin in: with MODELSYNC_ADMIN_TOKEN, else with a token in a file.

    Returns:
        The file, or None where the environment has the token.
    """
    value = os.environ.get("MODELSYNC_ADMIN_TOKEN", "").strip()
    path = None if value else registry.settings.data / "admin-token"
    with registry.database.write() as connection:
        user = find_user(connection, FIRST_USER) or add_user(connection, FIRST_USER, Role.ADMIN)
        set_first_token(connection, user.id, secret_file(path) if path else value)
    return path
