"""Errors of the client.

ClientError
    ArgumentError        an argument cannot be sent to the service
    NotReachableError    the service did not respond, after all retries
    ServiceError         the service refused the request; `.status`, `.code`, `.errors`, `.request_id`
    JobEndedError        the job failed or was canceled; `.job`
    WaitedTooLongError   the job did not end in time; `.job`
    WebhookError         the webhook is not from the service, or too old
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

    from nst_client.job import Job


class ClientError(Exception):
    """Base class of all errors; its text is a message for people."""


class ArgumentError(ClientError, ValueError):
    """An argument cannot be sent to the service."""


class NotReachableError(ClientError):
    """The service did not respond, after all retries."""


class ServiceError(ClientError):
    """The service refused a request; `errors` maps JSON pointers to what is wrong there."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code", "unknown"))
        self.detail = str(problem.get("detail") or problem.get("title") or f"status {status}")
        self.request_id = str(problem.get("request_id", ""))
        self.errors = {str(item.get("pointer")): str(item.get("detail")) for item in problem.get("errors") or ()}
        details = "; ".join(f"{pointer.removeprefix('#/')}: {detail}" for pointer, detail in self.errors.items())
        super().__init__(details or self.detail)

    @classmethod
    def from_response(cls, response: httpx.Response) -> ServiceError:
        """Read the problem document (RFC 9457) of a response, if it has one."""
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        return cls(response.status_code, problem if isinstance(problem, dict) else {})


class JobEndedError(ClientError):
    """The job ended without a result."""

    def __init__(self, job: Job) -> None:
        ended = f"the job {'was ' if job.status == 'canceled' else ''}{job.status}"
        super().__init__(f"{ended}: {job.error_message}" if job.error_message else ended)
        self.job = job


class WaitedTooLongError(ClientError):
    """The job did not end within the timeout; it continues."""

    def __init__(self, job: Job, seconds: float) -> None:
        super().__init__(f"the job is {job.status} after {seconds:g} s")
        self.job = job


class WebhookError(ClientError):
    """The webhook is not from the service, or it is too old."""
