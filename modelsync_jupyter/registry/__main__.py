"""`python -m modelsync_jupyter.registry --data DIR`: run the registry."""

from __future__ import annotations

import argparse
import sys

from modelsync_jupyter.core.errors import ModelSyncError

from .server import DEFAULT_HOST, DEFAULT_PORT, DEFAULT_WORKERS, serve
from .settings import DEFAULT_THREADS, STRATEGIES


def main(arguments: list[str] | None = None) -> int:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m modelsync_jupyter.registry", description=__doc__)
    parser.add_argument("--host", default=DEFAULT_HOST)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 for any free port")
    parser.add_argument("--data", required=True, help="folder of blobs, secrets and catalog")
    parser.add_argument("--db", help="SQLAlchemy URL of the catalog; default: SQLite in DATA")
    parser.add_argument("--workers", type=int, default=DEFAULT_WORKERS)
    parser.add_argument("--threads", type=int, default=DEFAULT_THREADS)
    parser.add_argument("--strategy", choices=STRATEGIES)
    parser.add_argument("--reset-admin-token", action="store_true", help="make a new admin token; the old one ends")
    try:
        serve(**vars(parser.parse_args(arguments)))
    except ModelSyncError as error:
        print(f"{error.message} {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
