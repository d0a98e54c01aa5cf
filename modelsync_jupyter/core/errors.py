"""Every error of the project, on one page.

::

    ModelSyncError
    ├── UsageError               the call's words are off
    ├── InvalidTag               not `name:version`
    ├── ModelNotFound            no such model, here or there
    ├── ModelExists              the tag is taken
    ├── InvalidModel             model.yaml is missing, broken or names another tag
    ├── UnsafeArchive            a member would leave the model's folder, or is no file, folder or link
    ├── ModelChanged             files changed while they were being read
    ├── IntegrityError           bytes do not match their digest, size or structure       (retried per part)
    ├── DiskFull                 no space for the staged model
    ├── Cancelled                somebody asked the transfer to stop: a state, not a fault
    ├── TransferNotFound         no transfer has that id
    ├── TransferFailed           a background transfer ended in failure
    ├── NoContext                no endpoint or token to talk to
    ├── MissingDependency        an optional part is not installed
    └── RemoteError              the registry said no
        ├── NotAuthenticated     401: the token is missing, wrong or expired
        ├── PermissionDenied     403: the token is good, the role is not
        ├── RemoteNotFound       404: no such record
        ├── Conflict             400, 409 or 412: the record is not in that state
        ├── InvalidReply         the endpoint does not speak this protocol
        ├── UrlExpired           a presigned URL is no longer valid                      (signed again)
        ├── UploadLost           the server forgot the multipart upload                  (begun again)
        └── Unavailable          network fault, 408, 429, 5xx or a stalled connection    (retried)

Each class has a stable `code` for machines, a `hint` with the next step for people, the `http_status` with which a
server extension reports it, and says whether trying again may help.
"""

from __future__ import annotations


class ModelSyncError(Exception):
    """Base of all errors that a user can cause or should read.

    Args:
        message: What happened, to what; literals in backticks. Never a token or a presigned URL.
        hint: The next step; by default the one of the class.
    """

    code = "modelsync-error"
    hint = "This should not happen: please report it as a bug, with what you did."
    http_status = 500
    retryable = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint

    def to_dict(self) -> dict[str, str]:
        """The error as JSON: `code`, `message` and `hint`."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


class UsageError(ModelSyncError):
    code = "usage"
    hint = "See `modelsync --help`."
    http_status = 400


class InvalidTag(ModelSyncError):
    code = "invalid-tag"
    hint = "Write a tag as `name:version`: lower-case letters, digits, `.`, `_` and `-`, at most 63 characters each."
    http_status = 400


class ModelNotFound(ModelSyncError):
    code = "model-not-found"
    hint = "See what there is with `modelsync list` or `modelsync list --remote`."
    http_status = 404


class ModelExists(ModelSyncError):
    code = "model-exists"
    hint = "Choose another version, or delete the model first."
    http_status = 409


class InvalidModel(ModelSyncError):
    code = "invalid-model"
    hint = "Save the model again with `modelsync_jupyter.create` or `bentoml.models.create`."
    http_status = 422


class UnsafeArchive(ModelSyncError):
    code = "unsafe-archive"
    hint = "Nothing was installed. Ask whoever pushed this model to save and push it again."
    http_status = 422


class ModelChanged(ModelSyncError):
    code = "model-changed"
    hint = "Nothing was published. Push again when nothing writes to the model's folder."
    http_status = 409


class IntegrityError(ModelSyncError):
    retryable = True
    code = "integrity"
    hint = "Nothing was installed. Try again; if it stays, push the model again with `--force`."
    http_status = 502


class DiskFull(ModelSyncError):
    code = "disk-full"
    hint = "Free some space and run the same command again: it goes on where it stopped."
    http_status = 507


class Cancelled(ModelSyncError):
    code = "cancelled"
    hint = "Run the same command again: it goes on where it stopped."
    http_status = 409


class TransferNotFound(ModelSyncError):
    code = "transfer-not-found"
    hint = "See all transfers with `modelsync transfers`."
    http_status = 404


class TransferFailed(ModelSyncError):
    code = "transfer-failed"
    hint = "See its record with `modelsync transfers`."


class NoContext(ModelSyncError):
    code = "no-context"
    hint = "Sign in with `modelsync login ENDPOINT`, or set BENTO_CLOUD_API_ENDPOINT and BENTO_CLOUD_API_KEY."
    http_status = 401


class MissingDependency(ModelSyncError):
    code = "missing-dependency"
    hint = "Install it with `pip install 'modelsync_jupyter[server]'`."
    http_status = 501


class RemoteError(ModelSyncError):
    """The registry said no.

    Args:
        message: What happened.
        hint: The next step.
        status: HTTP status of the reply, if there was one.
    """

    code = "remote-error"
    hint = "Check the endpoint with `modelsync contexts`, and what the registry's log says."
    http_status = 502

    def __init__(self, message: str, *, hint: str | None = None, status: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class NotAuthenticated(RemoteError):
    code = "not-authenticated"
    hint = "Sign in again with `modelsync login`: the token is missing, wrong or expired."
    http_status = 401


class PermissionDenied(RemoteError):
    code = "permission-denied"
    hint = "Ask an admin of the registry for the right to do this."
    http_status = 403


class RemoteNotFound(RemoteError):
    code = "remote-not-found"
    hint = "See what the registry holds with `modelsync list --remote`."
    http_status = 404


class Conflict(RemoteError):
    code = "conflict"
    hint = "Look at the registry with `modelsync list --remote` and run the command again."
    http_status = 409


class InvalidReply(RemoteError):
    code = "invalid-reply"
    hint = "Check the endpoint with `modelsync contexts`: it does not answer like a model registry."


class UrlExpired(RemoteError):
    code = "url-expired"
    hint = "Check this machine's clock against the registry's."
    retryable = True


class UploadLost(RemoteError):
    code = "upload-lost"
    hint = "Run the same push again: it starts a new upload."


class Unavailable(RemoteError):
    """The registry or the network is not there now.

    Args:
        message: What happened.
        hint: The next step.
        status: HTTP status of the reply, if there was one.
        retry_after: Seconds the server asked to wait.
    """

    code = "unavailable"
    hint = "Check the network and the endpoint (`modelsync contexts`), then run it again: it goes on where it stopped."
    http_status = 503
    retryable = True

    def __init__(
        self, message: str, *, hint: str | None = None, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, status=status)
        self.retry_after = retry_after
