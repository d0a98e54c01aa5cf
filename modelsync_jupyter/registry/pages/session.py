"""Sign in and out, and what holds for every page: the rule, the headers, the key in each form, errors as pages."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    g,
    make_response,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from markupsafe import Markup

import modelsync_jupyter

from .. import body
from ..catalog.words import Role
from ..errors import ApiError, BadRequest, Forbidden
from ..routes import account
from ..security import sessions
from ..security.auth import Paged, identify, open_to_all, set_rule
from ..service import current
from . import show
from .api import call

P = ParamSpec("P")
View = str | Response

blueprint = Blueprint("pages", __name__, template_folder="templates")
_HEADERS = {
    # Nothing is loaded from elsewhere, nothing inline runs, no other site may frame a page or be sent a form.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_MAX_FORM, _MAX_FIELDS = 256 << 10, 500
#: Who is not signed in sends no more than `lane` reads before a thread is needed: a slow body would hold that.
_MAX_SIGN_IN = 16 << 10
#: What a form carries to show that one of our pages made it.
_KEY = Markup('<input type="hidden" name="form_key" value="{}">')
#: Style and script are the same until another version of the registry runs, which names them anew.
_ASSET_SECONDS = 86400


def page(view: Callable[P, View]) -> Callable[P, View]:
    """Show a page to somebody who is signed in, and carry out a form that was made for them; all others sign in."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> View:
        g.session = request.cookies.get(_cookie(), "")
        if not g.session:
            return _to_sign_in()
        g.me = call(account.current_user)
        body.take_place(g.me["name"])
        if request.method == "POST":
            _check_form(g.session)
        return view(*args, **kwargs)

    return set_rule(guarded, Paged())


@blueprint.get("/sign-in")
@open_to_all("people sign in here")
def sign_in_form() -> Response:
    """Ask for a token."""
    return _form()


@blueprint.post("/sign-in")
@open_to_all("people sign in here")
def sign_in() -> Response:
    """Begin a session."""
    _check_form(request.cookies.get(_cookie("form"), ""), _MAX_SIGN_IN)
    try:
        session = sessions.sign_in(current(), request.form.get("token", "").strip(), request.remote_addr or "")
    except ApiError as error:
        reply = _form(error)
        reply.status_code = error.status
        return reply
    reply = make_response(redirect(request.root_path + _local(request.form.get("next", "")), 303))
    _set_cookie(reply, _cookie(), session, int(sessions.LIFETIME.total_seconds()))
    reply.delete_cookie(_cookie("form"), path=_path())
    return reply


@blueprint.post("/sign-out")
@page
def sign_out() -> Response:
    """End the session."""
    sessions.sign_out(current(), identify(current(), g.session, request.remote_addr or ""))
    reply = make_response(redirect(url_for("pages.sign_in_form"), 303))
    reply.delete_cookie(_cookie(), path=_path())
    return reply


@blueprint.get("/assets/<path:file>")
@open_to_all("style and script are the same for all")
def asset(file: str) -> Response:
    """Send the style, the script or the icon."""
    reply = send_from_directory(blueprint.root_path + "/static", file, max_age=_ASSET_SECONDS)
    reply.cache_control.public = True
    return reply


@blueprint.after_request
def finish(reply: Response) -> Response:
    """Turn an error that `app` answered in JSON into a page, and set the headers of every page."""
    if reply.status_code >= 400 and reply.is_json:
        again = reply.headers.get("Retry-After")
        reply = _refusal(reply.status_code, reply.get_json())
        if again:
            reply.headers["Retry-After"] = again
    for name, value in _HEADERS.items():
        if name != "Cache-Control" or request.endpoint != "pages.asset":
            reply.headers[name] = value
    return reply


@blueprint.context_processor
def common() -> dict[str, Any]:
    """Return what every template may use."""
    session, me = g.get("session", ""), g.get("me")
    return {
        **show.HELPERS,
        "me": me,
        "is_admin": bool(me and Role(me["modelsync"]["role"]).includes(Role.ADMIN)),
        "key": lambda: _KEY.format(sessions.form_key(session)),
        "asset": lambda file: url_for("pages.asset", file=file, v=modelsync_jupyter.__version__),
    }


def done(endpoint: str, said: str, **values: str) -> Response:
    """Redirect to a page that says that a form was carried out.

    Args:
        endpoint: The page.
        said: A key of `show.DONE`.
        values: The variable words of its path.
    """
    address = url_for(f"pages.{endpoint}", **values, done=said)  # type: ignore[arg-type]
    return make_response(redirect(address, 303))


def field(name: str) -> str:
    """Return a field of the form that was sent, without spaces around it."""
    return request.form.get(name, "").strip()


def check_typed(expected: str) -> None:
    """Require that a person has typed what is about to be deleted.

    Raises:
        BadRequest: They have not.
    """
    if field("confirm") != expected:
        raise BadRequest(f"nothing was deleted: to confirm, type `{expected}`")


def _form(error: ApiError | None = None) -> Response:
    seed = request.cookies.get(_cookie("form"), "") or secrets.token_urlsafe(16)
    here = request.form.get("next", "") or request.args.get("next", "")
    secure = request.is_secure or request.host.partition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
    key = sessions.form_key(seed)
    reply = make_response(render_template("sign-in.html", error=error, next=here, key=key, secure=secure))
    _set_cookie(reply, _cookie("form"), seed, None)
    return reply


def _check_form(session: str, most: int = _MAX_FORM) -> None:
    """Accept a form that one of our pages made for this browser.

    Args:
        session: What the form has to be of.
        most: Bytes that it may have.

    Raises:
        Forbidden: Another site sent it, or the page was made for an earlier session.
    """
    request.max_content_length = request.max_form_memory_size = most
    request.max_form_parts = _MAX_FIELDS
    if not session or not sessions.is_form_key(session, request.form.get("form_key", "")):
        raise Forbidden("this form is not of your session", "Go back, reload the page, and try again.")


def _refusal(status: int, said: dict[str, Any]) -> Response:
    if status == 401:
        reply = _to_sign_in()
        reply.delete_cookie(_cookie(), path=_path())
        return reply
    facts = said.get("modelsync") or {}
    message, step = str(facts.get("message") or said.get("error", "")), str(facts.get("step", ""))
    reply = make_response(render_template("error.html", status=status, message=message, step=step))
    reply.status_code = status
    return reply


def _to_sign_in() -> Response:
    here = request.full_path.rstrip("?") if request.method == "GET" else ""
    address = url_for("pages.sign_in_form", next=here if here not in ("", "/") else None)
    return make_response(redirect(address, 303))


def _local(address: str) -> str:
    """Return an address if it is one of this registry, else that of the first page."""
    parts = urlsplit(address)
    local = address.startswith("/") and not (parts.scheme or parts.netloc) and not address.startswith(("//", "/\\"))
    return address if local and address.isprintable() else "/"


def _cookie(kind: str = "session") -> str:
    """Name a cookie so that two registries on one host, at two ports, do not overwrite each other's."""
    mark = hmac.new(current().signer.secret, b"cookie", hashlib.sha256).hexdigest()[:8]
    return f"modelsync-{kind}-{mark}"


def _set_cookie(reply: Response, name: str, value: str, seconds: int | None) -> None:
    reply.set_cookie(
        name, value, max_age=seconds, path=_path(), httponly=True, secure=request.is_secure, samesite="Lax"
    )


def _path() -> str:
    return request.root_path or "/"
