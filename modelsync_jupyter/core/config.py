"""Where things are, and the knobs with their defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

DEFAULT_THREADS = 10
MAX_THREADS = 64
#: Lowest rate limit, in bytes per second: below it, servers close the connection as idle.
MIN_RATE = 100_000


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Home(NamedTuple):
    """BentoML's home folder and the places in it.

    Args:
        path: The folder, `$BENTOML_HOME`.
    """

    path: Path

    @classmethod
    def find(cls, path: str | os.PathLike[str] | None = None) -> Home:
        """Choose the folder named, else `$BENTOML_HOME`, else `~/bentoml`."""
        chosen = path or os.environ.get("BENTOML_HOME") or Path.home() / "bentoml"
        return cls(Path(chosen).expanduser().absolute())

    @property
    def models(self) -> Path:
        """The local model store."""
        return self.path / "models"

    @property
    def tmp(self) -> Path:
        """Stages, on the same file system as the store."""
        return self.path / "tmp"

    @property
    def state(self) -> Path:
        """What this project remembers: transfers, journals, locks, digests."""
        return self.path / ".modelsync"

    @property
    def contexts(self) -> Path:
        """Endpoints and tokens, shared with BentoML."""
        return self.path / ".yatai.yaml"
