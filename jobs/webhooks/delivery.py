"""Webhooks: signed requests (Standard Webhooks) that tell a client's server that a job has ended."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

import httpx
from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from redis import Redis
from standardwebhooks.webhooks import Webhook

from jobs.connections import store_errors
from jobs.errors import BlobNotFound, StoreUnavailable
from jobs.model import ResultDelivery
from jobs.outbound.exchange import exchange
from jobs.outbound.url_guard import AddressRefusedError, AddressUnknownError, Destination, Resolve, destination, resolve
from jobs.service_secret import service_secret_now, webhook_secret
from jobs.settings import LONGEST, Seconds, ServiceSecret, WebhookHosts, split_names
from jobs.storage.blobs import Blobs
from jobs.store.scripts import key
from jobs.timestamps import format_rfc3339
from jobs.tracing import span
from jobs.webhooks.outbox import Delivery, Outbox
from jobs.webhooks.results import Uploader, is_final, put

log = logging.getLogger(__name__)
ANSWER_SECONDS = 10.0  # maximum time for a receiver to answer
GONE = 410
PARALLEL_DELIVERIES = 4
GONE_SECONDS = 30 * 24 * 3600  # how long a URL that answered 410 is not called
RESULT = "result"  # type of a delivery that is no webhook
REFUSED = 0  # in place of a status: the URL must not be called


class WebhookSettings(BaseSettings):
    """Settings of webhooks. The variable of each is `NST_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="NST_", env_ignore_empty=True, frozen=True, extra="ignore", allow_inf_nan=False
    )

    secret: ServiceSecret = None
    webhook_hosts: WebhookHosts = ()
    result_seconds: Seconds = Field(
        300, description="Maximum time for one attempt to deliver a result to its `result_url`, in seconds."
    )
    webhook_delays: Annotated[
        tuple[Annotated[float, Field(ge=0, le=LONGEST)], ...], NoDecode, BeforeValidator(split_names)
    ] = Field(
        (5, 60, 300, 1800, 7200, 18000, 36000),
        description="Delays before the second and each further attempt at a webhook or a delivery, in seconds.",
    )


class Sender(Protocol):
    """Sends a request; `post` is the real one."""

    def __call__(self, place: Destination, body: bytes, headers: dict[str, str], *, seconds: float) -> int:
        """Return the status of the response; raise httpx.HTTPError."""


def post(place: Destination, body: bytes, headers: dict[str, str], *, seconds: float) -> int:
    """Send a request to the checked address under its host name; follow no redirect and read no body.

    `seconds` limits the whole exchange. A synchronous client has only timeouts between two reads, so a receiver that
    sends its headers byte by byte could hold it forever.
    """
    try:
        return asyncio.run(asyncio.wait_for(_post(place, body, headers, seconds), seconds))
    except TimeoutError:
        raise httpx.ReadTimeout("the receiver did not answer in time") from None


async def _post(place: Destination, body: bytes, headers: dict[str, str], seconds: float) -> int:
    async with exchange("POST", place, headers=headers, content=body, seconds=seconds) as answer:
        return answer.status_code


class Webhooks:
    """Delivers what is due in the outbox, several deliveries at once because a receiver may be slow."""

    def __init__(
        self,
        redis: Redis,
        outbox: Outbox,
        settings: WebhookSettings,
        *,
        blobs: Blobs | None = None,
        sender: Sender = post,
        uploader: Uploader = put,
        resolver: Resolve = resolve,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        executor: Executor | None = None,
    ) -> None:
        self._redis: Any = redis
        self._outbox, self._settings = outbox, settings
        self._secret = settings.secret.get_secret_value().encode() if settings.secret else None
        self._blobs, self._upload = blobs, uploader
        self._send, self._resolve, self._now = sender, resolver, now
        self._executor = executor or ThreadPoolExecutor(PARALLEL_DELIVERIES, thread_name_prefix="webhooks")
        self._free_threads = threading.Semaphore(PARALLEL_DELIVERIES)

    def deliver_due(self) -> None:
        """Start every delivery that is due, each as soon as a thread is free; raise StoreUnavailable."""
        while delivery := self._take():
            self._executor.submit(self._run_delivery, delivery)

    def _take(self) -> Delivery | None:
        """Take a delivery once a thread is free: its lease starts now."""
        self._free_threads.acquire()
        delivery = None
        try:
            delivery = self._outbox.take(lease_seconds=ANSWER_SECONDS * 3 + 30)
        finally:
            if delivery is None:
                self._free_threads.release()
        return delivery

    def _run_delivery(self, delivery: Delivery) -> None:
        """Deliver, and log what goes wrong; the outbox offers the delivery again when its lease expires."""
        try:
            self._deliver(delivery)
        except StoreUnavailable as error:
            log.warning("the result of a webhook was not stored: %s", error)
        except Exception:  # the last frame of this thread
            log.exception("a webhook failed unexpectedly")
        finally:
            self._free_threads.release()

    def _deliver(self, delivery: Delivery) -> None:
        if delivery.payload["type"] == RESULT:
            self._deliver_result(delivery)
            return
        if self._is_gone(delivery):
            self._outbox.done(delivery)
            return
        status, reason = self._attempt(delivery)
        self._settle(delivery, status, reason)

    def _attempt(self, delivery: Delivery) -> tuple[int | None, str]:
        """Send a webhook; return the status or REFUSED, or None and the reason why there is no response."""
        try:
            place = destination(delivery.url, allowed_hosts=self._settings.webhook_hosts, resolver=self._resolve)
        except AddressRefusedError as error:
            return REFUSED, str(error)
        except AddressUnknownError as error:
            return None, str(error)
        body, headers = self.signed(delivery)
        try:
            with span("send webhook", delivery.traceparent, kind="CLIENT", **{"nst.job.id": delivery.job_id}) as parent:
                traced = {"traceparent": parent} if parent else {}
                return self._send(place, body, headers | traced, seconds=ANSWER_SECONDS), ""
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return None, type(error).__name__

    def _deliver_result(self, delivery: Delivery) -> None:
        seconds = self._settings.result_seconds
        self._outbox.retry(delivery, in_seconds=seconds + 30)  # a longer lease than that of a webhook
        try:
            status = self._upload_result(delivery, seconds)
        except (AddressRefusedError, BlobNotFound) as error:
            self._outbox.settle_result(delivery, ResultDelivery(status="failed", detail=str(error)))
            return
        except AddressUnknownError as error:
            problem, final = str(error), False
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            problem, final = f"the server could not be reached ({type(error).__name__})", False
        else:
            problem, final = f"the server answered with status {status}", is_final(status)
            if 200 <= status < 300:
                log.info("result delivered", extra={"job": delivery.job_id, "attempt": delivery.attempt})
                self._outbox.settle_result(delivery, ResultDelivery(status="delivered"))
                return
        if final or delivery.attempt > len(self._settings.webhook_delays):
            log.warning("the result of job %s was not delivered: %s", delivery.job_id, problem)
            self._outbox.settle_result(delivery, ResultDelivery(status="failed", detail=problem))
        else:
            self._retry(delivery, problem)

    def _upload_result(self, delivery: Delivery, seconds: float) -> int:
        """Send the stored picture; return the status of the response."""
        assert self._blobs is not None
        result = delivery.payload["data"]
        place = destination(delivery.url, allowed_hosts=self._settings.webhook_hosts, resolver=self._resolve)
        with self._blobs.open(result["blob"]) as file:
            return self._upload(place, file, size=result["bytes"], media_type=result["media_type"], seconds=seconds)

    def signed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of a delivery."""
        ended = datetime.fromtimestamp(delivery.payload["time_ms"] / 1000, UTC)
        payload = {
            "type": delivery.payload["type"],
            "timestamp": format_rfc3339(ended),
            "data": delivery.payload["data"],
        }
        text, now = json.dumps(payload, separators=(",", ":")), self._now()
        if self._secret is None:
            self._secret = service_secret_now(self._redis)
        signer = Webhook(webhook_secret(self._secret, delivery.owner))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "nst",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": signer.sign(delivery.id, now, text),
        }
        return text.encode(), headers

    def _settle(self, delivery: Delivery, status: int | None, reason: str) -> None:
        told = {"job": delivery.job_id, "attempt": delivery.attempt, "status": status}
        if status is not None and 200 <= status < 300:
            log.info("webhook delivered", extra=told)
            self._outbox.done(delivery)
        elif status == REFUSED:
            log.warning("webhook refused: %s", reason, extra=told)
            self._outbox.done(delivery)
        elif status == GONE:
            log.warning("webhook disabled by its receiver (410)", extra=told)
            self._disable(delivery)
            self._outbox.done(delivery)
        else:
            self._retry(delivery, reason or f"status {status}")

    def _retry(self, delivery: Delivery, reason: str) -> None:
        delays: Sequence[float] = self._settings.webhook_delays
        if delivery.attempt > len(delays):
            log.warning("webhook given up after %d attempts: %s", delivery.attempt, reason)
            self._outbox.done(delivery)
            return
        log.info("delivery %s failed and will be tried again: %s", delivery.id, reason)
        self._outbox.retry(delivery, in_seconds=delays[delivery.attempt - 1])

    def _is_gone(self, delivery: Delivery) -> bool:
        with store_errors():
            return bool(self._redis.exists(_gone_key(delivery)))

    def _disable(self, delivery: Delivery) -> None:
        with store_errors():
            self._redis.set(_gone_key(delivery), "1", ex=GONE_SECONDS)


def _gone_key(delivery: Delivery) -> str:
    digest = hashlib.sha256(f"{delivery.owner}\n{delivery.url}".encode()).hexdigest()
    return key("webhook-gone", digest)
