"""The HTTP server: `python -m api.main` checks that jobs can be accepted and serves the application."""

import asyncio
import gc
import logging
import socket
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI
from pydantic import ValidationError

from api.app import create_app
from api.security.connection_guard import guarded_protocol
from api.security.keyless_access import is_loopback
from api.services import Services
from api.settings import ApiSettings
from jobs.api_keys import ApiKeys
from jobs.connections import connect_async, refusal
from jobs.errors import JobsError, StorageFull, StoreUnavailable
from jobs.logs import configure_logging
from jobs.settings import JobSettings, settings_problem
from jobs.storage.factory import open_blobs
from jobs.tracing import configure_tracing

log = logging.getLogger(__name__)


def serve(settings: ApiSettings, job_settings: JobSettings) -> int:
    """Serve until a signal ends it; returns the exit code."""
    configure_logging(settings.log_level)
    configure_tracing("api")
    if reason := startup_problem(job_settings):
        log.error(reason)
        return 1
    if not asyncio.run(_may_bind(settings, job_settings)):
        log.error(
            "there is no API key; create one with `nst keys create NAME`. "
            "Without keys the API binds to loopback addresses only, unless --insecure-no-auth is given"
        )
        return 2
    app = create_app(settings, job_settings)
    server = _Server(server_config(app, settings), app)
    server.run()
    return 0 if server.started else 1


def startup_problem(job_settings: JobSettings) -> str | None:
    """Return why jobs cannot be accepted; a full disk is no reason, because it may have room again."""
    try:
        if reason := refusal(job_settings):
            return reason
        open_blobs(job_settings).check()
    except StoreUnavailable:
        return "Redis is not reachable (NST_REDIS_URL)"
    except StorageFull:
        return None
    except JobsError as error:
        return str(error)
    return None


async def _may_bind(settings: ApiSettings, job_settings: JobSettings) -> bool:
    """Allow addresses that other machines reach only if an API key exists or the operator insists."""
    if is_loopback(settings.host) or settings.insecure_no_auth:
        return True
    redis = connect_async(job_settings)
    try:
        return await ApiKeys(redis).exist()
    finally:
        await redis.aclose()


class _Server(uvicorn.Server):
    """A server that, when it is told to stop, refuses new jobs and ends its event streams at once."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve."""
        await super().startup(sockets)
        freeze_gc()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to stop."""
        services: Services | None = getattr(self._app.state, "services", None)
        if services is not None:
            services.draining = True
            asyncio.get_running_loop().call_soon_threadsafe(services.event_hub.stop)
        super().handle_exit(sig, frame)


def freeze_gc() -> None:
    """Exclude all present objects from future garbage collections.

    Modules and routes stay for good. Scanning their 100,000 objects takes a tenth of a second, in which no request is
    answered.
    """
    gc.collect()
    gc.freeze()


def server_config(app: FastAPI, settings: ApiSettings) -> uvicorn.Config:
    """Return how the app is served; X-Forwarded-… headers are trusted only from the listed proxies."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        http=guarded_protocol(
            head_seconds=settings.upload_idle_seconds,
            response_seconds=settings.response_idle_seconds,
            max_connections=settings.max_connections,
        ),
        ws="none",
        backlog=1024,
    )


def main() -> int:
    """Serve with the settings of the environment, or name the one that is wrong."""
    try:
        settings, job_settings = ApiSettings(), JobSettings()
    except ValidationError as error:
        sys.stderr.write(f"nst api: {settings_problem(error)}\n")
        return 2
    return serve(settings, job_settings)


if __name__ == "__main__":
    sys.exit(main())
