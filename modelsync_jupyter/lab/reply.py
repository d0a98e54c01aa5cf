"""Reply: values as JSON that any browser reads."""

from __future__ import annotations

import json
from http.client import responses
from typing import Any

from tornado.web import HTTPError

from modelsync_jupyter.core.errors import ModelSyncError
from modelsync_jupyter.core.plain import plain
from modelsync_jupyter.core.steps import advice

_HINTS = {
    403: "Sign in to Jupyter again: reload the page.",
    404: "The sidebar and the server extension may not match: install the same version of both, and reload the page.",
}


def to_json(value: Any) -> str:
    """Write a value as JSON; what JSON lacks becomes text (dates, other keys) or null (NaN).

    All of it is ASCII: a lone surrogate in somebody's metadata has no UTF-8, but it can be escaped.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return json.dumps(plain(value))


def status_of(error: BaseException | None, status: int) -> int:
    """Return the HTTP status to report an error with; `status` unless it is one of ours."""
    return error.http_status if isinstance(error, ModelSyncError) else status


def describe(error: BaseException | None, status: int) -> dict[str, object]:
    """Write an error as JSON: `code`, `message`, `hint` and `step`."""
    if isinstance(error, ModelSyncError):
        return error.to_dict()
    if isinstance(error, OSError) and error.strerror:
        place = f": `{error.filename}`" if error.filename else ""
        return ModelSyncError(f"{error.strerror}{place}.", step="See the log of the Jupyter server.").to_dict()
    if status >= 500:
        message = f"The server extension failed: {type(error).__name__}."
        return ModelSyncError(message, step="See the log of the Jupyter server, and report this as a bug.").to_dict()
    name = responses.get(status, "Error")
    said = error.log_message if isinstance(error, HTTPError) else None
    message = said % error.args if isinstance(error, HTTPError) and said and error.args else said or name
    hint = _HINTS.get(status, "")
    code = name.lower().replace(" ", "-")
    return {"code": code, "message": message, "hint": hint, "step": advice(hint).to_dict()}
