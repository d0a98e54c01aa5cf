"""The command `modelsync`: parse, call, show; exit 0, 1 for an error, 2 for wrong usage, 130 when cancelled."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from modelsync_jupyter.commands import run
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.parser import HelpShown
from modelsync_jupyter.commands.words import SHELL
from modelsync_jupyter.core.errors import Cancelled, ModelSyncError, UsageError
from modelsync_jupyter.core.plain import printable

from .shell import Shell, write


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: The words after `modelsync`; by default the process's own.

    Returns:
        The exit status.
    """
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except HelpShown:
        return 0
    except KeyboardInterrupt:
        return _fail(Cancelled("Cancelled.", step=""), 130)
    except Cancelled as error:
        return _fail(error, 130)
    except UsageError as error:
        return _fail(error, 2)
    except ModelSyncError as error:
        return _fail(error, 1)


def _run(argv: Sequence[str]) -> int:
    parser = build_parser(SHELL.prefix, argv[0] if argv else "")
    args = parser.read(argv)
    if args.run is None:
        write(parser.deepest(argv).format_help().rstrip())
        return 0
    shell = Shell(args.quiet)
    answer = run(args, shell)
    output = getattr(args, "output", "table")
    if output != "table" and answer.live:
        shell.note(str(answer.text))
    if text := answer.render(output):
        write(text)
    return int(answer.failed)


def _fail(error: ModelSyncError, status: int) -> int:
    """Print one line, whatever the message holds."""
    more = f"To find the cause: {SHELL.command('doctor')}." if error.diagnosable else ""
    line = " ".join(f"modelsync: {error.message} {SHELL.step(error.step)} {more}".split())
    print(printable(line), file=sys.stderr, flush=True)
    return status
