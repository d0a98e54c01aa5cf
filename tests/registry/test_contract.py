"""The promises, over SQLite."""

from __future__ import annotations

from .contract import RegistryContract


class TestOverSqlite(RegistryContract):
    """The default."""
