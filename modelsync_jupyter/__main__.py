"""`python -m modelsync_jupyter` is `modelsync`."""

from __future__ import annotations

import sys

from modelsync_jupyter.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
