"""What may stand at the end of a line that is being typed: commands, options, values, tags, transfers, contexts.

The cell and the shells ask here. Nothing waits for the network: a registry's tags are those that are remembered of it
(see `client.names`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.states import ENDED, PAUSED, PLANNED, RESUMABLE, RUNNING

from .parser import Parser

#: A word that may stand here, and what it means, or "".
Choice = tuple[str, str]
#: The answer where a file or a folder may stand, of which the shell that asks knows more.
FILES: list[Choice] = [(":files", "")]
#: What may be typed for options whose values are not a fixed set.
_SAMPLES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("-t", "--threads"), ("1", "4", "10", "32")),
    "--rate-limit": ("5MB", "20MB", "100MB"),
    **dict.fromkeys(("-n", "--limit"), ("20", "100", "1000")),
    "--query": ("label:", "module:", "creator:", "sort:size-desc", "sort:created_at-desc"),
    "--label": ("stage=", "team="),
    "--metric": ("accuracy=", "f1=", "auc="),
}
_CONTEXTS = ("-c", "--context", "--use", "--name")
_FOLDERS = ("--home", "--data")


class Subjects:
    """What commands are about, as it is known on this machine.

    Args:
        home: BentoML's home folder.
        context: Name of the registry; by default the current one.
        ask: Called where what is known of the registry is old; see `client.names`.
    """

    def __init__(self, home: Home, context: str | None = None, ask: Callable[..., None] | None = None) -> None:
        self._home, self._context, self._ask = home, context, ask

    def local(self) -> list[Choice]:
        """List tags by the names of the store's folders: quick however many models there are."""
        folders = [path for path in self._home.models.glob("*/*") if path.is_dir()]
        return [(tag, "") for tag in sorted(f"{path.parent.name}:{path.name}" for path in folders)]

    def remote(self) -> list[Choice]:
        """List the tags that are remembered of the registry."""
        from modelsync_jupyter.client.names import ask_in_thread, remembered

        found = remembered(self._home, self._context, ask=self._ask or ask_in_thread)
        return [(tag, "") for tag in found]

    def all(self) -> list[Choice]:
        """List the tags of both."""
        return list(dict.fromkeys([*self.local(), *self.remote()]))

    def names(self) -> list[Choice]:
        """List the names of all models."""
        return _names(self.all())

    def remote_names(self) -> list[Choice]:
        """List the names of models in the registry."""
        return _names(self.remote())

    def remote_names_and_tags(self) -> list[Choice]:
        """List names of models in the registry, and tags behind them."""
        return [*self.remote_names(), *self.remote()]

    def transfers(self, *states: str) -> list[Choice]:
        """List ids of transfers, the newest first, each with what it is."""
        from modelsync_jupyter.client.names import records_of

        fitting = [record for record in records_of(self._home) if record.state in states]
        return [(record.id, f"{record.direction} {record.tag} · {record.state}") for record in fitting]

    def active(self) -> list[Choice]:
        """List transfers that run, or are about to."""
        return self.transfers(PLANNED, RUNNING)

    def stopped(self) -> list[Choice]:
        """List transfers that can be resumed."""
        return self.transfers(*RESUMABLE)

    def contexts(self) -> list[Choice]:
        """List the names of registries."""
        from modelsync_jupyter.client.names import contexts_of

        return [(each.name, each.endpoint) for each in contexts_of(self._home)]

    def settings(self) -> list[Choice]:
        """List what can be configured."""
        from modelsync_jupyter.client.defaults import KINDS

        return [(name, kind.meaning) for name, kind in KINDS.items()]

    def ends(self) -> list[Choice]:
        """List the ends of a sync that have names."""
        return [("local", "this machine's models"), *self.contexts()]


#: What the first argument of a command is.
_FIRST: dict[str, Callable[[Subjects], list[Choice]]] = {
    **dict.fromkeys(("push", "export"), Subjects.local),
    **dict.fromkeys(("get", "delete", "load", "diff", "panel", "verify", "label", "scan", "lock"), Subjects.all),
    **dict.fromkeys(("alias", "history", "restore"), Subjects.remote_names_and_tags),
    **dict.fromkeys(("grant add", "grant list", "grant remove", "visibility", "describe"), Subjects.remote_names),
    "pull": Subjects.remote,
    **dict.fromkeys(("list", "status", "gc", "du", "create"), Subjects.names),
    **dict.fromkeys(("attach", "pause"), Subjects.active),
    "cancel": lambda known: known.transfers(PLANNED, RUNNING, PAUSED),
    "resume": Subjects.stopped,
    "forget": lambda known: known.transfers(*ENDED),
    "config": Subjects.settings,
    "logout": Subjects.contexts,
    "sync": Subjects.ends,
}


def choices(
    parser: Parser, before: Sequence[str], word: str, *, ask: Callable[..., None] | None = None
) -> list[Choice]:
    """List what a word may become.

    Args:
        parser: That of the whole command line.
        before: The words before it, without the program's own name.
        word: What was typed of it.
        ask: Called where what is known of the registry is old; by default a thread asks then.

    Returns:
        Whole words that begin with it, or `FILES`.
    """
    parser, path, rest = _descend(parser, before)
    if parser.commands and not word.startswith("-"):
        found: Iterable[Choice] = sorted(parser.summaries.items())
    else:
        known = Subjects(Home.find(_given(before, "--home")), _given(rest, "-c", "--context"), ask)
        found = _in_command(parser, path, rest, word, known)
        if found is FILES:
            return FILES
    return [each for each in dict(found).items() if each[0].startswith(word)]


def _descend(parser: Parser, before: Sequence[str]) -> tuple[Parser, str, list[str]]:
    """Find the command that was typed; returns its parser, its name behind that of its group, and the words behind."""
    path: list[str] = []
    rest: list[str] = []
    for word in before:
        if word in parser.commands:
            parser, rest = parser.commands[word], []
            path.append(word)
        else:
            rest.append(word)
    # a group of commands that can be left out: nobody else has a command of that name
    return parser, " ".join(path[1:] if path[:1] == ["registry"] else path), rest


def _in_command(parser: Parser, path: str, rest: Sequence[str], word: str, known: Subjects) -> Iterable[Choice]:
    option, equals, _ = word.partition("=")
    if equals and parser.values(option) is not None:
        return [(f"{option}={value}", what) for value, what in _values(parser, option, known)]
    if rest and parser.values(rest[-1]) is not None:
        return FILES if _takes_file(parser, rest[-1]) else _values(parser, rest[-1], known)
    if not word.startswith("-") and (argument := parser.argument(rest)):
        if argument.choices:
            return [(str(each), "") for each in argument.choices]
        first = argument is parser.argument([])
        if (first and path in _FIRST) or path in ("diff", "sync"):  # both of these two are alike
            return _FIRST[path](known) or parser.meanings
        if argument.metavar in ("PATH", "FOLDER"):
            return FILES
    return parser.meanings


def _values(parser: Parser, option: str, known: Subjects) -> Iterable[Choice]:
    if option in _CONTEXTS:
        return known.contexts()
    return [(each, "") for each in parser.values(option) or _SAMPLES.get(option, ())]


def _takes_file(parser: Parser, option: str) -> bool:
    return parser.type_of(option) is Path or option in _FOLDERS


def _given(words: Sequence[str], *options: str) -> str | None:
    """Return the value of an option in a line that is not whole yet."""
    for word, value in pairwise([*words, ""]):
        if word in options and value:
            return value
        name, equals, value = word.partition("=")
        if equals and name in options:
            return value
    return None


def _names(tags: Iterable[Choice]) -> list[Choice]:
    return list(dict.fromkeys((tag.partition(":")[0], "") for tag, _ in tags))
