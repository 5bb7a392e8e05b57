"""The API's composition root: settings in, an application out; `python -m api.main` serves it."""

import asyncio
import gc
import logging
import shutil
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from anyio import to_thread
from fastapi import FastAPI
from limits.aio.storage import RedisStorage
from redis.asyncio import Redis
from starlette.middleware.cors import CORSMiddleware

from api import problems
from api.decoding.pool import DecoderPool
from api.docs import openapi, page
from api.event_hub import EventHub
from api.metrics import Metrics
from api.middleware import RequestMiddleware
from api.routes import catalogue, events, health, jobs, results, workers
from api.security.auth import KeylessAccess, is_loopback
from api.security.rate_limits import Rates
from api.security.signed_urls import Signer
from api.security.slow_request_guard import bounded
from api.services import Services
from api.settings import ApiSettings
from api.web_page import mount_page
from jobs.api_keys import ApiKeys
from jobs.connections import connect_async, refusal
from jobs.errors import JobsError, StorageFull, StoreUnavailable
from jobs.logs import configure_logging
from jobs.queue import CeleryQueue, make_celery
from jobs.service_secret import service_secret
from jobs.settings import JobSettings
from jobs.storage.factory import open_blobs
from jobs.store.job_store import JobStore
from jobs.worker_registry import AsyncWorkerRegistry
from nst_engine.images.reading import PictureLimits
from nst_engine.version import __version__

log = logging.getLogger(__name__)


def make_decoder_pool(settings: ApiSettings) -> DecoderPool:
    """Build what decodes uploads."""
    return DecoderPool(
        processes=settings.decoders,
        seconds=settings.picture_seconds,
        memory=settings.picture_memory_bytes,
        limits=PictureLimits(max_pixels=settings.max_pixels, min_side=settings.min_side, max_side=settings.max_side),
    )


def create_app(
    settings: ApiSettings | None = None,
    job_settings: JobSettings | None = None,
    *,
    make_decoder_pool: Callable[[ApiSettings], DecoderPool] = make_decoder_pool,
) -> FastAPI:
    """Build the application; nothing is connected before it starts."""
    settings, job_settings = settings or ApiSettings(), job_settings or JobSettings()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect_async(job_settings)
        services = await _services(settings, job_settings, redis, metrics, make_decoder_pool(settings))
        app.state.services, app.state.door = services, KeylessAccess()
        sweeping = asyncio.create_task(_keep_swept(services))
        try:
            yield
        finally:
            services.draining = True
            sweeping.cancel()
            await services.hub.close()
            await services.darkroom.close()
            await services.client.aclose()

    app = FastAPI(
        title="nst",
        version=__version__,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        openapi_tags=openapi.TAGS,
        separate_input_output_schemas=False,
    )
    problems.register(app)
    for module in (jobs, events, results, catalogue, workers, health, page):
        app.router.routes.extend(module.router.routes)  # include_router would have every path matched twice
    openapi.install(app)
    mount_page(app)
    if settings.cors_origins:
        app.add_middleware(CORSMiddleware, **_cors(settings))
    app.add_middleware(
        RequestMiddleware, metrics=metrics, root_path=settings.root_path, shared_with=settings.cors_origins
    )
    return app


async def _services(
    settings: ApiSettings, job_settings: JobSettings, redis: Redis, metrics: Metrics, darkroom: DecoderPool
) -> Services:
    storage = RedisStorage(
        "redis://",
        implementation="redispy",
        key_prefix="nst:limits",
        connection_pool=redis.connection_pool,  # type: ignore[arg-type]
    )
    queue = CeleryQueue(make_celery(job_settings))
    client = JobStore(redis, queue, job_settings, fresh_seconds=settings.view_seconds)
    secret = settings.secret.get_secret_value().encode() if settings.secret else await service_secret(redis)
    return Services(
        settings=settings,
        job_settings=job_settings,
        client=client,
        workers=AsyncWorkerRegistry(redis, job_settings),
        blobs=await to_thread.run_sync(open_blobs, job_settings),
        keys=ApiKeys(redis),
        rates=Rates(storage, creates=settings.creates_per_minute, bad_keys=settings.bad_keys_per_minute),
        signer=Signer(secret, seconds=settings.picture_url_seconds),
        hub=EventHub(client),
        darkroom=darkroom,
        metrics=metrics,
    )


async def _keep_swept(services: Services) -> None:
    """Remove, now and then, what an API that was killed left of the bodies it was receiving."""
    settings = services.job_settings
    while True:
        await to_thread.run_sync(_sweep, services.incoming, settings.upload_timeout_seconds)
        await asyncio.sleep(settings.sweep_seconds)


def _sweep(folder: Path, seconds: float) -> None:
    """Remove what is older than an upload may take."""
    if not folder.is_dir():
        return
    for left in folder.iterdir():
        with suppress(FileNotFoundError):  # an upload that just ended
            if time.time() - left.stat().st_mtime > seconds:
                shutil.rmtree(left, ignore_errors=True)


def _cors(settings: ApiSettings) -> dict[str, Any]:
    return {
        "allow_origins": list(settings.cors_origins),
        "allow_methods": ["GET", "POST", "DELETE"],
        "allow_headers": [
            "Authorization",
            "Content-Type",
            "Idempotency-Key",
            "If-None-Match",
            "Last-Event-ID",
            "Prefer",
        ],
        "expose_headers": ["ETag", "Location", "Retry-After", "X-Request-ID", "Content-Range", "Content-Disposition"],
        "max_age": 600,
    }


async def _may_serve(settings: ApiSettings, job_settings: JobSettings) -> bool:
    """Tell whether the address may be bound: others' machines only with keys, or when that was asked for."""
    if is_loopback(settings.host) or settings.insecure_no_auth:
        return True
    redis = connect_async(job_settings)
    try:
        return await ApiKeys(redis).exist()
    finally:
        await redis.aclose()


def trouble(job_settings: JobSettings) -> str | None:
    """Say why jobs could not be taken at all; a storage that is full may have room again."""
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


def serve(settings: ApiSettings, job_settings: JobSettings) -> int:
    """Serve until a signal says otherwise; returns the exit code."""
    configure_logging(settings.log_level)
    if reason := trouble(job_settings):
        log.error(reason)
        return 1
    if not asyncio.run(_may_serve(settings, job_settings)):
        log.error(
            "no API key exists: `nst keys create NAME` makes one; "
            "without keys the API binds to loopback only, unless --insecure-no-auth is given"
        )
        return 2
    app = create_app(settings, job_settings)
    server = _Server(server_config(app, settings), app)
    server.run()
    return 0 if server.started else 1


def settle() -> None:
    """Leave what there is now out of every garbage collection to come.

    Modules and routes stay for good: 100,000 objects, and to look through them all takes the tenth of a second, in
    which no request is answered.
    """
    gc.collect()
    gc.freeze()


class _Server(uvicorn.Server):
    """A server that, once told to end, takes no more jobs and lets its event streams go at once."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets)
        settle()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        services: Services | None = getattr(self._app.state, "services", None)
        if services is not None:
            services.draining = True
            asyncio.get_running_loop().call_soon_threadsafe(services.hub.stop)
        super().handle_exit(sig, frame)


def server_config(app: FastAPI, settings: ApiSettings) -> uvicorn.Config:
    """Say how the app is served; forwarded headers are believed from listed proxies only."""
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
        http=bounded(seconds=settings.head_seconds, most_bytes=settings.max_head_bytes),
        ws="none",
        backlog=1024,
    )


if __name__ == "__main__":
    sys.exit(serve(ApiSettings(), JobSettings()))
