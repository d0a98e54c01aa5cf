"""One function per endpoint: parse, call, reply."""

from __future__ import annotations

from . import account, downloads, models, objects, repositories, tokens, uploads

BLUEPRINTS = [module.blueprint for module in (account, tokens, repositories, models, uploads, downloads, objects)]
