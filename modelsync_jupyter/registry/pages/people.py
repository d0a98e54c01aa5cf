"""Who is who: tokens, users, and what they did."""

from __future__ import annotations

import json
from datetime import timedelta

from flask import Response, g, render_template, request

from ..catalog.database import now
from ..catalog.words import Role
from ..errors import BadRequest, Unauthorized
from ..routes import account, tokens, users
from . import show
from .api import call
from .session import View, blueprint, done, field, page

#: What a token can do: its scope, and in words.
REACHES = {
    "read": ("read_organization", "pull"),
    "write": ("write_organization", "pull and push"),
    "all": ("api", "everything that its user can"),
}
_EVENTS = 100
MOST_EXPORTED = 50_000
_DAYS = ("7", "30", "90", "365", "")


@blueprint.get("/tokens")
@page
def token_list() -> View:
    """List one's own tokens; an admin may ask for those of others."""
    return _tokens()


@blueprint.post("/tokens")
@page
def make_token() -> View:
    """Make a token, and show it this once.

    One's own token is made by another one of one's own, which has to be typed: what a session makes ends with the
    session, and who finds a browser unlocked should not leave with a token.
    """
    reach, days, user = field("reach"), field("days"), field("user")
    if reach not in REACHES or days not in _DAYS:
        raise BadRequest("choose what the token can do, and for how long")
    token = field("maker") if user in ("", g.me["name"]) else g.session
    if not token:
        raise BadRequest("to make a token of your own, type the one that you sign in with")
    body = {"name": field("name"), "scopes": [REACHES[reach][0]], "modelsync": {"user": user}}
    if days:
        body["expired_at"] = (now() + timedelta(days=int(days))).isoformat()
    try:
        return _tokens(call(tokens.create, body=body, token=token))
    except Unauthorized as error:
        raise BadRequest(f"with your own token: {error.message}") from error


@blueprint.post("/tokens/<uid>/revoke")
@page
def revoke(uid: str) -> View:
    """Revoke a token."""
    call(tokens.revoke, uid=uid, body={})
    return done("token_list", "revoked")


@blueprint.get("/users")
@page
def user_list() -> View:
    """List who may sign in."""
    search, start = request.args.get("search", ""), request.args.get("start", "")
    found = call(users.index, query={"search": search, "start": start, "count": show.ROWS})
    pager = show.Pager(found["start"], len(found["items"]), found["total"])
    roles = [str(role) or "none" for role in Role]
    return render_template("users.html", found=found, pager=pager, search=search, roles=roles)


@blueprint.post("/users")
@page
def add_user() -> View:
    """Make a user."""
    body = {"name": field("name"), "role": field("role"), "robot": field("robot") == "yes"}
    call(users.create, body=body)
    return done("user_list", "user")


@blueprint.post("/users/<user>")
@page
def change_user(user: str) -> View:
    """Change the role of a user, or whether they may sign in."""
    body: dict[str, object] = {"role": field("role")} if field("role") else {"disabled": field("disabled") == "yes"}
    call(users.change, user=user, body=body)
    return done("user_list", "user")


@blueprint.get("/activity")
@page
def activity() -> View:
    """Show what was done, as far as one may see it, newest first."""
    wanted = _wanted()
    found = call(account.events, query={**wanted, "count": _EVENTS, "before": request.args.get("before", "")})
    return render_template("activity.html", found=found, wanted=wanted, full=len(found["items"]) == _EVENTS)


@blueprint.get("/activity.jsonl")
@page
def export() -> View:
    """Send the same as JSON lines: so many events as fit into memory, the newest first."""
    wanted, before, lines = _wanted(), "", list[str]()
    while len(lines) < MOST_EXPORTED:
        items = call(account.events, query={**wanted, "count": 1000, "before": before})["items"]
        if not items:
            break
        before = items[-1]["uid"]
        lines += (f"{json.dumps(item, ensure_ascii=False)}\n" for item in items)
    headers = {"Content-Disposition": 'attachment; filename="activity.jsonl"'}
    return Response("".join(lines), mimetype="application/x-ndjson", headers=headers)


def _wanted() -> dict[str, str]:
    keys = ("user", "operation", "resource_type", "resource_name", "address", "since", "until")
    return {key: request.args.get(key, "").strip() for key in keys}


def _tokens(made: dict[str, object] | None = None) -> str:
    user = request.args.get("user", "") or g.me["name"]
    found = call(tokens.index, query={"user": "" if user == "*" else user, "count": show.ROWS * 4})
    return render_template("tokens.html", found=found, user=user, made=made, reaches=REACHES)
