"""Steps in words: what to type next. One table for the shell and the cell, each with its own prefix.

Nothing below the faces names a command or an option: errors and outcomes carry a `Step`, and `Words` says how it is
done here. The sidebar has buttons instead, and its own table.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from string import Formatter
from typing import NamedTuple

from modelsync_jupyter.core.steps import Step

#: What each verb is as a command. A missing argument shows its name in capitals, as help texts do.
_COMMANDS: Mapping[str, str] = {
    "attach": "attach {id}",
    "cancel": "cancel {id}",
    "contexts": "contexts",
    "doctor": "doctor",
    "forget": "forget {id}",
    "get": "get {tag}",
    "help": "{command} --help",
    "list": "list",
    "list-remote": "list --remote",
    "login": "login {endpoint}",
    "pause": "pause {id}",
    "pull": "pull {tag}",
    "registry token add": "registry token add NAME --user {user}",
    "push": "push {tag}",
    "gc --trash": "gc --trash",
    "restore": "restore {tag}",
    "restore-local": "restore --local {tag}",
    "trash": "restore --local",
    "resume": "resume {id}",
    "status": "status {name}",
    "transfers": "transfers",
}
#: Verbs that change the command that was typed. `retry` is not among them: it is the same command again.
_OPTIONS: Mapping[str, str] = {
    "force": "--force",
    "ignore-aliases": "--ignore-aliases",
    "remote": "--remote",
    "repair": "--repair",
    "yes": "--yes",
}
_MAY_BE_LEFT_OUT = {"command", "name"}


class Words(NamedTuple):
    """How a face names commands.

    Args:
        prefix: What is typed before each: `modelsync` in a shell, `%modelsync` in a cell.
    """

    prefix: str

    def command(self, verb: str, **args: str) -> str:
        """Name a command, in backticks and ready to be copied."""
        pattern = _COMMANDS[verb]
        names = [name for _, name, _, _ in Formatter().parse(pattern) if name]
        blanks = {name: "" if name in _MAY_BE_LEFT_OUT else name.upper() for name in names}
        given = {name: shlex.quote(value) for name, value in args.items() if value}
        return f"`{' '.join([self.prefix, *pattern.format(**{**blanks, **given}).split()])}`"

    def step(self, step: Step) -> str:
        """Say a step, with the command or option for it."""
        if step.verb in _OPTIONS:
            how = f"option `{_OPTIONS[step.verb]}`"
        elif step.verb in _COMMANDS:
            how = self.command(step.verb, **step.args)
        else:
            return step.text
        return f"{step.text.removesuffix('.')} ({how})." if step.text else f"Type {how}."


SHELL, CELL = Words("modelsync"), Words("%modelsync")
