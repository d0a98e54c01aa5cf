"""The commands by the modules that have them: one grammar for the shell and the notebook.

Each module of commands tells the options of its own. A process that runs one command needs that module alone, which is
a sixth of the grammar's time.
"""

from __future__ import annotations

from functools import lru_cache, partial
from importlib import import_module

from .options import add_command, add_global
from .parser import Parser, ShowVersion

#: In the order in which help lists them.
COMMANDS: dict[str, tuple[str, ...]] = {
    "transfer": ("push", "pull", "transfers", "attach", "pause", "cancel", "resume", "forget"),
    "exchange": ("export", "import", "sync"),
    "models": ("list", "status", "get", "create", "delete"),
    "catalog": ("alias", "label", "history", "restore"),
    "care": ("gc", "du", "verify"),
    "insight": ("diff", "doctor", "panel"),
    "using": ("scan", "lock"),
    "config": ("config",),
    "completion": ("completion",),
    "access": ("login", "logout", "contexts", "serve", "demo"),
    "registry_group": ("registry",),
}
_EXIT_CODES = """\
Exit codes: 0 done; 1 failed, with one line on stderr that says what happened and what to do next, or a check of
`doctor` failed; 2 wrong usage; 130 cancelled."""


@lru_cache(maxsize=8)  # a notebook reads many lines in one process
def build_parser(prog: str = "modelsync", first: str = "") -> Parser:
    """Build the parser of the whole command line, or of all that a line can mean which begins with a certain word.

    Args:
        prog: What the user types: `modelsync` in a shell, `%modelsync` in a notebook.
        first: The first word of the line, "" for any; where it is not a command, the parser is that of all.
    """
    start = f"Start with:  {prog} login ENDPOINT,  then  {prog} push NAME:VERSION.  See it work:  {prog} demo"
    parser = Parser(
        prog=prog,
        description="Move models between the notebook where they are made and the registry where a team keeps them.",
        epilog=start if prog.startswith("%") else f"{start}\n\n{_EXIT_CODES}",
    )
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version")
    parser.set_defaults(run=None)  # as of a group of commands: without one of them there is help
    add_global(parser, home=None, quiet=False)
    add = partial(add_command, parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog=prog))
    for module in [name for name, commands in COMMANDS.items() if first in commands] or COMMANDS:
        import_module(f"{__package__}.{module}").add_commands(add)
    return parser
