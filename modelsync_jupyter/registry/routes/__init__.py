"""One function per endpoint: parse, call, reply."""

from __future__ import annotations

from . import account, aliases, downloads, inspection, models, objects, repositories, tokens, trash, uploads, users

_MODULES = (account, users, tokens, repositories, models, inspection, aliases, trash, uploads, downloads, objects)
BLUEPRINTS = [module.blueprint for module in _MODULES]
