"""What a request asks for: its JSON body, its page and its search."""

from __future__ import annotations

from flask import request

from .catalog.database import Page
from .errors import BadRequest
from .search import Search, parse
from .values import Fields, clean, parse_json

_MAX_JSON = 32 << 20
_MAX_BODY = 1 << 44
_MAX_ROWS = (1 << 31) - 1
_MAX_QUERY = 4096


def fields() -> Fields:
    """Parse the fields of the JSON body; none where there is no body."""
    request.max_content_length = _MAX_JSON
    return Fields(parse_json(request.get_data(cache=False)))


def page(default: int = 0, most: int = 0) -> Page:
    """Parse the page asked for by `start` and `count`.

    Args:
        default: Rows where `count` says nothing; 0 for all.
        most: Rows however many are asked for; 0 for any number.
    """
    count = _number("count", default)
    return Page(_number("start", 0), min(count or most, most) if most else count)


def search() -> Search:
    """Parse what `q` and `search` look for."""
    return parse(text("q"), text("search"))


def text(key: str) -> str:
    """Return a short text from the query string."""
    value = request.args.get(key, "")
    if len(value) > _MAX_QUERY:
        raise BadRequest(f"`{key}` is longer than {_MAX_QUERY} characters")
    return clean(value, key)


def content_length() -> int:
    """Return how many bytes the body has.

    Raises:
        BadRequest: None, too many, or the client does not say.
    """
    length = request.content_length or 0
    if not 0 < length <= _MAX_BODY:
        raise BadRequest(f"a body with a Content-Length from 1 to {_MAX_BODY} is needed")
    return length


def _number(key: str, default: int) -> int:
    value = request.args.get(key, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise BadRequest(f"`{key}` is not a whole number from 0")
    return min(int(value), _MAX_ROWS)
