"""Links to objects on the origin that the client itself used."""

from __future__ import annotations

from flask import request

from ..service import current


def presigned(method: str, path: str) -> str:
    """A URL that lets whoever has it use `method` on `path`, for a while.

    Args:
        method: "GET" or "PUT".
        path: From `url_for`, so with the prefix under which a proxy shows us.
    """
    inner = path[len(request.root_path.rstrip("/")) :]
    return f"{request.host_url.rstrip('/')}{path}?{current().signer.sign(method, inner)}"


def check_presigned(method: str) -> None:
    """Accept a request whose URL we presigned.

    Raises:
        Forbidden: The URL is forged or expired.
    """
    current().signer.check(method, request.path, request.args)
