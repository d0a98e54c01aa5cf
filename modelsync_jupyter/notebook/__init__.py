"""The notebook's face: `%load_ext modelsync_jupyter` adds the magic `%modelsync` and its completion."""

from __future__ import annotations

from typing import Any


def load(ip: Any) -> None:
    """Add the magic and its completion to an IPython shell; calling it again does no harm."""
    from .completion import load as load_completion
    from .display import register
    from .magic import load as load_magic

    register(ip)
    load_magic(ip)
    load_completion(ip)


def unload(ip: Any) -> None:
    """Remove both."""
    from .completion import unload as unload_completion
    from .magic import unload as unload_magic

    unload_completion(ip)
    unload_magic(ip)
