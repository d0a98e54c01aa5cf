"""Secrets in text that is kept or shown: the source of a cell, above all. What looks like one is taken out.

A secret that stays is worse than a harmless word that goes, so these rules are broad.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable

_GONE = "…"
_SECRET = r"(?:token|secret|passw|passphrase|pwd|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth|bearer)"
#: `name = "value"`, `name: "value"`, `f(name="value")`, `d["name"] = "value"`, triple quotes too.
_ASSIGNED = re.compile(
    rf"""(?is)([\w.\-]*{_SECRET}[\w.\-]*["'\]]*\s*(?:[:=]|,)\s*[rbuf]{{0,2}})("{{3}}|'{{3}}|"|')(?!\2)(.+?)\2"""
)
#: `--token value`, `%env NAME=value`, `export NAME=value`, `NAME=value command`.
_OPTION = re.compile(rf"(?i)(--?[\w-]*{_SECRET}[\w-]*[ =]+|\b[\w-]*{_SECRET}[\w-]*=)(?![\"'\s])([^\s\"'),;]+)")
#: Every text in a call that signs in, unless it is an address.
_LOGIN = re.compile(r"(?is)\b(?:login|authenticate|sign_in|init)\s*\((.*?)\)")
_TEXT = re.compile(r"""(["'])(?!https?://[^@"']*\1)(?:(?!\1).)+\1""")
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s\"'@]+@")
_SIGNED = re.compile(r"(?i)([?&][\w-]*(?:sig|signature|token|key|credential|password)[\w-]*=)[^&\s\"']+")
_SHAPES = re.compile(
    r"\b(?:hf_\w{8,}|sk-[\w-]{8,}|gh[pousr]_\w{8,}|github_pat_\w+|glpat-[\w-]{8,}|xox[abprs]-[\w-]+|AKIA[0-9A-Z]{12,}"
    r"|AIza[\w-]{20,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|ya29\.[\w-]+)|-----BEGIN[\s\S]+?(?:-----END[^\n]*|\Z)"
)
_RANDOM = re.compile(r"(?<![\w/+.-])[A-Za-z0-9_+/=-]{20,}(?![\w/+.-])")
_SHORTEST = 6


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without what is, or looks like, a secret.

    Args:
        text: The text, such as the source of a cell.
        secrets: Secrets that are known; those of the environment are known anyway.
    """
    for secret in sorted({*secrets, *_of_environment()}, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, _GONE)
    text = _SHAPES.sub(_GONE, text)
    text = _USERINFO.sub(rf"\1{_GONE}@", text)
    text = _SIGNED.sub(rf"\1{_GONE}", text)
    text = _LOGIN.sub(lambda call: _TEXT.sub(rf"\1{_GONE}\1", call[0]), text)
    text = _ASSIGNED.sub(rf"\1\2{_GONE}\2", text)
    text = _OPTION.sub(rf"\1{_GONE}", text)
    return _RANDOM.sub(lambda found: _GONE if _is_random(found[0]) else found[0], text)


def _of_environment() -> set[str]:
    return {value for name, value in os.environ.items() if re.search(rf"{_SECRET}|_KEY$", name, re.IGNORECASE)}


def _is_random(word: str) -> bool:
    """Return whether a long word is more like a key than like a name: letters and digits, in no order."""
    if not re.search(r"\d", word) or not re.search(r"[A-Za-z]", word) or word.count("_") > len(word) // 6:
        return False
    counts = Counter(word)
    entropy = -sum(n / len(word) * math.log2(n / len(word)) for n in counts.values())
    return entropy > 3.3
