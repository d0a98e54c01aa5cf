"""The command `modelsync` as a process of its own; `python -m modelsync_jupyter` is the same."""

from __future__ import annotations

import gc
import sys


def command() -> int:
    """Run the process's command line; returns its exit status.

    Looking for garbage among what is imported, and once more when it all goes, would take a quarter of a short life.
    """
    gc.set_threshold(200_000)
    from modelsync_jupyter.cli.main import main

    try:
        return main()
    finally:
        gc.freeze()


if __name__ == "__main__":
    sys.exit(command())
