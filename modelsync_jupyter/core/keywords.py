"""Options by keyword, written once for everything that takes them, and shown one by one where people look.

A function says `**options: Unpack[TransferOptions]`: type checkers know each option, and nobody copies the list. The
decorator `spelled_out` does the same for people: `help`, Shift-Tab and completion show every option with its meaning.
That takes some milliseconds, so it is done when `spell_out` is called: a process that runs one command shows no help of
functions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, TypedDict, TypeVar, Union

from .config import DEFAULT_THREADS
from .progress import Sink

F = TypeVar("F", bound=Callable[..., Any])
Folder = Union[str, "os.PathLike[str]", None]


class TransferOptions(TypedDict, total=False):
    """How to transfer."""

    force: bool
    threads: int | None
    rate_limit: int | str | None
    progress: Sink | bool | None


class AtHome(TypedDict, total=False):
    """Which local store."""

    home: Folder


class At(AtHome, total=False):
    """Which local store and which registry."""

    context: str | None


_KINDS = {kind.__name__: kind for kind in (TransferOptions, AtHome, At)}
_DEFAULTS = {"force": False, "threads": DEFAULT_THREADS}
_MEANINGS = {
    "force": "Replace what is there under the same tag, in one step, once the new copy is complete and verified.",
    "threads": (
        "Parts transferred in parallel, 1 to 64. If not given, what `settings()` says, which is 10 until you change it."
    ),
    "rate_limit": (
        "Maximum bytes per second, 100,000 or more: a number, or text such as `20MB`; 0 for no limit. If not given, "
        "what `settings()` says."
    ),
    "progress": (
        "Called with progress updates, at most 10 a second, by the thread that waits. By default a bar is drawn in a "
        "notebook and on a terminal; False for none."
    ),
    "home": "BentoML's home folder; by default `$BENTOML_HOME`, else `~/bentoml`.",
    "context": "Name of the registry; by default the environment decides, then the current context.",
}


_marked: list[Callable[..., Any]] = []


def spelled_out(function: F) -> F:
    """Mark a function whose signature and docstring are to name each keyword option."""
    _marked.append(function)
    return function


def spell_out() -> None:
    """Name each keyword option in the signature and in the docstring of all functions that were marked."""
    while _marked:
        _spell(_marked.pop())


def _spell(function: Callable[..., Any]) -> None:
    import inspect  # which brings the compiler's own modules along

    signature = inspect.signature(function)
    named = list(signature.parameters.values())
    if named[-1].kind is inspect.Parameter.VAR_KEYWORD:
        kind = _KINDS[re.sub(r"Unpack\[(\w+)\]", r"\1", named.pop().annotation)]
        for name, type in kind.__annotations__.items():
            text = getattr(type, "__forward_arg__", type)
            kind_of = inspect.Parameter.KEYWORD_ONLY
            named.append(inspect.Parameter(name, kind_of, default=_DEFAULTS.get(name), annotation=text))
        vars(function)["__signature__"] = signature.replace(parameters=named)
    text = inspect.getdoc(function) or ""
    missing = [each.name for each in named if each.name in _MEANINGS and f"\n    {each.name}: " not in text]
    lines = "".join(f"    {name}: {_MEANINGS[name]}\n" for name in missing)
    head, args, rest = text.partition("\n\nArgs:\n")
    if not args:  # the section comes before Raises, or last
        head, _, rest = text.partition("\n\nRaises:\n")
        rest = f"\nRaises:\n{rest}" if rest else ""
        function.__doc__ = f"{head}\n\nArgs:\n{lines}{rest}" if lines else text
        return
    given, gap, rest = rest.partition("\n\n")
    function.__doc__ = f"{head}{args}{given}\n{lines}" + (f"\n{rest}" if gap else "")


def documented_as(method: Callable[..., Any], function: F) -> F:
    """Document a function as the method it calls is documented."""
    spell_out()
    function.__doc__ = method.__doc__
    _spell(function)
    return function
