"""One function per endpoint: parse, call, reply."""

from __future__ import annotations

from . import account, downloads, inspection, models, objects, repositories, tokens, uploads, users

_MODULES = (account, users, tokens, repositories, models, inspection, uploads, downloads, objects)
BLUEPRINTS = [module.blueprint for module in _MODULES]
