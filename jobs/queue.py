"""The job queue: Celery messages over Redis that wake a worker up. A message names no job."""

from __future__ import annotations

import ssl
from typing import Any, Protocol
from urllib.parse import quote

from celery import Celery
from kombu.exceptions import OperationalError

from jobs.errors import StoreUnavailable
from jobs.settings import JobSettings, SentinelAddress, sentinel_address
from jobs.status import Priority
from jobs.store.scripts import PREFIX

RUN_TASK = "nst.run"
POLL_SECONDS = 5  # how long one BRPOP waits for a message, which ends it at once


class JobQueue(Protocol):
    """A queue of wake-up messages."""

    def notify(self, model: str, priority: Priority) -> None:
        """Wake up a worker of a network; may block for a moment. Raise StoreUnavailable if the broker is down."""


def queue_name(model: str, priority: Priority) -> str:
    """Return the name of the Celery queue of a network and priority."""
    return f"run.{model}.{priority}"


def make_celery(settings: JobSettings) -> Celery:
    """Make the Celery application; it connects when first used.

    Messages are acknowledged early and Celery stores no results: the job record is the truth, and a worker that
    receives a message claims whichever job is next by then.
    """
    app = Celery("nst", broker=broker_url(settings.redis_url), set_as_current=False)
    transport = {
        "global_keyprefix": PREFIX,
        "socket_timeout": max(settings.redis_timeout_seconds, 5.0),
        "socket_connect_timeout": settings.redis_timeout_seconds,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "visibility_timeout": 7 * 24 * 3600,
        "polling_interval": POLL_SECONDS,
        **_sentinel_options(settings),
    }
    app.conf.update(
        broker_transport_options=transport,
        broker_use_ssl=_tls_options(settings),
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_pool_limit=4,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_concurrency=1,
        worker_proc_alive_timeout=120.0,  # a child process opens its device before it reports that it is up
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=False,
        task_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        result_backend=None,
        enable_utc=True,
    )
    return app


def broker_url(redis_url: str) -> str:
    """Return the address of Redis in the form that Celery understands."""
    if (address := sentinel_address(redis_url)) is not None:
        return ";".join(_sentinel_url(address, host, port) for host, port in address.sentinels)
    return "redis+socket://" + redis_url.removeprefix("unix://") if redis_url.startswith("unix://") else redis_url


def _sentinel_url(address: SentinelAddress, host: str, port: int) -> str:
    """Return the address of one sentinel, with the user and the database of the Redis that it names."""
    user = f"{quote(address.username or '', safe='')}:{quote(address.password, safe='')}@" if address.password else ""
    return f"sentinel://{user}{f'[{host}]' if ':' in host else host}:{port}/{address.database}"


def _sentinel_options(settings: JobSettings) -> dict[str, Any]:
    address = sentinel_address(settings.redis_url)
    if address is None:
        return {}
    timeout = settings.redis_timeout_seconds
    options = {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "protocol": 2,
        "password": address.sentinel_password,
        "ssl": address.tls,
    }
    return {"master_name": address.service, "sentinel_kwargs": options}


def _tls_options(settings: JobSettings) -> dict[str, Any] | None:
    """Return what Celery needs to check certificates, which it does not by default, unless ?ssl_cert_reqs= says so."""
    address = sentinel_address(settings.redis_url)
    uses_tls = settings.redis_url.startswith("rediss://") if address is None else address.tls
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} if uses_tls else None


class CeleryQueue:
    """A queue of Celery messages."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def notify(self, model: str, priority: Priority) -> None:
        """Send one wake-up message; raise StoreUnavailable if the broker cannot be reached."""
        options: dict[str, Any] = {"queue": queue_name(model, priority), "retry": False, "ignore_result": True}
        try:
            self._app.send_task(RUN_TASK, args=[model], **options)
        except (OperationalError, OSError) as error:
            raise StoreUnavailable("The broker is not available.") from error
