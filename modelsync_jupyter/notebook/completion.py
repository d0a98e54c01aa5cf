"""Completion for `%modelsync` and for tags in calls: commands, options, values, tags, transfers, contexts, variables.

Nothing here waits for the network: a registry's tags are those that are remembered of it (see `client.names`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.words import CELL
from modelsync_jupyter.core.config import Home
from modelsync_jupyter.core.states import ENDED, PAUSED, PLANNED, RESUMABLE, RUNNING

_LINE = re.compile(r"(?:^|[=(;\s])%{1,2}modelsync\s(?P<words>.*)$")
#: `push("sen`, `client.pull('sen`, `diff("a:1", "a:`.
_CALL = re.compile(r"(?:\b(?P<root>\w+)\.)?\b(?P<name>\w+)\((?:[^()]*,\s*)?(?P<quote>[\"'])(?P<word>[\w.:-]*)$")
_OURS = "modelsync_jupyter"
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

#: A word that may stand here, and what to call it beside the word.
Choice = tuple[str, str]


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
        choices = _choices(before, word)
    elif (found := _CALL.search(line)) and (subject := _CALLS.get(found["name"])) and _is_ours(found, names):
        word, choices = found["word"], subject()
    else:
        return None
    fitting = {text: kind for text, kind in map(_as_choice, choices) if text.startswith(word)}
    return word, list(fitting.items())


def _choices(before: list[str], word: str) -> Iterable[str | Choice]:
    parser = build_parser(CELL.prefix)
    parser = parser.deepest(before)
    if parser.commands:
        return parser.options if word.startswith("-") else sorted(parser.commands)
    option, equals, _ = word.partition("=")
    if equals and option.startswith("--") and parser.values(option) is not None:
        return [f"{option}={value}" for value in _values(parser, option)]
    if parser.values(before[-1]) is not None or before[-1] in _CONTEXTS:
        return _values(parser, before[-1])
    find = next((_SUBJECTS[name] for name in before if name in _SUBJECTS), list)
    subjects = [] if word.startswith("-") else list(find())
    return subjects or parser.options  # an empty answer would let IPython offer Python's own words


def _values(parser: Any, option: str) -> Iterable[str]:
    return _contexts() if option in _CONTEXTS else parser.values(option) or _SAMPLES.get(option, ())


def _as_choice(choice: str | Choice) -> Choice:
    return (choice, "modelsync") if isinstance(choice, str) else choice


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
        word, choices = found
        items = [SimpleCompletion(text=text, type=kind) for text, kind in choices]
        return {"completions": items, "matched_fragment": word, "suppress": True, "ordered": True}

    matcher: Callable[..., Any] = context_matcher(identifier=__name__)(match)
    return matcher


def _local_tags() -> list[str]:
    """List tags by the names of the store's folders: quick however many models there are."""
    folders = [path for path in Home.find().models.glob("*/*") if path.is_dir()]
    return sorted(f"{path.parent.name}:{path.name}" for path in folders)


def _remote_tags() -> list[str]:
    from modelsync_jupyter.client.names import remembered

    return remembered(Home.find())


def _all_tags() -> list[str]:
    return list(dict.fromkeys([*_local_tags(), *_remote_tags()]))


def _transfers(*states: str) -> list[Choice]:
    """List ids of transfers, the newest first, each with its tag and state beside it."""
    from modelsync_jupyter.client import transfers

    records = [transfer.record for transfer in transfers()]
    fitting = [record for record in records if not states or record.state in states]
    return [(record.id, f"{record.direction} {record.tag} · {record.state}") for record in fitting]


def _contexts() -> list[str]:
    from modelsync_jupyter.client import contexts

    return [context.name for context in contexts()]


def _settings() -> list[Choice]:
    from modelsync_jupyter.client import settings

    return [(each.name, each.meaning) for each in settings()]


def _names() -> list[str]:
    return list(dict.fromkeys(tag.partition(":")[0] for tag in _all_tags()))


def _remote_names() -> list[str]:
    return list(dict.fromkeys(tag.partition(":")[0] for tag in _remote_tags()))


def _remote_tags_and_names() -> list[str]:
    return [*_remote_names(), *_remote_tags()]


def _active() -> list[Choice]:
    return _transfers(PLANNED, RUNNING)


def _stopped() -> list[Choice]:
    return _transfers(*RESUMABLE)


_SUBJECTS: dict[str, Callable[[], Iterable[str | Choice]]] = {
    **dict.fromkeys(("push", "export"), _local_tags),
    **dict.fromkeys(("get", "delete", "load", "diff", "panel", "verify", "label", "scan", "lock"), _all_tags),
    **dict.fromkeys(("alias", "history", "restore"), _remote_tags_and_names),
    **dict.fromkeys(("grant", "visibility", "describe"), _remote_names),
    "pull": _remote_tags,
    **dict.fromkeys(("list", "status"), _names),
    **dict.fromkeys(("attach", "pause"), _active),
    "cancel": lambda: _transfers(PLANNED, RUNNING, PAUSED),
    "resume": _stopped,
    "forget": lambda: _transfers(*ENDED),
    "config": _settings,
    "logout": _contexts,
}
_CALLS: dict[str, Callable[[], Iterable[str | Choice]]] = {
    **dict.fromkeys(("push", "push_in_background", "get", "delete", "edit"), _local_tags),
    **dict.fromkeys(("change", "move_alias", "restore", "aliases", "history"), _remote_tags),
    **dict.fromkeys(("pull", "pull_in_background", "get_remote"), _remote_tags),
    **dict.fromkeys(("diff", "load", "provenance", "panel"), _all_tags),
    **dict.fromkeys(("list_models", "status"), _names),
    **dict.fromkeys(("attach", "cancel", "pause"), _active),
    **dict.fromkeys(("resume", "resume_in_background"), _stopped),
}
