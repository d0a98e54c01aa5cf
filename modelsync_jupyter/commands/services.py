"""Commands that run something for a while: the registry and the demonstration."""

from __future__ import annotations

import argparse
from importlib import import_module

from modelsync_jupyter.core.errors import MissingDependency

from .answers import Answer
from .face import Face


def serve_command(args: argparse.Namespace, face: Face) -> Answer:
    """`serve`: the registry, until it is told to stop."""
    try:
        server = import_module("modelsync_jupyter.registry.server")
    except ImportError as error:
        raise MissingDependency(f"The registry needs `{error.name}`, which is not installed.") from error
    server.serve(host=args.host, port=args.port, data=args.data, db=args.db)
    return Answer(None, "")


def demo_command(args: argparse.Namespace, face: Face) -> Answer:
    """`demo`: the whole way of a real model, in a temporary folder."""
    from modelsync_jupyter.demo import run

    run(face, keep=args.keep)
    return Answer(None, "")
