"""Errors of the registry and their status codes.

::

    ApiError
    ├── BadRequest    400  the request is wrong, or the record is not in that state
    ├── Unauthorized  401  no token, or not a valid one
    ├── Forbidden     403  the role is too low, or a presigned URL is expired or forged
    ├── NotFound      404  no such record, or none that the caller may know of
    ├── Conflict      409  the record is no longer what the request expects it to be
    ├── Precondition  412  a precondition such as If-Match does not hold
    ├── TooLarge      413  the body has more bytes than this endpoint takes
    ├── TooMany       429  too many sign-ins failed, or requests take long at once
    ├── Again         503  the bytes have to be sent again
    └── Full          507  the disk is full

Errors of `core` that a client's bytes or words cause (InvalidTag, InvalidModel, IntegrityError) are answered as 400.
"""

from __future__ import annotations

from collections.abc import Mapping


class ApiError(Exception):
    """A reply other than 200.

    Args:
        message: What is wrong, for the `error` of the reply.
        step: What to do next, as a sentence: to sign in again, or whom to ask. By default the step of the class.

    Attributes:
        code: What kind of refusal it is, for programs.
        said: What else the reply says, for clients of ours.
    """

    status = 500
    code = "error"
    step = ""
    said: Mapping[str, object] = {}

    def __init__(self, message: str, step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.step = step or self.step


class BadRequest(ApiError):
    """The request is wrong, or the record is not in that state."""

    status = 400
    code = "bad-request"


class Unauthorized(ApiError):
    """There is no token, or not a valid one."""

    status = 401
    code = "not-authenticated"
    step = "Sign in with a valid token."


class Forbidden(ApiError):
    """The role is too low, or a presigned URL is expired or forged."""

    status = 403
    code = "permission-denied"


class NotFound(ApiError):
    """There is no such record, or none that the caller may know of."""

    status = 404
    code = "not-found"


class Conflict(ApiError):
    """The record is no longer what the request expects it to be."""

    status = 409
    code = "conflict"


class Precondition(ApiError):
    """A precondition such as If-Match does not hold."""

    status = 412
    code = "precondition-failed"


class TooLarge(ApiError):
    """The body has more bytes than this endpoint takes."""

    status = 413
    code = "too-large"


class TooMany(ApiError):
    """Too many sign-ins have failed, or too many requests of one user take long.

    Args:
        message: What is wrong.
        seconds: How long to wait.
        then: What to do then.
    """

    status = 429
    code = "too-many-requests"

    def __init__(self, message: str, seconds: int, then: str = "sign in with a valid token") -> None:
        super().__init__(message, f"Wait {seconds} s, then {then}.")
        self.seconds = seconds


class Again(ApiError):
    """The bytes have to be sent again."""

    status = 503
    code = "again"


class Full(ApiError):
    """The disk is full."""

    status = 507
    code = "disk-full"
