"""`modelsync demo`: the main job done for real, in a temporary folder, in front of whoever typed it."""

from __future__ import annotations

from .story import run

__all__ = ["run"]
