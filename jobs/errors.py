"""Errors of the job store.

JobsError
├── StoreUnavailable      Redis cannot be reached or is refusing writes; try again later
├── QueueFull             the whole queue is at its limit
├── QuotaExceeded         this owner is at one of its limits
├── JobNotFound           no such job for this owner
├── WrongState            the job is not in a state that allows this
├── InputsGone            the pictures of the job are no longer kept
├── KeyInUse              a request with this idempotency key is still being served
├── KeyReused             this idempotency key belongs to another request
├── UnreadableRecord      a record of a version that this release cannot read, or a damaged one
└── BlobError
    ├── BlobNotFound      no such blob
    ├── BlobTooLarge      larger than this storage takes
    ├── StorageFull       no room left
    └── StorageUnavailable the storage cannot be reached or cannot be written
        └── StorageMisconfigured the settings name no storage that could be used
"""

# ruff: noqa: N818 - the names say what happened, as JobNotFound; "Error" would add nothing
from __future__ import annotations


class JobsError(Exception):
    """Base of the errors of this package; the text may be shown to a client."""


class StoreUnavailable(JobsError):
    """Redis cannot be reached or refuses writes."""

    def __init__(self, message: str = "The job store is not available.") -> None:
        super().__init__(message)


class QueueFull(JobsError):
    """The whole queue is at its limit."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The queue is full ({limit} jobs are waiting).")
        self.limit = limit


class QuotaExceeded(JobsError):
    """One owner is at one of its limits; `quota` is "queued" or "per_day"."""

    def __init__(self, quota: str, limit: int) -> None:
        super().__init__(f"The limit of {limit} jobs ({quota.replace('_', ' ')}) of this key is reached.")
        self.quota = quota
        self.limit = limit


class JobNotFound(JobsError):
    """No such job, or it belongs to another owner."""

    def __init__(self, job_id: str) -> None:
        super().__init__("There is no such job.")
        self.job_id = job_id


class WrongState(JobsError):
    """The job is not in a state that allows what was asked."""

    def __init__(self, job_id: str, status: str, wish: str) -> None:
        super().__init__(f"A job that is {status} cannot be {wish}.")
        self.job_id = job_id
        self.status = status


class InputsGone(JobsError):
    """The pictures of the job are no longer kept."""

    def __init__(self, job_id: str) -> None:
        super().__init__("The pictures of this job are no longer kept.")
        self.job_id = job_id


class KeyInUse(JobsError):
    """A request with the same idempotency key is still being served."""

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still being served.")


class KeyReused(JobsError):
    """The idempotency key was used before with a different request."""

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used with a different request.")


class UnreadableRecord(JobsError):
    """A record that this release cannot read."""

    def __init__(self, job_id: str, reason: str) -> None:
        super().__init__(f"The record of this job cannot be read: {reason}.")
        self.job_id = job_id


class BlobError(JobsError):
    """Base of the errors of the picture storage."""


class BlobNotFound(BlobError):
    """No such blob."""

    def __init__(self, name: str) -> None:
        super().__init__("The picture is not in the storage.")
        self.name = name


class BlobTooLarge(BlobError):
    """Larger than this storage takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The storage takes no more than {limit} bytes for one picture.")
        self.limit = limit


class StorageFull(BlobError):
    """No room left for pictures."""

    def __init__(self) -> None:
        super().__init__("There is no room left for pictures.")


class StorageUnavailable(BlobError):
    """The storage cannot be reached or cannot be written."""

    def __init__(self, reason: str = "it cannot be reached") -> None:
        super().__init__(f"The picture storage is not available: {reason}.")


class StorageMisconfigured(StorageUnavailable):
    """The settings name no storage that could be used; waiting does not help."""
