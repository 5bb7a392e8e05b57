"""What can go wrong between a program and the service.

ClientError
    NotReachableError    no answer, after every retry
    ServiceError         the service refused; `.status`, `.code`, `.errors`, `.request_id`
    JobEndedError        the job failed or was canceled; `.job`
    WaitedTooLongError   the job had not ended in time; `.job`
    WebhookError         a webhook that did not come from the service, or too late
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_client.job import Job


class ClientError(Exception):
    """Carry a message for people."""


class NotReachableError(ClientError):
    """There is no answer."""


class ServiceError(ClientError):
    """The service refused a request; `errors` maps pointers to what is wrong there."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail") or problem.get("title") or f"status {status}")
        self.request_id = str(problem.get("request_id", ""))
        self.errors = {str(item.get("pointer")): str(item.get("detail")) for item in problem.get("errors") or ()}
        told = "; ".join(f"{pointer.removeprefix('#/')}: {detail}" for pointer, detail in self.errors.items())
        super().__init__(told or self.detail)


class JobEndedError(ClientError):
    """The job ended without a picture."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"the job {job.status}: {job.error_message}" if job.error_message else f"the job {job.status}")
        self.job = job


class WaitedTooLongError(ClientError):
    """The job goes on, but nobody waits for it any more."""

    def __init__(self, job: Job, seconds: float) -> None:
        super().__init__(f"the job is {job.status} after {seconds:g} s")
        self.job = job


class WebhookError(ClientError):
    """Not to be believed."""
