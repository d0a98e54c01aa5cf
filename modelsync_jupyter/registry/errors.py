"""Errors of the registry and their status codes.

::

    ApiError
    ├── BadRequest    400  the request is wrong, or the record is not in that state
    ├── Unauthorized  401  no token, or not a valid one
    ├── Forbidden     403  the role is too low, or a presigned URL is expired or forged
    ├── NotFound      404  no such record
    ├── Moved         409  the record is no longer what the request expects it to be
    ├── Failed        412  a precondition such as If-Match does not hold
    ├── Again         503  the bytes have to be sent again
    └── Full          507  the disk is full

Errors of `core` that a client's bytes or words cause (InvalidTag, InvalidModel, IntegrityError) are answered as 400.
"""

from __future__ import annotations


class ApiError(Exception):
    """A reply other than 200.

    Args:
        message: What is wrong, for the `error` of the reply.
    """

    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(ApiError):
    status = 400


class Unauthorized(ApiError):
    status = 401


class Forbidden(ApiError):
    status = 403


class NotFound(ApiError):
    status = 404


class Failed(ApiError):
    status = 412


class Moved(ApiError):
    status = 409


class Again(ApiError):
    status = 503


class Full(ApiError):
    status = 507
