"""The registry in a browser: server-rendered pages over the API.

::

    api        calls the API's own routes, in this process, with the token of the session
    session    sign in and out; the rule of a page; CSRF
    browse     models, versions, files, comparisons
    curate     what people change: descriptions, labels, aliases, grants, deletion
    people     tokens, users, what was done
    show       what templates need: sizes, times, ways to pull

A page decides nothing about who may do what. All that it shows and does goes through a route of the API, so that it
checks, answers and leaves events as it does for every other client. A template hides only what would be refused.
"""

from __future__ import annotations

from . import browse, curate, people
from .session import blueprint

__all__ = ["blueprint", "browse", "curate", "people"]
