"""One function per endpoint: parse, call, reply."""

from __future__ import annotations

from . import account, downloads, events, models, objects, repositories, tokens, uploads

BLUEPRINTS = [
    module.blueprint for module in (account, tokens, events, repositories, models, uploads, downloads, objects)
]
