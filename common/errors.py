"""The one error tree.

    ClipBrowserError            code            HTTP status
     ├ InvalidInput             invalid_input           400
     ├ Unauthorized             unauthorized            401
     │  └ SecondFactorNeeded    second_factor_needed    401
     ├ Forbidden                forbidden               403
     │  └ SecondFactorRequired  second_factor_required  403
     ├ NotFound                 not_found               404
     ├ Conflict                 conflict                409
     │  ├ CaptionConflict       caption_conflict        409
     │  ├ NoCaptions            no_captions             409
     │  ├ NoSplit               no_split                409
     │  ├ NoIndex               no_index                409
     │  ├ CannotResume          cannot_resume           409
     │  ├ AlreadyRunning        already_running         409
     │  └ NewerSchema           newer_schema            409
     ├ MethodNotAllowed         method_not_allowed      405
     ├ RequestTimeout           request_timeout         408
     ├ TooLarge                 too_large               413
     ├ UnsupportedMedia         unsupported_media_type  415
     ├ TooManyRequests          too_many_requests       429
     ├ Internal                 internal                500
     │  ├ WorkerLost            worker_lost             500
     │  ├ TrainingFailedToStart training_failed_to_start 500
     │  ├ TrainingDiverged      training_diverged       500
     │  ├ GpuOutOfMemory        gpu_out_of_memory       500
     │  ├ LlmFailed             llm_failed              500
     │  ├ ArtifactDamaged       artifact_damaged        500
     │  └ DiskFull              disk_full               507
     └ Unavailable              unavailable             503
        ├ DatabaseUnavailable   database_unavailable    503
        ├ StoreUnavailable      store_unavailable       503
        ├ QueueUnavailable      queue_unavailable       503
        └ SearchUnavailable     search_unavailable      503

Each carries a `message` (what happened, with the value) and a `remedy` (what to do next).
A job that fails keeps the same three fields, so the dashboard, the API and the terminal say the same words.
"""

from __future__ import annotations

from typing import Any, ClassVar


class ClipBrowserError(Exception):
    """Base of every error that a user may see."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    default_remedy: ClassVar[str] = ""

    def __init__(
        self, message: str, *, remedy: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.details = details

    def to_dict(self) -> dict[str, Any]:
        """`{code, message, remedy, details?}`, the shape of every error on the wire."""
        shape: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
        }
        if self.details is not None:
            shape["details"] = self.details
        return shape


class InvalidInput(ClipBrowserError):
    """Raised when a value from outside does not fit; the message gives the value and the limit."""

    code, status = "invalid_input", 400


class Unauthorized(ClipBrowserError):
    """Raised when a request carries no valid token, cookie or sign-in link."""

    code, status = "unauthorized", 401
    default_remedy = "Sign in, or send a token as 'Authorization: Bearer TOKEN'."


class SecondFactorNeeded(Unauthorized):
    """Raised when the password was right and a code is needed as well."""

    code = "second_factor_needed"


class Forbidden(ClipBrowserError):
    """Raised when the signed-in person may not do this."""

    code, status = "forbidden", 403
    default_remedy = "Ask an administrator of this CLIP Browser."


class SecondFactorRequired(Forbidden):
    """Raised when the signed-in person has to set up a second factor before anything else."""

    code = "second_factor_required"


class NotFound(ClipBrowserError):
    """Raised when the thing named does not exist (or no longer does)."""

    code, status = "not_found", 404
    default_remedy = "Check the name; it may have been deleted."


class Conflict(ClipBrowserError):
    """Raised when the request does not fit the state the thing is in."""

    code, status = "conflict", 409


class CaptionConflict(Conflict):
    """Raised when somebody saved another caption since `base_revision`; details hold `current`."""

    code = "caption_conflict"
    default_remedy = "Look at both captions and save the one you want."


class NoCaptions(Conflict):
    """Raised when a step needs captions and there are none ("No index.csv found")."""

    code = "no_captions"
    default_remedy = "Caption images first, or import captions from a file."


class NoSplit(Conflict):
    """Raised when training or augmentation is asked for before the split."""

    code = "no_split"
    default_remedy = "Split the captions into training and validation first."


class NoIndex(Conflict):
    """Raised when a dataset is searched with a model that has no index of it."""

    code = "no_index"
    default_remedy = "Build the index of this dataset with this model first."


class CannotResume(Conflict):
    """Raised when a job cannot go on from where it was: what it began with is no longer there."""

    code = "cannot_resume"
    default_remedy = "Retry it: it begins from the start, with what is there now."


class AlreadyRunning(Conflict):
    """Raised when a second instance wants what a running one holds."""

    code = "already_running"


class NewerSchema(Conflict):
    """Raised at the start when a newer version has changed the database's schema."""

    code = "newer_schema"


class RequestTimeout(ClipBrowserError):
    """Raised when a body comes so slowly that it would hold a thread for others."""

    code, status = "request_timeout", 408


class TooLarge(ClipBrowserError):
    """Raised when an upload is over the limit."""

    code, status = "too_large", 413


class MethodNotAllowed(ClipBrowserError):
    """Raised when an address does not take this method."""

    code, status = "method_not_allowed", 405
    default_remedy = "Look at /openapi.json for the methods of this address."


class UnsupportedMedia(ClipBrowserError):
    """Raised when the body's content type is not the one this address takes."""

    code, status = "unsupported_media_type", 415


class TooManyRequests(ClipBrowserError):
    """Raised when somebody tries too often, or too many at once; details may hold `retry_after_s`."""

    code, status = "too_many_requests", 429
    default_remedy = "Wait a minute, then try again."


class Internal(ClipBrowserError):
    """Raised for a fault of ours: the log holds the traceback."""

    code, status = "internal", 500
    default_remedy = "Try again; if it happens again, send the log to whoever runs the service."


class WorkerLost(Internal):
    """Raised when a job's worker died as often as the job may be tried."""

    code = "worker_lost"
    default_remedy = "Look at the workers page, then retry the job; it goes on where it can."


class TrainingFailedToStart(Internal):
    """Raised when a training cannot begin: weights, data or settings are not there."""

    code = "training_failed_to_start"


class TrainingDiverged(Internal):
    """Raised when the loss is no longer a number."""

    code = "training_diverged"
    default_remedy = "Train again with a lower learning rate."


class GpuOutOfMemory(Internal):
    """Raised when a training does not fit the GPU's memory."""

    code = "gpu_out_of_memory"
    default_remedy = "Use a smaller batch size or a smaller model, or close other GPU programs."


class LlmFailed(Internal):
    """Raised when the language model for paraphrases cannot be used."""

    code = "llm_failed"
    default_remedy = "Use synonyms instead, or check vLLM, the model and the free disk space."


class ArtifactDamaged(Internal):
    """Raised when a stored file is not what was stored: its size or its hash is another."""

    code = "artifact_damaged"
    default_remedy = "Try again; if it happens again, check the disk and the store that hold it."


class DiskFull(Internal):
    """Raised when there is no space left to write, or a quota is used up; details may hold the bytes."""

    code, status = "disk_full", 507
    default_remedy = "Free some disk space, then retry; what was saved before is still there."


class Unavailable(ClipBrowserError):
    """Raised when a part of the service cannot be reached right now."""

    code, status = "unavailable", 503
    default_remedy = "Try again in a moment."


class DatabaseUnavailable(Unavailable):
    """Raised when the database does not answer."""

    code = "database_unavailable"
    default_remedy = "Nothing is lost: try again in a moment; /readyz says what is missing."


class StoreUnavailable(Unavailable):
    """Raised when the artifact store does not answer."""

    code = "store_unavailable"


class QueueUnavailable(Unavailable):
    """Raised when Redis does not answer."""

    code = "queue_unavailable"


class SearchUnavailable(Unavailable):
    """Raised when no search worker answers in time."""

    code = "search_unavailable"


def _tree(root: type[ClipBrowserError]) -> dict[str, type[ClipBrowserError]]:
    known = {root.code: root}
    for child in root.__subclasses__():
        known.update(_tree(child))
    return known


def error_from_dict(shape: dict[str, Any]) -> ClipBrowserError:
    """The error of a dict made by `to_dict`; an unknown code becomes `Internal`."""
    kind = _tree(ClipBrowserError).get(str(shape.get("code")), Internal)
    return kind(
        str(shape.get("message", "")),
        remedy=str(shape.get("remedy", "")),
        details=shape.get("details"),
    )
