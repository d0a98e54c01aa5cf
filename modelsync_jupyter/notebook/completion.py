"""Completion for `%modelsync`, as `commands.completing` knows it, and for tags in calls and variables in lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from modelsync_jupyter.commands.completing import FILES, Choice, Subjects, choices
from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.words import CELL
from modelsync_jupyter.core.config import Home

_LINE = re.compile(r"(?:^|[=(;\s])%{1,2}modelsync\s(?P<words>.*)$")
#: `push("sen`, `client.pull('sen`, `diff("a:1", "a:`.
_CALL = re.compile(r"(?:\b(?P<root>\w+)\.)?\b(?P<name>\w+)\((?:[^()]*,\s*)?(?P<quote>[\"'])(?P<word>[\w.:-]*)$")
_OURS = "modelsync_jupyter"


def load(ip: Any) -> None:
    """Add the matcher, once."""
    unload(ip)
    ip.Completer.custom_matchers.append(_matcher(ip))


def unload(ip: Any) -> None:
    """Remove the matcher; another copy of this module may have added it."""
    matchers = ip.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != __name__]


def remember(models: Iterable[Any], context: str | None = None) -> None:
    """Keep the tags that a registry has just told."""
    from modelsync_jupyter.client.names import remember

    remember(Home.find(), context, [str(model.tag) for model in models])


def complete(line: str, names: dict[str, Any]) -> tuple[str, list[Choice]] | None:
    """List what may stand at the end of a line.

    Args:
        line: The line up to the cursor.
        names: The user's variables.

    Returns:
        The word begun and the words it may become, or None where the line is not ours.
    """
    if found := _LINE.search(line):
        *before, word = re.split(r"\s+", found["words"].lstrip())
        if word.startswith(("$", "{")):
            return word, _variables(word, names)
        fitting = choices(build_parser(CELL.prefix), before, word)
        return word, [] if fitting is FILES else fitting
    if (found := _CALL.search(line)) and (subject := _CALLS.get(found["name"])) and _is_ours(found, names):
        known = subject(Subjects(Home.find()))
        return found["word"], [each for each in known if each[0].startswith(found["word"])]
    return None


def _variables(word: str, names: dict[str, Any]) -> list[Choice]:
    """List the user's own variables that can stand for a word: texts, and what prints as a tag."""
    pattern = "${}" if word.startswith("$") else "{{{}}}"
    kinds = ("str", "Tag", "Model", "RemoteModel", "PosixPath")
    fitting = [name for name, value in names.items() if type(value).__name__ in kinds and not name.startswith("_")]
    return [(text, "variable") for name in sorted(fitting) if (text := pattern.format(name)).startswith(word)]


def _is_ours(found: re.Match[str], names: dict[str, Any]) -> bool:
    """Return whether a call is one of this package's functions, or of a client's methods."""
    thing = names.get(found["root"] or found["name"])
    of = getattr(thing, "__module__", "") or getattr(thing, "__name__", "")
    return str(of).startswith(_OURS) or getattr(thing, "__name__", "") == _OURS


def _matcher(ip: Any) -> Callable[..., Any]:
    from IPython.core.completer import SimpleCompletion, context_matcher

    def match(context: Any) -> dict[str, Any]:
        found = complete(context.text_until_cursor, ip.user_ns)
        if found is None:
            return {"completions": []}
        word, fitting = found
        items = [SimpleCompletion(text=text, type=_type(what)) for text, what in fitting]
        return {"completions": items, "matched_fragment": word, "suppress": True, "ordered": True}

    matcher: Callable[..., Any] = context_matcher(identifier=__name__)(match)
    return matcher


def _type(what: str) -> str:
    """Return what stands beside a word in the list: there is room for a transfer's state, not for a sentence."""
    return what if what == "variable" or "·" in what else "modelsync"


_CALLS: dict[str, Callable[[Subjects], list[Choice]]] = {
    **dict.fromkeys(("push", "push_in_background", "get", "delete", "edit"), Subjects.local),
    **dict.fromkeys(("change", "move_alias", "restore", "aliases", "history"), Subjects.remote),
    **dict.fromkeys(("pull", "pull_in_background", "get_remote"), Subjects.remote),
    **dict.fromkeys(("diff", "load", "provenance", "panel"), Subjects.all),
    **dict.fromkeys(("list_models", "status"), Subjects.names),
    **dict.fromkeys(("attach", "cancel", "pause"), Subjects.active),
    **dict.fromkeys(("resume", "resume_in_background"), Subjects.stopped),
}
