"""One function per command: a parsed namespace and a face in, an `Answer` out.

The shell and the notebook call the same functions, each with its own face. `modelsync_jupyter.client` is imported when
a command runs, not before: `modelsync --help` must not wait for it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

from modelsync_jupyter.core.errors import ModelSyncError

from .answers import Answer
from .face import Face

Command = Callable[[argparse.Namespace, Face], Answer]

_MODULES = {
    "transfer": ("push", "pull", "transfers", "attach", "cancel", "resume"),
    "models": ("list", "get", "create", "delete"),
    "access": ("login", "logout", "contexts"),
    "services": ("serve", "demo"),
}


def run(args: argparse.Namespace, face: Face) -> Answer:
    """Run the command that `args.command` names.

    Raises:
        ModelSyncError: It could not be done.
    """
    module = next(module for module, names in _MODULES.items() if args.command in names)
    command: Command = getattr(import_module(f"{__name__}.{module}"), f"{args.command}_command")
    try:
        return command(args, face)
    except OSError as error:
        raise ModelSyncError(_describe(error), step="") from error


def _describe(error: OSError) -> str:
    return f"{error.strerror or error}{f': `{error.filename}`' if error.filename else ''}."
