"""Errors of the job store.

JobsError
├── StoreUnavailable              Redis cannot be reached or refuses writes; try again later
├── QueueFull                     the queue has reached its limit
├── QuotaExceeded                 the owner has reached one of its limits
├── JobNotFound                   the owner has no such job
├── WrongState                    the job is in a state that does not allow this
├── KeyInUse                      a request with this idempotency key is still being served
├── KeyReused                     this idempotency key belongs to another request
├── UnreadableRecord              the record is damaged or of a newer version
└── BlobError
    ├── BlobNotFound              there is no such blob
    ├── BlobTooLarge              the blob is larger than the storage allows
    ├── StorageFull               there is no space left
    └── StorageUnavailable        the storage cannot be reached or written
        └── StorageMisconfigured  the settings name no storage that can be used
"""

# ruff: noqa: N818 - names such as JobNotFound say what happened; "Error" would add nothing
from __future__ import annotations

from jobs.status import Status


class JobsError(Exception):
    """Base class of the errors of this package; the text may be shown to a client."""


class StoreUnavailable(JobsError):
    """Redis cannot be reached or refuses writes.

    `refused` tells that it has answered, and nothing was written; otherwise the write may have happened.
    """

    def __init__(self, message: str = "The job store is not available.", *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class QueueFull(JobsError):
    """The queue has reached its limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The queue is full ({limit} jobs are waiting).")
        self.limit = limit


class QuotaExceeded(JobsError):
    """An owner has reached one of its limits; `quota` is "queued", "per_day" or "assets"."""

    def __init__(self, quota: str, limit: int) -> None:
        what = quota if quota == "assets" else f"jobs {quota.replace('_', ' ')}"
        super().__init__(f"This key has reached its limit of {limit} {what}.")
        self.quota = quota
        self.limit = limit


class JobNotFound(JobsError):
    """There is no such job, or it belongs to another owner."""

    def __init__(self, job_id: str) -> None:
        super().__init__("There is no such job.")
        self.job_id = job_id


class WrongState(JobsError):
    """The job is in a state that does not allow the operation."""

    def __init__(self, job_id: str, status: str, operation: str) -> None:
        verb = "has" if status in (Status.SUCCEEDED, Status.FAILED) else "is"
        super().__init__(f"A job that {verb} {status} cannot be {operation}.")
        self.job_id = job_id
        self.status = status


class KeyInUse(JobsError):
    """A request with the same idempotency key is still being served."""

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still being served.")


class KeyReused(JobsError):
    """The idempotency key was used before with a different request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with a different request.")


class UnreadableRecord(JobsError):
    """A record is damaged, or a newer version of nst wrote it."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"The record of this job cannot be read: {reason}.")
        self.job_id = job_id


class BlobError(JobsError):
    """Base class of the errors of the picture storage."""


class BlobNotFound(BlobError):
    """There is no such blob."""

    def __init__(self, name: str) -> None:
        super().__init__("The picture is not in the storage.")
        self.name = name


class BlobTooLarge(BlobError):
    """The blob is larger than the storage allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The storage accepts at most {limit} bytes for a picture.")
        self.limit = limit


class StorageFull(BlobError):
    """There is no space left for pictures."""

    def __init__(self) -> None:
        super().__init__("There is no space left for pictures.")


class StorageUnavailable(BlobError):
    """The storage cannot be reached or written."""

    def __init__(self, reason: str = "it cannot be reached") -> None:
        super().__init__(f"The picture storage is not available: {reason}.")


class StorageMisconfigured(StorageUnavailable):
    """The settings name no storage that can be used; waiting does not help."""
