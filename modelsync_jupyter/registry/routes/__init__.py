"""One function per endpoint: parse, call, reply."""

from __future__ import annotations

from . import (
    account,
    aliases,
    downloads,
    inspection,
    models,
    objects,
    operations,
    parts,
    repositories,
    storage,
    tokens,
    trash,
    uploads,
    users,
)

_RECORDS = (account, users, tokens, repositories, models, aliases, trash, inspection, storage, operations)
_BYTES = (parts, uploads, downloads, objects)
BLUEPRINTS = [module.blueprint for module in (*_RECORDS, *_BYTES)]
