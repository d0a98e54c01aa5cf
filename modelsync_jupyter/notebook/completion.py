"""Completion for `%modelsync`: commands, options, tags, transfers and contexts.

Nothing here asks the network: a registry's tags are those that `%modelsync list --remote` showed last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from modelsync_jupyter.commands.grammar import build_parser
from modelsync_jupyter.commands.words import CELL
from modelsync_jupyter.core.config import Home

_LINE = re.compile(r"(?:^|[=(;\s])%modelsync\s(?P<words>.*)$")
_remote: list[str] = []


def load(ip: Any) -> None:
    """Add the matcher, once."""
    unload(ip)
    ip.Completer.custom_matchers.append(_matcher())


def unload(ip: Any) -> None:
    """Remove the matcher; another copy of this module may have added it."""
    matchers = ip.Completer.custom_matchers
    matchers[:] = [matcher for matcher in matchers if getattr(matcher, "matcher_identifier", "") != __name__]


def remember(models: Iterable[Any]) -> None:
    """Keep the tags of a registry's models for `pull`."""
    _remote[:] = [str(model.tag) for model in models]


def complete(line: str) -> tuple[str, list[str]] | None:
    """What may stand at the end of a line.

    Args:
        line: The line up to the cursor.

    Returns:
        The word begun and the words it may become, or None where the line is not ours.
    """
    found = _LINE.search(line)
    if not found:
        return None
    *before, word = re.split(r"\s+", found["words"].lstrip())
    return word, sorted({choice for choice in _choices(before, word) if choice.startswith(word)})


def _choices(before: list[str], word: str) -> Iterable[str]:
    parser = build_parser(CELL.prefix)
    command = next((name for name in before if name in parser.commands), "")
    parser = parser.deepest(before)
    if parser.commands:
        return parser.options if word.startswith("-") else parser.commands
    if before[-1] in ("-c", "--context", "--use"):
        return _contexts()
    values = parser.values(before[-1])
    if values is not None:
        return values
    return parser.options if word.startswith("-") else _SUBJECTS.get(command, list)()


def _matcher() -> Callable[..., Any]:
    from IPython.core.completer import context_matcher

    matcher: Callable[..., Any] = context_matcher(identifier=__name__)(_match)
    return matcher


def _match(context: Any) -> dict[str, Any]:
    from IPython.core.completer import SimpleCompletion

    found = complete(context.text_until_cursor)
    if found is None:
        return {"completions": []}
    word, choices = found
    items = [SimpleCompletion(text=choice, type="modelsync") for choice in choices]
    return {"completions": items, "matched_fragment": word, "suppress": True}


def _local_tags() -> list[str]:
    """Tags by the names of the store's folders: quick however many models there are."""
    folders = [path for path in Home.find().models.glob("*/*") if path.is_dir()]
    return [f"{path.parent.name}:{path.name}" for path in folders]


def _remote_tags() -> list[str]:
    return _remote


def _transfers(*states: str) -> list[str]:
    from modelsync_jupyter.client import transfers

    return [transfer.id for transfer in transfers() if transfer.state in states]


def _contexts() -> list[str]:
    from modelsync_jupyter.client import contexts

    return [context.name for context in contexts()]


def _names() -> list[str]:
    return [tag.partition(":")[0] for tag in _local_tags()]


_SUBJECTS: dict[str, Callable[[], list[str]]] = {
    "push": _local_tags,
    "get": _local_tags,
    "delete": _local_tags,
    "pull": _remote_tags,
    "list": _names,
    "status": _names,
    "attach": lambda: _transfers("planned", "running"),
    "cancel": lambda: _transfers("planned", "running"),
    "resume": lambda: _transfers("failed", "cancelled", "interrupted"),
    "logout": _contexts,
}
