"""One function per command: a parsed namespace and a face in, an `Answer` out.

The shell and the notebook call the same functions, each with its own face. `grammar` names the function of each command
beside its options. `modelsync_jupyter.client` is imported when a command runs, not before: `modelsync --help` must not
wait for it.
"""

from __future__ import annotations

import argparse
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from modelsync_jupyter.core.errors import DiskFull, MissingDependency, ModelSyncError

from .answers import Answer
from .face import Face

if TYPE_CHECKING:
    from modelsync_jupyter.client.client import Client


def run(args: argparse.Namespace, face: Face) -> Answer:
    """Run a parsed command.

    Raises:
        ModelSyncError: It could not be done.
    """
    try:
        answer: Answer = args.run(args, face)
    except OSError as error:
        raise _explain(error) from error
    return answer


def _explain(error: OSError) -> ModelSyncError:
    """Say what the system refused, and what to do; of a temporary file, the folder that it was to be in."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"{error.strerror}.", "Free some space and try again.")
    where, step = error.filename, ""
    if error.errno == errno.EROFS:
        where = os.path.dirname(where) if where else where
        step = "Make it writable, or set BENTOML_HOME to a folder that is."
    elif error.errno in (errno.EACCES, errno.EPERM):
        step = "Check who owns it and who may write to it."
    return ModelSyncError(f"{error.strerror or error}{f': `{where}`' if where else ''}.", step)


@contextmanager
def needs_server() -> Iterator[None]:
    """Import the registry in the block; where what it needs is not installed, say what that is.

    Raises:
        MissingDependency: It is not.
    """
    try:
        yield
    except ImportError as error:
        raise MissingDependency(f"The registry needs `{error.name}`, which is not installed.") from error


def client_of(args: argparse.Namespace) -> Client:
    """Make the client that a command's `--home` and `--context` ask for."""
    from modelsync_jupyter.client.client import Client

    return Client(args.home, getattr(args, "context", None))
