"""Every error of the project, on one page.

::

    ModelSyncError
    ├── UsageError               the call's words are off
    ├── InvalidTag               not `name:version`
    ├── ModelNotFound            no such model, here or there
    ├── ModelExists              the tag is taken
    ├── InvalidModel             model.yaml is missing, broken or names another tag
    ├── UnsafeArchive            a member would leave the model's folder, or is not a file, folder or link
    ├── UnsafeModel              loading it would run what no model needs
    ├── ModelChanged             files changed while they were being read
    ├── IntegrityError           bytes do not match their digest, size or structure       (retried per part)
    ├── DiskFull                 no space for the staged model
    ├── Cancelled                a stop was requested: a state, not a fault
    │   └── Paused               … for now
    ├── TransferNotFound         no transfer has that id
    ├── TransferFailed           a background transfer ended in failure
    ├── NoContext                no endpoint or token to talk to
    ├── MissingDependency        an optional part is not installed
    └── RemoteError              the registry said no
        ├── NotAuthenticated     401: the token is missing, invalid or expired
        ├── PermissionDenied     403: the token is good, the role is not
        ├── RemoteNotFound       404: no such record
        ├── Conflict             400, 409, 412 or 422: the record is not in that state
        ├── InvalidReply         the endpoint does not speak this protocol
        ├── Unsupported          only registries of ours can do it
        ├── UrlExpired           a presigned URL is no longer valid                      (signed again)
        ├── UploadLost           the server forgot the multipart upload                  (begun again)
        └── Unavailable          network fault, 408, 425, 429, most 5xx, or a stall       (retried)

Each class has a stable `code` for machines, a `step` to take next, the `http_status` with which a server extension
reports it, and says whether trying again may help. No message and no step names a command: that is up to each face.
"""

from __future__ import annotations

from .marked import as_lines
from .steps import Step, advice

#: What to do where a registry knows no such model, or does not say so to everybody.
NOT_LISTED = (
    "Check the name in the registry's list of models; a private model is listed only for those who have access."
)


class ModelSyncError(Exception):
    """Base of all errors that a user can cause or should read.

    Args:
        message: What happened, to what; literals in backticks. Never a token or a presigned URL.
        step: What to do next; by default the step of the class. A text stands for advice without a command.
    """

    code = "modelsync-error"
    step = advice("This should not happen. Please report it as a bug, with what you did.")
    http_status = 500
    retryable = False
    #: Whether the doctor is likely to find the cause.
    diagnosable = False
    #: Set where an attempt was repeated as often as it may be.
    gave_up = False

    def __init__(self, message: str, step: Step | str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if step is not None:
            self.step = advice(step) if isinstance(step, str) else step

    @property
    def hint(self) -> str:
        """The next step in words that fit every face."""
        return self.step.text

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback of this package: what happened, in which line of the cell,
        and what to do next.
        """
        line, trace = 0, self.__traceback__
        while trace:
            if trace.tb_frame.f_globals.get("__name__") == "__main__":
                line = trace.tb_lineno
            trace = trace.tb_next
        where = f" (line {line} of the cell)" if line else ""
        return as_lines([f"{type(self).__name__}{where}: {self.message}", self.hint])

    def __str__(self) -> str:
        return " ".join(filter(None, (self.message, self.hint)))

    def to_dict(self) -> dict[str, object]:
        """Return the error as JSON: `code`, `message`, `hint` and `step`."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "step": self.step.to_dict()}


class UsageError(ModelSyncError):
    """The call's words are wrong: an option, a value, or how they go together."""

    code = "usage"
    step = Step("help", "Check the spelling and the options.")
    http_status = 400


class InvalidTag(ModelSyncError):
    """A text is not `name` or `name:version`."""

    code = "invalid-tag"
    step = advice(
        "Write a tag as `name:version`: lower-case letters, digits, `.`, `_` and `-`, at most 63 characters each."
    )
    http_status = 400


class ModelNotFound(ModelSyncError):
    """There is no such model, in the local store or in the registry."""

    code = "model-not-found"
    step = Step("list", "Check the name in the list of models.")
    http_status = 404


class ModelExists(ModelSyncError):
    """The tag, or the place to write to, is taken."""

    code = "model-exists"
    step = advice("Choose another version, or delete the model first.")
    http_status = 409


class InvalidModel(ModelSyncError):
    """A model.yaml is missing, broken or names another tag, or a folder cannot be sent."""

    code = "invalid-model"
    step = advice("Save the model again with `modelsync_jupyter.create` or `bentoml.models.create`.")
    http_status = 422


class UnsafeArchive(ModelSyncError):
    """A member of an archive would leave the model's folder, or is not a file, folder or link."""

    code = "unsafe-archive"
    step = advice("Nothing was installed. Ask the person who pushed this model to save and push it again.")
    http_status = 422


class UnsafeModel(ModelSyncError):
    """Loading a model would run what no model needs."""

    code = "unsafe-model"
    step = advice("Ask its author for safetensors. If you trust it as you trust a program, say so with `trust=True`.")
    http_status = 422


class ModelChanged(ModelSyncError):
    """Files changed while they were being read."""

    code = "model-changed"
    step = Step("retry", "Nothing was published. Push again when nothing writes to the model's folder.")
    http_status = 409


class IntegrityError(ModelSyncError):
    """Bytes do not match their digest, size or structure. Retried for each part."""

    retryable = True
    code = "integrity"
    step = Step(
        "retry", "Nothing was installed. Try again; if that fails too, ask whoever pushed the model to do so again."
    )
    http_status = 502


class DiskFull(ModelSyncError):
    """There is no space left."""

    diagnosable = True
    code = "disk-full"
    step = Step("retry", "Free some space and try again; a transfer will resume where it left off.")
    http_status = 507


class Cancelled(ModelSyncError):
    """A stop was requested: a state, not a fault."""

    code = "cancelled"
    step = Step("retry", "Start it again to resume where it left off.")
    http_status = 409


class Paused(Cancelled):
    """A stop was requested, for now."""

    code = "paused"
    step = Step("retry", "Resume it to continue where it left off.")


class TransferNotFound(ModelSyncError):
    """No transfer has that id."""

    code = "transfer-not-found"
    step = Step("transfers", "Check the id in the list of transfers.")
    http_status = 404


class TransferFailed(ModelSyncError):
    """A transfer in the background, or one version of a sync, failed."""

    code = "transfer-failed"
    step = Step("transfers", "Its record in the list of transfers says why.")


class NoContext(ModelSyncError):
    """There is no endpoint, or no token, to talk to a registry with."""

    diagnosable = True
    code = "no-context"
    step = Step("login", "Sign in to a registry, or set BENTO_CLOUD_API_ENDPOINT and BENTO_CLOUD_API_KEY.")
    http_status = 401


class MissingDependency(ModelSyncError):
    """An optional package is not installed."""

    code = "missing-dependency"
    step = advice("Install it with `pip install 'modelsync_jupyter[server]'`.")
    http_status = 501


class RemoteError(ModelSyncError):
    """The registry said no.

    Args:
        message: What happened.
        step: The next step.
        status: HTTP status of the reply, if there was one.
    """

    code = "remote-error"
    diagnosable = True
    step = Step("contexts", "Check the registry's address and its log.")
    http_status = 502

    def __init__(self, message: str, step: Step | str | None = None, *, status: int | None = None) -> None:
        super().__init__(message, step)
        self.status = status


class NotAuthenticated(RemoteError):
    """The token is missing, invalid or expired."""

    code = "not-authenticated"
    step = Step("login", "Sign in again: your token is missing, invalid or has expired.")
    http_status = 401


class PermissionDenied(RemoteError):
    """The token is valid, but its role does not allow this."""

    diagnosable = False
    code = "permission-denied"
    step = advice("Ask an admin of the registry for the right to do this.")
    http_status = 403


class RemoteNotFound(RemoteError):
    """The registry has no such record, or none that the caller may know of."""

    diagnosable = False
    code = "remote-not-found"
    step = Step("list-remote", "Check the name in the registry's list of models.")
    http_status = 404


class Conflict(RemoteError):
    """The registry's record is not in a state that allows this."""

    diagnosable = False
    code = "conflict"
    step = Step("list-remote", "Check what the registry has, then try again.")
    http_status = 409


class InvalidReply(RemoteError):
    """The endpoint does not speak this protocol."""

    code = "invalid-reply"
    step = Step("contexts", "Check the address: it does not answer like a model registry.")


class Unsupported(RemoteError):
    """Only registries of ours can do this."""

    diagnosable = False
    code = "unsupported"
    step = advice("Do it in the registry's own pages, or use a registry of modelsync_jupyter.")
    http_status = 422


class UrlExpired(RemoteError):
    """A presigned URL is no longer valid. Signed again."""

    code = "url-expired"
    step = advice("Compare this machine's clock with the registry's.")
    retryable = True


class UploadLost(RemoteError):
    """The server forgot the upload. Begun again."""

    code = "upload-lost"
    step = Step("retry", "Push again: that starts a new upload.")


#: What servers answer that have too much to do.
_BUSY = (408, 425, 429, 503, 504)


class Unavailable(RemoteError):
    """The registry or the network is not there now.

    Args:
        message: What happened.
        step: The next step.
        status: HTTP status of the reply, if there was one.
        retry_after: Seconds the server asked to wait.
        late: Whether there was no answer in time.
    """

    code = "unavailable"
    step = Step("retry", "Check the network and the address, then try again; a transfer will resume where it left off.")
    http_status = 503
    retryable = True

    def __init__(
        self,
        message: str,
        step: Step | str | None = None,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        late: bool = False,
    ) -> None:
        super().__init__(message, step, status=status)
        self.retry_after = retry_after
        self._late = late

    @property
    def busy(self) -> bool:
        """Whether fewer requests at a time might have been answered."""
        return self._late or self.status in _BUSY
