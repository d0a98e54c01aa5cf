"""Sessions of the page: a browser signs in with a token and gets another one, in a cookie.

A session is a token that the first one made: it does no more, ends with it, is in the list of tokens, and is revoked
to sign out. It is not kept longer than a working day. A form that changes something carries `form_key`, which a page
of another site cannot know.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

from ..catalog import tokens
from ..catalog.database import now
from ..catalog.events import note
from ..catalog.users import Caller
from ..service import Registry
from .auth import identify

#: How long a session lasts.
LIFETIME = timedelta(hours=12)
_NAME = "browser session"


def sign_in(registry: Registry, token: str, address: str) -> str:
    """Begin a session, and return its token, for a cookie that only this site gets and no script sees.

    Args:
        registry: The registry.
        token: The token that a person typed.
        address: Where the request comes from.

    Raises:
        Unauthorized: The token is not valid.
        TooMany: Too many have failed from this address.
    """
    who = identify(registry, token, address)
    with registry.database.write() as connection:
        uid, value = tokens.add_token(
            connection,
            who.user_id,
            _NAME,
            description=f"made from {who.token}",
            scopes=tokens.scopes_of(connection, who.token_id),
            expired_at=now() + LIFETIME,
            maker=who,
        )
        note(connection, who, "signed-in", "api_token", who.token, uid=uid)
    return value


def sign_out(registry: Registry, who: Caller) -> None:
    """End the session, or any other token, that a request was made with."""
    with registry.database.write() as connection:
        tokens.revoke_token(connection, who.token_id)
        note(connection, who, "signed-out", "api_token", who.token)


def form_key(session: str) -> str:
    """Return what the forms of a session carry."""
    return hashlib.sha256(f"form {session}".encode("utf-8", "replace")).hexdigest()


def is_form_key(session: str, key: str) -> bool:
    """Return whether a form was made for a session."""
    return hmac.compare_digest(form_key(session).encode(), key.encode("utf-8", "replace"))
