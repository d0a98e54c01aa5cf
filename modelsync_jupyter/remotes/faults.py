"""What a status means. Replies are told apart by status; by text only where Yatai gives us nothing else."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from modelsync_jupyter.core.errors import (
    Conflict,
    IntegrityError,
    InvalidReply,
    ModelSyncError,
    NotAuthenticated,
    PermissionDenied,
    RemoteNotFound,
    Unavailable,
    UploadLost,
    UrlExpired,
)
from modelsync_jupyter.core.steps import Step

_LONGEST_TEXT = 300
_BUSY = (408, 425, 429)


def check_api(reply: requests.Response, token: str) -> None:
    """Raise what a reply of the API says unless it says success; the token is never repeated."""
    if 200 <= reply.status_code < 300:
        return
    raise _api_error(reply, _text(reply, token))


def check_object(reply: requests.Response) -> None:
    """Raise what a reply of an object host says unless it says success."""
    status = reply.status_code
    if 200 <= status < 300:
        return
    what = f"{urlsplit(reply.url).hostname} answered {status}"
    if status in _BUSY or status >= 500:
        raise Unavailable(f"{what}.", status=status, retry_after=_retry_after(reply))
    if status in (401, 403):
        raise UrlExpired(f"{what} to a presigned URL.", status=status)
    if status == 404:
        lost = "Upload" in _text(reply)
        raise (UploadLost if lost else RemoteNotFound)(f"{what}: the object is not there.", status=status)
    if status == 412:
        raise Conflict("The archive was replaced while it was being read.", status=status)
    if status in (400, 416):
        raise IntegrityError(f"{what}: {_text(reply) or 'the bytes are not what was announced'}.")
    raise InvalidReply(f"{what}.", status=status)


def _api_error(reply: requests.Response, text: str) -> ModelSyncError:
    status, low = reply.status_code, text.lower()
    what = f"The registry answered {status}" + (f": {text}" if text else "")
    if 300 <= status < 400:
        where = urlsplit(reply.headers.get("Location", ""))
        return InvalidReply(
            f"The endpoint sends us on to `{where.scheme}://{where.hostname}`.",
            step=Step("login", "Sign in with that address."),
            status=status,
        )
    if status in _BUSY or (status >= 500 and status != 501):
        return Unavailable(f"{what}.", status=status, retry_after=_retry_after(reply))
    if status == 401 or "api token" in low or (status == 403 and ("expired" in low or "cookie is empty" in low)):
        return NotAuthenticated(f"{what}.", status=status)
    if status == 403 or (status == 400 and "permission" in low):
        return PermissionDenied(f"{what}.", status=status)
    if status == 404 and "upload" in low:
        return UploadLost(f"{what}.", status=status)
    if status == 404 or "record not found" in low:
        return RemoteNotFound(f"{what}.", status=status)
    if status in (400, 409, 412, 413, 422):
        return Conflict(f"{what}.", status=status)
    return InvalidReply(f"{what}.", status=status)


def _text(reply: requests.Response, secret: str = "") -> str:
    """The error text of a reply in one line, less secrets: of its JSON, or of its XML; nothing else is fit to show."""
    try:
        text = next(reply.iter_content(65536), b"").decode("utf-8", "replace")
    except requests.RequestException:
        return ""
    try:
        data = json.loads(text)
        text = str(data.get("error") or data.get("message") or "") if isinstance(data, dict) else ""
    except (ValueError, RecursionError):
        text = " ".join(re.findall("<(?:Code|Message)>([^<]*)<", text))
    text = re.sub(r"\?\S+", "?***", text.replace(secret, "***") if secret else text)
    return " ".join(text.split())[:_LONGEST_TEXT].rstrip(".")


def _retry_after(reply: requests.Response) -> float | None:
    value = reply.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(timezone.utc)).total_seconds())
    except (TypeError, ValueError):
        return None
