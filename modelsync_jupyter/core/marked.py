"""Sentences in which code stands in backticks, for places that can show code as code.

Whatever else is in a sentence, such as the words of a registry, is shown as it is: as HTML it is escaped, and on a
screen its control characters are.
"""

from __future__ import annotations

import builtins
import os
import re
from collections.abc import Iterable

from .plain import printable

_CODE = re.compile(r"`([^`\n]+)`")
_CODE_OR_LINK = re.compile(rf"{_CODE.pattern}|(https?://[^\s`<>]+[^\s`<>.,;:!?)])")
#: Columns of a line: JupyterLab breaks longer ones within a word, and a cell beside its sidebar holds so many.
_WIDTH = 56
#: Stands for a blank within code, at which no line may end. No sentence has one: it is escaped.
_BLANK = "\x00"


def as_html(text: str) -> str:
    """Write sentences as HTML: what stands in backticks as code, addresses as links."""
    from html import escape  # here and below: those that never show it do not wait for it

    def mark(found: re.Match[str]) -> str:
        code, address = found.groups()
        return f"<code>{code}</code>" if code else f'<a href="{address}" target="_blank" rel="noopener">{address}</a>'

    return _CODE_OR_LINK.sub(mark, escape(printable(text)))


def as_lines(texts: Iterable[str]) -> list[str]:
    """Write sentences as IPython shows an error: in lines that end between words, with code in bold type.

    Without colours, by `NO_COLOR` or as the shell is set, code stays in backticks.

    Args:
        texts: What to show, each from a new line.
    """
    lines = [line for text in texts for line in _wrap(printable(text))]
    return lines if _without_colours() else [_CODE.sub("\x1b[1m\\1\x1b[22m", line) for line in lines]


def _wrap(text: str) -> list[str]:
    import textwrap

    kept = _CODE.sub(lambda found: found[0].replace(" ", _BLANK), text)
    lines = [
        line
        for part in kept.splitlines()
        for line in textwrap.wrap(part, _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]
    return [line.replace(_BLANK, " ") for line in lines]


def _without_colours() -> bool:
    shell = getattr(builtins, "get_ipython", lambda: None)()
    return bool(os.environ.get("NO_COLOR")) or str(getattr(shell, "colors", "")).lower() == "nocolor"
