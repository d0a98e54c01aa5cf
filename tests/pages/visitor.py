"""Somebody with a browser, as far as pages go without one: links, forms, cookies."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from werkzeug.test import TestResponse

from tests.registry.people import House


class Visitor:
    """A browser without a screen.

    Args:
        house: The registry.
    """

    def __init__(self, house: House) -> None:
        self.http = house.app.test_client()

    def get(self, path: str, status: int = 200) -> str:
        """Open a page, and return its text."""
        reply = self.http.get(path)
        assert reply.status_code == status, (path, reply.status_code, reply.text[:500])
        return reply.text

    def sign_in(self, token: str, then: str = "") -> TestResponse:
        """Fill in the form of the sign-in page."""
        page = self.get("/sign-in?next=" + then)
        return self.post("/sign-in", page, token=token, next=then)

    def post(self, path: str, page: str, **fields: Any) -> TestResponse:
        """Send a form that a page has."""
        key = re.search(r'name="form_key" value="([^"]+)"', page)
        return self.http.post(path, data={"form_key": key[1] if key else "", **fields})


def text_of(page: str) -> str:
    """What of a page can be read: no tags, spaces as one."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", page)))
