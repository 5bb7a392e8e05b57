"""A client of an nst service, `from nst_client import Client`; it depends only on httpx."""

from nst_client.asynchronous import AsyncClient
from nst_client.calls import StyleName
from nst_client.errors import (
    ArgumentError,
    ClientError,
    JobEndedError,
    NotReachableError,
    ServiceError,
    WaitedTooLongError,
    WebhookError,
)
from nst_client.events import Event
from nst_client.job import Job, Page, Painted, Progress, Result
from nst_client.retries import Retries
from nst_client.synchronous import Client
from nst_client.usage import Usage
from nst_client.webhooks import verify_webhook

__all__ = [
    "ArgumentError",
    "AsyncClient",
    "Client",
    "ClientError",
    "Event",
    "Job",
    "JobEndedError",
    "NotReachableError",
    "Page",
    "Painted",
    "Progress",
    "Result",
    "Retries",
    "ServiceError",
    "StyleName",
    "Usage",
    "WaitedTooLongError",
    "WebhookError",
    "verify_webhook",
]
