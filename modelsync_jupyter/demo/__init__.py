"""`modelsync demo`: the main job done for real, in a temporary folder, with every step shown."""

from __future__ import annotations

from .story import run

__all__ = ["run"]
