"""What a request asks for: its JSON body, its page and its search."""

from __future__ import annotations

import threading

from flask import g, request
from werkzeug.exceptions import RequestEntityTooLarge

from .catalog.database import Page
from .errors import BadRequest, TooLarge, TooMany
from .search import Search, parse
from .values import Fields, check_length, clean, parse_json

#: Bytes of a body; of one that has a manifest; of one that lists parts.
MAX_JSON = 64 << 10
MAX_RECORD = 2 << 20
MAX_LIST = 32 << 20
#: Requests of a process that hold a large body at the same time, and what that is: parsed, 30 MB take 150.
_AT_ONCE, _LARGE = 2, 1 << 20
_places = threading.BoundedSemaphore(_AT_ONCE)
#: What in the environment has to be asked for a place before a request that takes long begins, see `lane.places`.
PLACE = "modelsync.place"
_AGAIN_SECONDS = 10
#: Rows of a page; versions and repositories are wide, and a page of them is to take a tenth of a second at most.
MAX_ROWS, MAX_MODELS = 500, 250
_MAX_NUMBER = (1 << 31) - 1
_MAX_QUERY = 4096


def fields(limit: int = MAX_JSON) -> Fields:
    """Parse the fields of the JSON body; none where there is no body.

    Args:
        limit: Bytes it may have.

    Raises:
        TooLarge: It has more.
    """
    request.max_content_length = limit + 1  # of a body without a length, werkzeug drops silently what is more
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        data = bytes(limit + 1)
    if len(data) > limit:
        raise TooLarge(f"the body has more than {limit:,} bytes")
    if len(data) > _LARGE:
        g.has_place = _places.acquire()
    return Fields(parse_json(data))


def leave_place(error: BaseException | None) -> None:
    """Let the next request have its large body, when this one has ended."""
    if g.pop("has_place", False):
        _places.release()


def take_place(user: str) -> None:
    """Have a place for this request, if it is one that may take long.

    Args:
        user: Who sends it. Nobody may have all places; so this comes before the first byte of its body is read.

    Raises:
        TooMany: This user has as many as they may. The request waits on the event loop then, and comes again.
    """
    take = request.environ.get(PLACE)
    if take and not take(user):
        raise TooMany("too many requests of yours take long at once", _AGAIN_SECONDS, "send the rest of them")


def page(default: int = 0, most: int = MAX_ROWS) -> Page:
    """Parse the page asked for by `start` and `count`.

    The reply says how many rows it has at most and how many there are: who asks for all, and gets fewer, asks on.

    Args:
        default: Rows where `count` says nothing; 0 for as many as one page may have.
        most: Rows however many are asked for.
    """
    return Page(_number("start", 0), min(_number("count", default) or most, most))


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
    return check_length(request.content_length)


def _number(key: str, default: int) -> int:
    value = request.args.get(key, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise BadRequest(f"`{key}` is not a whole number from 0")
    return min(int(value), _MAX_NUMBER)
